// The words of both parties as lines: final ones stay, guesses are grey and replaced every tick.

import { el } from "./dom.js";
import { Speech } from "./speech.js";
import { clock } from "./time.js";

const LINE_GAP = 12;
const NAMES = { agent: "Agent", customer: "Customer" };
export const PARTIES = ["agent", "customer"];

export class Transcript {
  /** @param {HTMLElement} list */
  constructor(list) {
    this.list = list;
    this.last = { agent: null, customer: null };
    this.partials = {};
    /** When each party speaks; there once the call has begun. */
    this.speech = {};
    for (const party of PARTIES) {
      const guess = el("span", { class: "partial" });
      this.partials[party] = { guess, line: null, text: "" };
    }
  }

  get empty() {
    return this.list.childElementCount === 0;
  }

  /** @param {object} policy of the call, from its first entry */
  begin(policy) {
    for (const party of PARTIES) this.speech[party] = new Speech(policy);
  }

  /** What the ear made of one tick. */
  hear(heard) {
    for (const party of PARTIES) {
      const { speech = 0, words = [], partial = "" } = heard[party] ?? {};
      this.speech[party].hear(heard.tick, speech);
      this.#say(party, words);
      this.#guess(party, partial, this.speech[party].start);
    }
  }

  /** Nothing is guessed any more. */
  end() {
    for (const party of PARTIES) this.#guess(party, "", 0);
  }

  /** Words that will not change any more. */
  #say(party, words) {
    for (const word of words) {
      const line = this.last[party];
      if (line && word.start - line.end < LINE_GAP) {
        line.text.data += ` ${word.text}`;
        line.end = Math.max(line.end, word.end);
      } else {
        this.last[party] = this.#insert(party, word.start, word.end, word.text);
      }
    }
  }

  /** The whole of what is guessed after the final words; empty takes the guess away. */
  #guess(party, text, since) {
    const partial = this.partials[party];
    const line = this.last[party];
    const home = line && since - line.end < LINE_GAP ? line : null;
    if (partial.text === text && partial.line === home) return;
    partial.text = text;
    partial.line = home;
    partial.guess.textContent = text;
    partial.own?.remove();
    partial.own = null;
    if (!text) {
      partial.guess.remove();
    } else if (home) {
      partial.guess.prepend(" ");
      home.body.append(partial.guess);
    } else {
      partial.own = row(party, since, partial.guess);
      this.list.append(partial.own);
    }
  }

  #insert(party, start, end, words) {
    const text = document.createTextNode(words);
    const body = el("span", { class: "line-text" }, text);
    const item = row(party, start, body);
    item.dataset.start = String(start);
    const later = [...this.list.children].reverse()
      .filter((other) => !other.dataset.start || Number(other.dataset.start) > start);
    this.list.insertBefore(item, later.at(-1) ?? null);
    return { text, body, end };
  }
}

function row(party, start, body) {
  if (!body.classList.contains("line-text")) body = el("span", { class: "line-text" }, body);
  return el("li", { class: `line line-${party}` },
    el("span", { class: "line-time" }, clock(start)),
    el("span", { class: "line-party" }, NAMES[party]),
    body);
}
