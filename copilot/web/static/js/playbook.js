// The playbook of a call: lines that tick themselves as the call's log says so.

import { byId, el } from "./dom.js";
import { clock } from "./time.js";

export class Playbook {
  /** @param {Record<string, string>} rules kinds of lines in words */
  constructor(rules) {
    this.rules = rules;
    this.plays = new Map();
  }

  /** @param {{name: string, rule: string}[]} items none of them done yet */
  begin(items = []) {
    byId("playbook").hidden = items.length === 0;
    byId("plays").replaceChildren();
    this.plays = new Map(items.map(({ name, rule }) => {
      const state = el("span", { class: "dim" }, this.rules[rule]);
      const row = el("li", { class: "play play-open" },
        el("span", { class: "play-mark", "aria-hidden": "true" }),
        el("span", {}, el("strong", {}, name), " ", state));
      byId("plays").append(row);
      return [name, { row, state }];
    }));
  }

  /** A line was done, or broken. */
  tick(tick, { item, rule }) {
    const play = this.plays.get(item);
    if (!play) return;
    const broken = rule === "must_not_say";
    play.row.className = `play ${broken ? "play-bad" : "play-done"}`;
    play.state.textContent = `${this.rules[rule]}, ${broken ? "broken" : "done"} at ${clock(tick)}`;
  }
}
