// The page of a call that is on: everything that is said, shown and withheld, as it happens.

import { byId, el, readWords } from "./dom.js";
import { follow } from "./feed.js";
import { Playbook } from "./playbook.js";
import { clock, localizeMoments, TICKS_PER_SECOND } from "./time.js";
import { GrowingTimeline } from "./timeline.js";
import { PARTIES, Transcript } from "./transcript.js";

const HELD_TICKS = 100;
const NO_PACKETS_MS = 2500;
const WORDS = readWords();

class LiveCall {
  constructor(id) {
    this.timeline = new GrowingTimeline(byId("timeline"), byId("timeline-rows"));
    this.transcript = new Transcript(byId("transcript"));
    this.whispers = byId("whispers");
    this.playbook = new Playbook(WORDS.rules);
    this.scroll = byId("scroll");
    this.cards = new Map();
    this.passages = new Map();
    this.silences = 0;
    this.tick = 0;
    this.quietSince = 0;
    this.ended = null;
    this.connection = "connecting";
    this.arrived = performance.now();
    this.stick = true;
    this.scroll.addEventListener("scroll", () => this.#watchScroll());
    byId("to-now").addEventListener("click", () => { this.stick = true; this.#keepUp(); });
    follow(id, {
      entries: (batch) => this.take(batch),
      open: () => { this.connection = "open"; this.arrived = performance.now(); this.showState(); },
      lost: () => { this.connection = "lost"; this.showState(); },
    });
    setInterval(() => this.showState(), 500);
  }

  take(batch) {
    for (const entry of batch) this.#take(entry);
    this.arrived = performance.now();
    this.timeline.advance(this.tick);
    byId("clock").textContent = clock(this.tick);
    byId("nothing-said").hidden = !this.transcript.empty;
    byId("nothing-yet").hidden = this.whispers.childElementCount > 0;
    this.#keepUp();
    this.showState();
  }

  showState() {
    const [kind, label, note] = this.#state();
    const badge = byId("state");
    if (badge.textContent !== label) badge.textContent = label;
    badge.className = `badge badge-${kind}`;
    byId("note").textContent = note && `· ${note}`;
    byId("finished").hidden = !this.ended;
  }

  #state() {
    if (this.ended) {
      const ending = WORDS.endings[this.ended] ?? { label: "Ended", sentence: "" };
      return [this.ended === "cut" ? "cut" : "ended", ending.label, ending.sentence];
    }
    if (this.connection === "lost") return ["wait", "Reconnecting", "The copilot does not answer."];
    if (this.connection === "connecting") return ["wait", "Connecting", ""];
    const missing = performance.now() - this.arrived;
    if (missing > NO_PACKETS_MS) {
      return ["held", "No sound", `Nothing has reached the copilot for ${Math.round(missing / 1000)} s.`];
    }
    const quiet = this.tick - this.quietSince;
    if (quiet > HELD_TICKS) {
      return ["held", "On hold", `Nobody has spoken for ${Math.round(quiet / TICKS_PER_SECOND)} s.`];
    }
    return ["live", "Live", ""];
  }

  #take({ tick, event }) {
    this.tick = Math.max(this.tick, tick);
    switch (event.type) {
      case "call_started":
        this.transcript.begin(event.policy);
        this.playbook.begin(event.policy.playbook);
        break;
      case "heard":
        this.#hear(event);
        break;
      case "evidence_found":
        for (const passage of event.passages) this.passages.set(passage.id, passage);
        break;
      case "show_card": this.#showCard(tick, event); break;
      case "withdraw_card": this.#withdraw(tick, event); break;
      case "card_touched": this.#note(event.inquiry, WORDS.touches[event.how]); break;
      case "speak": this.#note(event.whisper, `Spoken in the earpiece at ${clock(tick)}`); break;
      case "stop_speaking": this.#note(event.whisper, `Whisper cut off at ${clock(tick)}`); break;
      case "echo_heard": this.#note(event.whisper, `Heard by the agent's microphone at ${clock(tick)}`); break;
      case "withheld": this.#withhold(tick, event); break;
      case "ticked": this.playbook.tick(tick, event); break;
      case "failed": this.#fail(tick, event); break;
      case "call_ended": this.#end(event.reason); break;
    }
  }

  #hear(heard) {
    this.transcript.hear(heard);
    for (const party of PARTIES) {
      const { speaking, start, end } = this.transcript.speech[party];
      if (!speaking) continue;
      this.timeline.speak(party, start, end);
      this.quietSince = heard.tick;
    }
  }

  #showCard(tick, shown) {
    const known = this.cards.get(shown.inquiry);
    const fate = known?.fate ?? el("ul", { class: "card-fate", hidden: true });
    const card = el("article", { class: "card", id: `card-${shown.inquiry}`, tabindex: -1 },
      el("p", { class: "card-meta" },
        el("span", { class: "card-time" }, clock(known?.tick ?? tick)),
        el("span", { class: "card-title" }, shown.by ? `From ${shown.by}` : shown.title),
        ...(shown.by ? [] : [el("span", { class: "support", title: "How likely it is to be of use" }, `${shown.support} %`)])),
      el("p", { class: "card-line" }, shown.text),
      ...(shown.by ? [] : [el("p", { class: "card-why" }, "Heard: ", el("q", {}, shown.query))]),
      this.#source("Source", shown.cites),
      fate);
    if (known) {
      known.card.replaceWith(card);
    } else {
      this.whispers.prepend(card);
      this.timeline.mark("card", tick, `Card at ${clock(tick)}: ${shown.title}`, card.id);
    }
    this.cards.set(shown.inquiry, { card, fate, tick: known?.tick ?? tick });
  }

  #source(label, cites) {
    if (!cites.length) return "";
    const href = `/passages/${encodeURIComponent(cites[0])}`;
    const title = this.passages.get(cites[0])?.title ?? cites[0];
    return el("p", { class: "source-foot" }, `${label}: `, el("a", { href }, title));
  }

  #withdraw(tick, { inquiry, reason }) {
    this.cards.get(inquiry)?.card.classList.add("gone");
    const phrase = WORDS.withdrawals[reason];
    this.#note(inquiry, `${phrase?.sentence || reason} ${clock(tick)}`);
  }

  #note(inquiry, text) {
    const known = this.cards.get(inquiry);
    if (!known) return;
    known.fate.hidden = false;
    known.fate.append(el("li", {}, text));
  }

  #withhold(tick, held) {
    const phrase = WORDS.silences[held.reason] ?? { label: held.reason, sentence: "" };
    const id = `silence-${this.silences++}`;
    const meta = el("p", { class: "card-meta" },
      el("span", { class: "card-time" }, clock(tick)),
      el("span", { class: "card-title" }, phrase.label));
    if (held.support) meta.append(el("span", { class: "support" }, `${held.support} %`));
    this.whispers.prepend(el("article", { class: "silence", id, tabindex: -1 }, meta,
      el("p", {}, phrase.sentence),
      el("p", { class: "card-why" }, "Heard: ", el("q", {}, held.query)),
      this.#source("Not shown", held.cites ?? [])));
    this.timeline.mark("silence", tick, `Silent at ${clock(tick)}: ${phrase.label}`, id);
  }

  #fail(tick, { what, error }) {
    this.whispers.prepend(el("article", { class: "silence" },
      el("p", { class: "card-meta" },
        el("span", { class: "card-time" }, clock(tick)),
        el("span", { class: "card-title" }, WORDS.failures[what] ?? what)),
      el("p", {}, error)));
  }

  #end(reason) {
    this.ended = reason;
    this.transcript.end();
    const help = document.getElementById("help");
    if (!help) return;
    help.querySelectorAll("form, .row").forEach((one) => { one.hidden = true; });
    byId("told").textContent = "The call is over. Judge its cards and silences on its page.";
  }

  #watchScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroll;
    this.stick = scrollHeight - scrollTop - clientHeight < 40;
    byId("to-now").hidden = this.stick;
  }

  #keepUp() {
    if (this.stick) this.scroll.scrollTop = this.scroll.scrollHeight;
  }
}

localizeMoments();
new LiveCall(byId("live").dataset.call);
