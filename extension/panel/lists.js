// The lists of the side panel: what was said, and every card and silence with what became of it.

import { PARTIES } from "../call/journal.js";
import { clock } from "./customer.js";

/** @typedef {import("../call/journal.js").Journal} Journal */

const { el } = copilotCard;

/**
 * Makes only what is new and removes only what is gone, so that selections and readers are left in peace, and no heap of old
 * elements waits to be collected.
 * @param {HTMLElement} list
 * @param {[string, () => HTMLElement, string?][]} items key, how to make it, and the text at its end, which may change by itself
 */
function reconcile(list, items) {
  const keys = new Set(items.map(([key]) => key));
  const known = new Map();
  for (const child of /** @type {HTMLElement[]} */ ([...list.children])) {
    if (keys.has(child.dataset.key ?? "")) known.set(child.dataset.key, child);
    else child.remove();
  }
  for (const [place, [key, make, text]] of items.entries()) {
    const there = /** @type {HTMLElement | undefined} */ (list.children[place]);
    if (there?.dataset.key !== key) {
      const item = known.get(key) ?? make();
      item.dataset.key = key;
      list.insertBefore(item, there ?? null);
    }
    const last = list.children[place]?.lastElementChild?.lastChild;
    if (text !== undefined && last instanceof Text && last.data !== text) last.data = text;
  }
}

/** @param {HTMLElement} list @param {Journal} journal */
export function drawLines(list, journal) {
  /** @type {[string, () => HTMLElement, string?][]} */
  const items = journal.lines.map(({ party, start, text }) => [`${party}${start}`, () => line(party, clock(start), text, ""), text]);
  for (const party of PARTIES) {
    const guess = journal.guesses[party];
    if (guess) items.push([`guess${party}`, () => line(party, clock(journal.tick), guess, "guess"), guess]);
  }
  reconcile(list, items);
}

/** @param {string} party @param {string} time @param {string} text @param {string} more */
function line(party, time, text, more) {
  return el("li", { class: party }, el("time", {}, time), el("span", { class: more }, el("b", {}, ext.t(party)), text));
}

/** @param {HTMLElement} list @param {Journal} journal newest first */
export function drawHistory(list, journal) {
  /** @type {{tick: number, key: string, make: () => HTMLElement}[]} */
  const items = [
    ...journal.cards.map((card) => ({
      tick: card.tick,
      key: `c${card.inquiry}.${card.revision}.${card.gone}.${card.touches.join()}.${card.spoken}.${journal.ended !== ""}`,
      make: () => el("li", { class: "was-card" },
        el("p", { class: "soft" }, `${clock(card.tick)} · ${card.by ? ext.t("fromSupervisor", card.by) : `${card.title} · ${card.support} %`}`),
        el("p", { class: "line" }, card.text),
        el("p", { class: "soft" }, fate(card, journal))),
    })),
    ...journal.silences.map((silence) => ({
      tick: silence.tick,
      key: `s${silence.tick}.${silence.reason}.${silence.query}`,
      make: () => el("li", { class: "silence" },
        el("p", { class: "soft" }, `${clock(silence.tick)} · ${ext.t("silent")}: ${ext.t(`silence_${silence.reason}`)}`),
        el("p", {}, ext.t(`silence_${silence.reason}_why`)),
        el("p", { class: "soft" }, ext.t("heard"), " ", el("q", {}, silence.query))),
    })),
    ...journal.failures.map((failure) => ({
      tick: failure.tick,
      key: `f${failure.tick}.${failure.what}`,
      make: () => el("li", { class: "silence" }, el("p", { class: "soft" }, clock(failure.tick)), el("p", {}, ext.t(`failed_${failure.what}`))),
    })),
  ];
  items.sort((one, other) => other.tick - one.tick);
  reconcile(list, items.map(({ key, make }) => [key, make]));
}

/** The team's playbook: it ticks itself from what the agent says. @param {HTMLElement} list @param {Journal} journal */
export function drawSteps(list, journal) {
  reconcile(list, journal.steps.map(({ name, rule, done }) => [`${name}${done}`, () => {
    const broken = done && rule === "must_not_say";
    const state = broken ? "stepBroken" : done ? "stepDone" : `step_${rule}`;
    return el("li", { class: broken ? "broken" : done ? "done" : "" },
      el("span", { class: "tick", "aria-hidden": "true" }, broken ? "!" : done ? "✓" : ""),
      el("span", {}, name), el("span", { class: "soft" }, ext.t(state)));
  }]));
}

/** What became of a card. @param {import("../call/journal.js").Card} card @param {Journal} journal */
function fate(card, { ended }) {
  const parts = [
    ...card.touches.map((how) => ext.t(`touch_${how}`)),
    ...(card.spoken ? [ext.t("wasSpoken")] : []),
    card.gone ? ext.t(`gone_${card.gone}`) : ext.t(ended ? "gone_call_ended" : "stillUp"),
  ];
  return parts.join(" · ");
}

/** An answer as far as it has come: sentences, then the sources that they stand on. @param {HTMLElement} into @param {any[]} parts as the server sends them */
export function drawAnswer(into, parts) {
  const told = parts.filter(({ type }) => type === "answer");
  const cited = new Set(told.flatMap(({ sources }) => sources));
  const sources = parts.filter(({ source }) => cited.has(source)).map(answerSource);
  const done = parts.find(({ type }) => type === "done");
  const nothing = done && !told.length ? [el("p", {}, ext.t("askNothing"))] : [];
  const lines = told.map(({ text }, place) => el("p", { class: place ? "" : "line" }, text));
  into.replaceChildren(...(lines.length || nothing.length ? [...lines, ...nothing] : [el("p", {}, ext.t("looking"))]), ...sources);
}

/** A passage, a line of the call, or what a tool brought. @param {any} part */
function answerSource(part) {
  if (part.type === "passage") {
    return el("p", { class: "soft" }, `${part.title} · ${part.support} % `,
      el("button", { type: "button", class: "link", click: () => void ext.send({ to: "worker", what: "source", passage: part.id }) }, ext.t("source")));
  }
  if (part.type === "excerpt") return el("p", { class: "soft" }, `${ext.t(part.party)} · ${part.at} `, el("q", {}, part.text));
  return el("p", { class: "soft" }, `${part.tool} ${part.arguments}`);
}
