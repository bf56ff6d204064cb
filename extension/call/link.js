// The call's way to the copilot: placed, followed by its log, lost, and taken up again by its id.

import { pause } from "./backoff.js";
import { follow } from "./feed.js";
import { newJournal, take } from "./journal.js";
import { Trouble } from "./trouble.js";
import { Connection } from "./whip.js";

/** A copilot that is away for longer has lost the call: nothing is captured for nobody. */
const GIVE_UP_MS = 60_000;
/** What was told so lately may still be on its way, and is not to be overtaken by the call's end. */
const SETTLE_MS = 500;
/** A batch of fewer entries is no longer the past that is being caught up with. */
const CAUGHT_UP = 8;

/**
 * @typedef {{event: any, tick?: number}[]} Batch
 * @typedef {{now: () => number, wait: (ms: number, stop: AbortSignal) => Promise<void>}} Clock `wait` is over before its time when
 *   the network is back
 * @typedef {{
 *   access: (refused?: string | null) => Promise<import("./whip.js").Access>, tracks: () => import("./whip.js").Tracks,
 *   earpiece: (track: MediaStreamTrack) => void, entries: (batch: Batch) => void,
 *   past: (journal: import("./journal.js").Journal) => void, ended: () => string, live: () => void, open: () => void,
 *   lost: (code: string) => void, trouble: (error: Trouble) => void, over: (reason: string) => void,
 * }} LinkHooks `past`: the call as it has been until now; `ended`: why the log has ended; `open`: the copilot can be told things
 */

/** @type {Clock} */
const CLOCK = {
  now: Date.now,
  wait: (ms, stop) => new Promise((resolve) => {
    const heard = new AbortController();
    const done = () => {
      clearTimeout(timer);
      heard.abort();
      resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener("online", done, { signal: heard.signal });
    stop.addEventListener("abort", done, { signal: heard.signal });
  }),
};

export class Link {
  /** The call's id; empty until it is placed, and where another is to begin. */
  id = "";
  /** Since when the copilot is away; 0 while it is there. */
  lostAt = 0;
  /** What the copilot is still to be told. @type {object[]} */
  #untold = [];
  /** @type {Connection | undefined} */
  #line = undefined;
  /** @type {AbortController | undefined} */
  #following = undefined;
  #toldAt = 0;
  #closing = new AbortController();

  /** @param {string} packs @param {LinkHooks} hooks @param {Clock} [clock] */
  constructor(packs, hooks, clock = CLOCK) {
    this.packs = packs;
    this.hooks = hooks;
    this.clock = clock;
    for (const change of ["online", "offline"]) {
      addEventListener(change, () => this.#line?.doubt(), { signal: this.#closing.signal });
    }
  }

  /** Places the call, or goes on with one that was not ended; throws a Trouble. @param {string} resume its id */
  async open(resume) {
    await this.#place(resume);
  }

  /** Tells the copilot, or keeps it until it can be told. @param {object} message */
  tell(message) {
    this.#toldAt = this.clock.now();
    if (!this.#line?.tell(message)) this.#untold.push(message);
  }

  /** Sends each party's sound anew. */
  async carry() {
    await this.#line?.carry(this.hooks.tracks());
  }

  /** Nothing more is sent, from now on; the copilot is told, which may take longer. */
  async close() {
    this.#closing.abort();
    this.#following?.abort();
    if (!this.#line) return;
    const settling = this.#toldAt + SETTLE_MS - this.clock.now();
    if (settling > 0) await this.clock.wait(settling, new AbortController().signal);
    const access = await this.hooks.access().catch(() => ({ server: "", token: null }));
    await this.#line.hangUp(access);
  }

  /** A token that the server does not take is renewed once: clocks differ, and are set. @param {string} resume */
  async #place(resume) {
    const access = await this.hooks.access();
    return this.#placeWith(access, resume).catch(async (refused) => {
      if (refused.code !== "signedOut" || !access.token) throw refused;
      return this.#placeWith(await this.hooks.access(access.token), resume);
    });
  }

  /** @param {import("./whip.js").Access} access @param {string} resume */
  async #placeWith(access, resume) {
    const line = new Connection(this.hooks.tracks(), {
      message: (event) => this.hooks.entries([{ event }]),
      earpiece: (track) => this.hooks.earpiece(track),
      lost: () => { if (line === this.#line) this.#lose(); },
    });
    await line.open(access, { consent: true, packs: this.packs, resume });
    if (this.#closing.signal.aborted) return void line.hangUp(access);
    this.#line = line;
    if (resume && line.id !== resume) this.#untold = [];
    this.id = line.id;
    this.lostAt = 0;
    this.hooks.live();
    line.channel.addEventListener("open", () => this.#flush());
    this.#flush();
    void this.#follow(access);
  }

  #flush() {
    if (this.#line?.channel.readyState !== "open") return;
    this.hooks.open();
    for (const message of this.#untold.splice(0)) this.tell(message);
  }

  /** @param {import("./whip.js").Access} access */
  async #follow(access) {
    this.#following?.abort();
    const stop = (this.#following = new AbortController());
    /** @type {import("./journal.js").Journal | null} The past, until it has come up to now. */
    let past = newJournal();
    try {
      await follow(access, this.id, (batch) => {
        if (stop.signal.aborted) return;
        if (past) for (const { event, tick } of batch) take(past, event, tick);
        if (!past) return this.hooks.entries(batch);
        if (batch.length >= CAUGHT_UP) return;
        this.hooks.past(past);
        past = null;
      }, stop.signal);
      if (stop.signal.aborted) return;
      const reason = this.hooks.ended();
      if (reason !== "stopped") return this.hooks.over(reason || "gone");
      this.id = "";  // the copilot was shut down in order: once it is back, a call of its own begins
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
    }
    this.#lose();
  }

  #lose() {
    if (this.lostAt || this.#closing.signal.aborted) return;
    this.lostAt = this.clock.now();
    this.#following?.abort();
    this.#line?.drop();
    this.hooks.lost(navigator.onLine ? "unreachable" : "offline");
    void this.#reconnect();
  }

  async #reconnect() {
    const { signal } = this.#closing;
    for (let tried = 0; ; tried += 1) {
      if (this.clock.now() - this.lostAt > GIVE_UP_MS) return this.hooks.over("unreachable");
      await this.clock.wait(pause(tried), signal);
      if (signal.aborted) return;
      try {
        return await this.#place(this.id);
      } catch (error) {
        if (!(error instanceof Trouble)) throw error;
        if (signal.aborted) return;
        if (error.code === "gone") this.id = "";
        else this.hooks.trouble(error);
        if (!error.passes && error.code !== "gone") return this.hooks.over(error.code);
      }
    }
  }
}
