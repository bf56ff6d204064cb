// The timeline picture: what its marks mean on hover and focus, and how it grows while a call is on.

import { svg, el } from "./dom.js";
import { TICKS_PER_SECOND, clock } from "./time.js";

const ROW_TICKS = 750;
const LANE_Y = { agent: 8, customer: 30 };

/** Shows the label of the mark under the pointer or with the focus. */
export function explainMarks(timeline) {
  const tip = el("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  timeline.append(tip);
  const show = (event) => {
    const mark = event.target.closest("[data-tip]");
    if (!mark) return;
    tip.textContent = mark.dataset.tip;
    tip.hidden = false;
    const box = timeline.getBoundingClientRect();
    const dot = mark.querySelector(".mark-dot").getBoundingClientRect();
    const left = dot.left + dot.width / 2 - box.left - tip.offsetWidth / 2;
    tip.style.left = `${Math.max(4, Math.min(left, box.width - tip.offsetWidth - 4))}px`;
    tip.style.top = `${dot.bottom - box.top + 10}px`;
  };
  const hide = () => { tip.hidden = true; };
  timeline.addEventListener("pointerover", show);
  timeline.addEventListener("focusin", show);
  timeline.addEventListener("pointerout", hide);
  timeline.addEventListener("focusout", hide);
  timeline.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
}

/** A click on the picture, or on a mark by any means, jumps there in the sound; a line shows where it is. */
export function followSound(timeline, sound) {
  timeline.classList.add("heard");
  timeline.addEventListener("click", (event) => {
    const picture = event.target.closest("svg.lanes");
    if (!picture) return;
    const row = rowOf(picture);
    const mark = event.target.closest("[data-tip]");
    const box = picture.getBoundingClientRect();
    const part = mark ? parseFloat(mark.querySelector("line").getAttribute("x1")) / 100
      : (event.clientX - box.left) / box.width;
    sound.currentTime = (row.start + Math.max(0, part) * row.span) / TICKS_PER_SECOND;
    sound.play();
  });
  const head = svg("line", { class: "playhead", y1: 2, y2: 74 });
  sound.addEventListener("timeupdate", () => {
    const tick = sound.currentTime * TICKS_PER_SECOND;
    for (const picture of timeline.querySelectorAll("svg.lanes")) {
      const row = rowOf(picture);
      if (tick < row.start || tick >= row.start + row.span) continue;
      const x = `${((100 * (tick - row.start)) / row.span).toFixed(2)}%`;
      head.setAttribute("x1", x);
      head.setAttribute("x2", x);
      if (head.parentNode !== picture) picture.append(head);
    }
  });
}

const rowOf = (picture) => ({ start: Number(picture.dataset.start), span: Number(picture.dataset.span) });

/** Rows of one minute that fill as ticks come. */
export class GrowingTimeline {
  /** @param {HTMLElement} timeline the picture @param {HTMLElement} place where its rows go */
  constructor(timeline, place) {
    this.place = place;
    this.rows = [];
    this.open = {};
    explainMarks(timeline);
    this.#row(0);
  }

  /** The call has come to this tick. */
  advance(tick) {
    const row = this.#row(tick);
    const width = percent(tick + 1 - row.start);
    for (const lane of row.lanes) lane.setAttribute("width", width);
  }

  /** The party speaks from `start` to `end`; called again with a later end, the bar grows. */
  speak(party, start, end) {
    let from = start;
    while (from < end) {
      const row = this.#row(from);
      const to = Math.min(end, row.start + ROW_TICKS);
      this.#bar(party, from, row).setAttribute("width", percent(to - from));
      from = to;
    }
  }

  /** @param {"card" | "silence"} kind */
  mark(kind, tick, label, target) {
    const row = this.#row(tick);
    const x = percent(tick - row.start);
    row.svg.append(
      svg("a", { href: `#${target}`, class: `mark-${kind}`, "aria-label": label, "data-tip": label },
        svg("line", { x1: x, x2: x, y1: 4, y2: 56 }),
        svg("circle", { class: "mark-hit", cx: x, cy: 63, r: 12 }),
        svg("circle", { class: "mark-dot", cx: x, cy: 63, r: kind === "card" ? 7 : 5 })),
    );
  }

  #bar(party, start, row) {
    const known = this.open[party];
    if (known && known.start === start) return known.bar;
    const bar = svg("rect", {
      class: `bar-${party}`, x: percent(start - row.start), y: LANE_Y[party], height: 18, rx: 3, width: 0,
    });
    row.bars.append(bar);
    this.open[party] = { start, bar };
    return bar;
  }

  #row(tick) {
    const number = Math.floor(tick / ROW_TICKS);
    while (this.rows.length <= number) this.rows.push(this.#addRow(this.rows.length * ROW_TICKS));
    return this.rows[number];
  }

  #addRow(start) {
    const lanes = Object.values(LANE_Y).map((y) =>
      svg("rect", { class: "lane", x: 0, y, height: 18, rx: 3, width: 0 }));
    const bars = svg("g");
    const grid = [1, 2, 3, 4, 5].map((part) => {
      const x = percent((ROW_TICKS * part) / 6);
      return svg("line", { class: "grid", x1: x, x2: x, y1: 4, y2: 72 });
    });
    const picture = svg("svg", {
      class: "lanes", width: "100%", height: 76, role: "group", "aria-label": `From ${clock(start)}`,
    }, ...lanes, ...grid, bars);
    for (const earlier of this.rows) {
      for (const lane of earlier.lanes) lane.setAttribute("width", "100%");
    }
    this.place.append(
      el("div", { class: "timeline-row" }, el("span", { class: "timeline-time" }, clock(start)), picture));
    this.place.scrollTop = this.place.scrollHeight;
    return { start, svg: picture, bars, lanes };
  }
}

function percent(ticks) {
  return `${Math.min(100, (100 * ticks) / ROW_TICKS).toFixed(2)}%`;
}
