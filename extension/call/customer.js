// Whom the call is with, and what the copilot remembers of them: for the side panel alone, never for the page.

import { asked, bearer } from "./whip.js";
import { refusal, Trouble } from "./trouble.js";

const ANSWER_MS = 6000;

/**
 * @typedef {{id: number, text: string, call: string, tick: number, at: string, by: string, corrected_at: string | null}} Fact
 * @typedef {{call: string, at: string, summary: string, reason: string, outcome: string, promised: string[], gaps: string[]}} Past
 *   a call before, as somebody has confirmed it
 * @typedef {{state: "nobody" | "asking" | "known" | "failed", id: string, facts: Fact[], calls: Past[], trouble: import("./view.js").Told | null}} Known
 *   `id`: as the address of the tab or the agent named them
 */

export class Customer {
  /** @type {Known["state"]} */
  state = "nobody";
  id = "";
  /** @type {Fact[]} */
  facts = [];
  /** @type {Past[]} */
  calls = [];
  /** @type {import("./view.js").Told | null} */
  trouble = null;
  /** Told by the tab's address last: it may stay while the agent has put another in its place. */
  #addressed = "";
  /** The copilot's call, once it is placed. */
  #call = "";
  /** Only the answer to the last question counts. */
  #asked = 0;

  /** @param {(refused?: string | null) => Promise<import("./whip.js").Access>} access @param {() => void} changed */
  constructor(access, changed) {
    this.access = access;
    this.changed = changed;
  }

  /** @returns {Known} */
  view() {
    const { state, id, facts, calls, trouble } = this;
    return { state, id, facts, calls, trouble };
  }

  /** What the tab's address says; nothing, and the same again, change nothing. @param {string} id */
  addressed(id) {
    if (!id || id === this.#addressed) return;
    this.#addressed = id;
    this.name(id);
  }

  /** @param {string} id */
  name(id) {
    const plain = id.trim();
    if (!plain) return;
    this.id = plain;
    void this.ask();
  }

  /** The call is placed, or goes on. @param {string} call */
  placed(call) {
    this.#call = call;
    void this.ask();
  }

  /** Says who it is, where that is known, and learns what is known of them. */
  ask() {
    if (!this.#call) return this.#turn("nobody");
    const path = `/calls/${encodeURIComponent(this.#call)}`;
    return this.id
      ? this.#learn("PUT", `${path}/customer`, { external_id: this.id })
      : this.#learn("GET", `${path}/memory`);
  }

  /** The copilot says that something has changed. */
  async again() {
    if (this.#call) await this.#learn("GET", `/calls/${encodeURIComponent(this.#call)}/memory`);
  }

  /** @param {number} fact @param {string} text */
  async correct(fact, text) {
    await this.#change("PATCH", fact, { text });
  }

  /** @param {number} fact */
  async forget(fact) {
    await this.#change("DELETE", fact);
  }

  /** @param {string} method @param {string} path @param {object} [body] */
  async #learn(method, path, body) {
    const turn = (this.#asked += 1);
    if (this.state !== "known") this.#turn("asking");
    try {
      const known = await (await this.#request(method, path, body)).json();
      if (turn !== this.#asked) return;
      this.facts = known.facts;
      this.calls = known.calls;
      this.#turn(known.known ? "known" : "nobody");
    } catch (error) {
      if (turn === this.#asked) this.#fail(error);
    }
  }

  /** @param {string} method @param {number} fact @param {object} [body] */
  async #change(method, fact, body) {
    try {
      await this.#request(method, `/memory/${fact}`, body);
    } catch (error) {
      return this.#fail(error);
    }
    return this.again();
  }

  /** @param {string} method @param {string} path @param {object} [body] */
  async #request(method, path, body) {
    const response = await asked(this.access, (access) => {
      const headers = { Accept: "application/json", ...(body && { "Content-Type": "application/json" }), ...bearer(access) };
      const signal = AbortSignal.timeout(ANSWER_MS);
      return fetch(`${access.server}/api/v1${path}`, { method, headers, body: JSON.stringify(body), signal });
    }).catch((error) => { throw error instanceof Trouble ? error : new Trouble("unreachable"); });
    if (!response.ok) throw await refusal(response);
    return response;
  }

  /** @param {unknown} error */
  #fail(error) {
    if (!(error instanceof Trouble)) throw error;
    this.#turn("failed", { code: error.code, detail: error.detail });
  }

  /** @param {Known["state"]} state @param {Known["trouble"]} [trouble] */
  #turn(state, trouble = null) {
    this.state = state;
    this.trouble = trouble;
    this.changed();
  }
}
