// The agent's desk: one call at a time, from consent to its end, whatever the network does meanwhile.

import "../ext.js";
import { pause } from "./backoff.js";
import { Earpiece } from "./earpiece.js";
import { follow } from "./feed.js";
import { current, newJournal, take, TICK_MS } from "./journal.js";
import { seemSwapped } from "./roles.js";
import { Sound } from "./sound.js";
import { Trouble } from "./trouble.js";
import { Watch } from "./watch.js";
import { Connection } from "./whip.js";

const LEVELS_MS = 100;
/** A copilot that is away for longer has lost the call: nothing is captured for nobody. */
const GIVE_UP_MS = 60_000;
const SNOOZE_TICKS = (5 * 60_000) / TICK_MS;
/** A batch of fewer entries is no longer the past that is being caught up with. */
const CAUGHT_UP = 8;

/**
 * @typedef {"idle" | "consent" | "starting" | "live" | "reconnecting" | "ended"} Phase
 * @typedef {{consent: "ask" | "announced", packs: string, headset: boolean,
 *   microphone?: import("./sound.js").Device, ear: import("./earpiece.js").EarPrefs}} Prefs
 * @typedef {{tabId: number, site: string, prefs: Prefs, resume: string}} Start
 * @typedef {{phase: Phase, tabId: number, site: string, callId: string, sinceMs: number, lostMs: number,
 *   reason: string, trouble: {code: string, detail: string} | null, warnings: string[],
 *   card: (import("./journal.js").Card & {ageMs: number, used: boolean}) | null,
 *   gone: string, whisper: string, snoozedMs: number, swapped: boolean,
 *   ear: {on: boolean, muted: boolean, missing: boolean}}} View
 */

export class Desk {
  callId = "";
  started = 0;
  lostAt = 0;
  reason = "";
  swapped = false;
  journal = newJournal();
  /** @type {{code: string, detail: string} | null} */
  trouble = null;
  /** What the agent did with cards; shown at once. @type {Map<number, string>} */
  answers = new Map();
  /** What the copilot is still to be told. @type {object[]} */
  untold = [];

  /** @param {{view: (view: View) => void, entries: (batch: any[]) => void, journal: () => void,
   *   levels: (levels: {agent: number, customer: number}) => void, over: () => void}} show */
  constructor(show) {
    this.show = show;
    /** @type {Phase} */
    this.phase = "idle";
    /** @type {Start | null} */
    this.call = null;
    /** @type {Sound | undefined} */
    this.sound = undefined;
    /** @type {Watch | undefined} */
    this.watch = undefined;
    /** @type {Earpiece | undefined} */
    this.ear = undefined;
    /** @type {Connection | undefined} */
    this.line = undefined;
    /** @type {AbortController | undefined} */
    this.following = undefined;
  }

  /** Forgets the call before. */
  #reset() {
    this.callId = "";
    this.started = this.lostAt = 0;
    this.reason = "";
    this.trouble = null;
    this.swapped = false;
    this.journal = newJournal();
    this.answers = new Map();
    this.untold = [];
  }

  // ---- a call's life

  /** @param {Start} call */
  async start(call) {
    if (["consent", "starting", "live", "reconnecting"].includes(this.phase)) return;
    this.#reset();
    this.call = call;
    this.#turn(call.prefs.consent === "ask" && !call.resume ? "consent" : "starting");
    if (this.phase === "starting") await this.#begin();
  }

  async #begin() {
    const call = this.call;
    if (!call) return;
    this.sound = new Sound(() => void this.end("tab"), () => void this.#microphoneGone());
    this.watch = new Watch(this.sound);
    this.ear = new Earpiece((on) => this.sound?.duck(on), () => this.#earChanged());
    this.beat = setInterval(() => this.#beat(), LEVELS_MS);
    try {
      const { id, error } = (await ext.send({ to: "worker", what: "streamId", tabId: call.tabId })) ?? {};
      if (!id) throw new Trouble("tab", { detail: error });
      await this.sound.openTab(id);
      await this.sound.openMicrophone({ device: call.prefs.microphone, headset: call.prefs.headset });
      await this.ear.use(call.prefs.ear);
      await this.#place(call.resume).catch((refused) => {
        if (!call.resume || refused.code !== "gone") throw refused;
        return this.#place("");
      });
    } catch (error) {
      if (this.phase !== "starting") return;
      this.#tell(error);
      await this.end("failed");
    }
  }

  /** Ends the call and stops capturing, at once; says so to the copilot, which may be slower. @param {string} reason */
  async end(reason) {
    if (this.phase === "idle" || this.phase === "ended") return;
    const line = this.line;
    this.line = undefined;
    this.following?.abort();
    clearInterval(this.beat);
    this.sound?.close();
    this.ear?.close();
    this.sound = this.ear = this.watch = undefined;
    this.reason = reason;
    this.#turn("ended");
    this.show.over();
    const access = await this.#access().catch(() => ({ server: "", token: null }));
    await line?.hangUp(access);
  }

  // ---- the connection

  /** @param {string} resume */
  async #place(resume) {
    const { sound, call } = this;
    if (!sound || !call) return;
    const access = await this.#access();
    const line = new Connection(sound.tracks(this.swapped), {
      message: (event) => this.#take([{ event }]),
      earpiece: (track) => this.ear?.attach(track),
      lost: () => { if (line === this.line) this.#lose(); },
    });
    await line.open(access, { consent: true, packs: call.prefs.packs, resume });
    if (!this.sound) return void line.hangUp(access);
    this.line = line;
    if (resume && line.id !== resume) this.untold = [];
    this.callId = line.id;
    this.started ||= Date.now();
    this.trouble = null;
    this.#turn("live");
    line.channel.addEventListener("open", () => this.#flush());
    this.#flush();
    void this.#follow(access);
  }

  /** @param {import("./whip.js").Access} access */
  async #follow(access) {
    this.following?.abort();
    const stop = (this.following = new AbortController());
    /** @type {import("./journal.js").Journal | null} The past, until it has come up to now. */
    let past = newJournal();
    try {
      await follow(access, this.callId, (batch) => {
        if (stop.signal.aborted) return;
        if (past) for (const { event, tick } of batch) take(past, event, tick);
        if (!past) return this.#take(batch);
        if (batch.length >= CAUGHT_UP) return;
        this.journal = past;
        past = null;
        this.show.journal();
        this.#publish();
      }, stop.signal);
      if (stop.signal.aborted) return;
      if (this.journal.ended !== "stopped") return void this.end(this.journal.ended || "gone");
      this.callId = "";  // the copilot was shut down in order: once it is back, a call of its own begins
      this.#lose();
    } catch (error) {
      if (error instanceof Trouble && !error.passes) this.#tell(error);
      this.#lose();
    }
  }

  #lose() {
    if (this.phase !== "live") return;
    this.following?.abort();
    this.line?.drop();
    this.ear?.stop();
    this.lostAt = Date.now();
    this.trouble = { code: navigator.onLine ? "unreachable" : "offline", detail: "" };
    this.#turn("reconnecting");
    void this.#reconnect();
  }

  async #reconnect() {
    for (let tried = 0; this.phase === "reconnecting"; tried += 1) {
      if (Date.now() - this.lostAt > GIVE_UP_MS) return this.end("unreachable");
      await this.#wait(pause(tried));
      if (this.phase !== "reconnecting") return;
      try {
        await this.#place(this.callId);
      } catch (error) {
        if (!(error instanceof Trouble)) throw error;
        if (error.code === "gone") this.callId = "";
        else this.#tell(error);
        if (!error.passes && error.code !== "gone") return this.end(error.code);
      }
    }
  }

  /** Waits, or until the network is back. @param {number} ms */
  #wait(ms) {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        removeEventListener("online", done);
        resolve(undefined);
      };
      const timer = setTimeout(done, ms);
      addEventListener("online", done);
    });
  }

  /** @returns {Promise<import("./whip.js").Access>} */
  async #access() {
    const found = await ext.send({ to: "worker", what: "access" });
    if (!found?.server) throw new Trouble(found?.trouble ?? "signedOut", { detail: found?.detail });
    return found;
  }

  // ---- what the agent does

  /** @param {string} act @param {any} [more] */
  act(act, more = {}) {
    const card = this.#card();
    switch (act) {
      case "agree": if (this.phase === "consent") { this.#turn("starting"); void this.#begin(); } break;
      case "end": void this.end("hang_up"); break;
      case "use": if (card) this.#answer(card.inquiry, "used"); break;
      case "dismiss": if (card) this.#answer(card.inquiry, "dismissed"); break;
      case "source": if (card) this.#open(more.inquiry ?? card.inquiry); break;
      case "snooze": this.#snooze(); break;
      case "mute": this.#mute(more.muted ?? !this.ear?.muted); break;
      case "swap": void this.#swap(); break;
      case "stay": this.watch?.stay(); break;
      case "rightRoles": this.watch?.rolesAreRight(); break;
      case "test": void this.ear?.test(); break;
    }
    this.#publish();
  }

  /** @param {Prefs} prefs */
  async prefer(prefs) {
    if (!this.call) return;
    this.call.prefs = prefs;
    await this.ear?.use(prefs.ear);
    this.#earChanged();
  }

  /** @param {number} inquiry @param {string} how */
  #answer(inquiry, how) {
    if (this.answers.has(inquiry)) return;
    this.answers.set(inquiry, how);
    if (how === "dismissed") this.ear?.stop();
    this.#say({ type: "card_touched", inquiry, how });
  }

  /** @param {number} inquiry */
  #open(inquiry) {
    const card = this.journal.cards.findLast((one) => one.inquiry === inquiry);
    const cite = card?.cites[0];
    if (!cite) return;
    this.#say({ type: "card_touched", inquiry, how: "opened" });
    void ext.send({ to: "worker", what: "source", passage: cite });
  }

  #snooze() {
    const on = this.#snoozedMs() === 0;
    this.journal.snoozed = on ? this.journal.tick + SNOOZE_TICKS : 0;
    this.#say({ type: "snoozed", ticks: on ? SNOOZE_TICKS : 0 });
    if (on) this.ear?.stop();
  }

  /** @param {boolean} muted */
  #mute(muted) {
    this.ear?.mute(muted);
    this.#earChanged();
  }

  async #swap() {
    this.swapped = !this.swapped;
    this.watch?.rolesAreRight();
    if (this.sound) await this.line?.carry(this.sound.tracks(this.swapped));
    this.#publish();
  }

  /** Tells the copilot, or keeps it until it can be told. @param {object} message */
  #say(message) {
    if (!this.line?.tell(message)) this.untold.push(message);
  }

  #flush() {
    if (this.line?.channel.readyState !== "open") return;
    const waiting = this.untold.splice(0);
    for (const message of [{ type: "ear_switched", on: Boolean(this.ear?.on) }, ...waiting]) this.#say(message);
  }

  // ---- what happens

  /** @param {{event: any, tick?: number}[]} batch */
  #take(batch) {
    for (const { event, tick } of batch) {
      if (event.type === "speak" && this.journal.whisper?.inquiry !== event.whisper) this.ear?.speak();
      if (event.type === "stop_speaking") this.ear?.stop();
      if (event.type === "whisper_played") this.ear?.finish();
      take(this.journal, event, tick);
    }
    this.show.entries(batch);
    if (batch.some(({ event }) => event.type !== "heard" || event.agent?.words || event.customer?.words)) this.#publish();
  }

  async #microphoneGone() {
    const { call, sound } = this;
    if (!call || !sound) return;
    try {
      await sound.openMicrophone({ headset: call.prefs.headset });
      await this.line?.carry(sound.tracks(this.swapped));
    } catch (error) {
      this.#tell(error);
      this.#publish();
    }
  }

  #earChanged() {
    this.#say({ type: "ear_switched", on: Boolean(this.ear?.on) });
    this.#publish();
  }

  #beat() {
    const { sound, watch } = this;
    if (!sound || !watch) return;
    const tab = sound.level("tab");
    const microphone = sound.level("microphone");
    this.show.levels(this.swapped ? { agent: tab, customer: microphone } : { agent: microphone, customer: tab });
    if (this.phase !== "live") return;
    const before = watch.warnings.join();
    watch.hear(tab, microphone, Date.now(), seemSwapped(this.journal.lines));
    if (watch.over) void this.end("silence");
    else if (before !== watch.warnings.join()) this.#publish();
  }

  // ---- what is shown

  #card() {
    const card = current(this.journal);
    return card && this.answers.get(card.inquiry) !== "dismissed" ? card : undefined;
  }

  #warnings() {
    const { ear, journal } = this;
    const echo = { open: [], soft: ["echoSoft"], off: ["echoOff"] }[journal.ear];
    return [...(this.watch?.warnings ?? []), ...(ear?.prefs.on ? [...(ear.missing ? ["earMissing"] : []), ...echo] : [])];
  }

  /** Why the newest card has gone. */
  #gone() {
    const card = this.journal.cards.at(-1);
    return (card && this.answers.get(card.inquiry) === "dismissed" ? "dismissed" : card?.gone) ?? "";
  }

  #snoozedMs() {
    return Math.max(0, this.journal.snoozed - this.journal.tick) * TICK_MS;
  }

  /** @returns {View} */
  view() {
    const { call, ear, journal } = this;
    const card = this.phase === "ended" ? undefined : this.#card();
    return {
      phase: this.phase, tabId: call?.tabId ?? -1, site: call?.site ?? "", callId: this.callId,
      sinceMs: this.started, lostMs: this.phase === "reconnecting" ? this.lostAt : 0,
      reason: this.reason, trouble: this.trouble,
      warnings: this.phase === "live" ? this.#warnings() : [],
      card: card
        ? { ...card, ageMs: (journal.tick - card.tick) * TICK_MS, used: card.touches.includes("used") || this.answers.get(card.inquiry) === "used" }
        : null,
      gone: this.#gone(), whisper: journal.whisper?.text ?? "",
      snoozedMs: this.#snoozedMs(), swapped: this.swapped,
      ear: { on: Boolean(ear?.prefs.on), muted: Boolean(ear?.muted), missing: Boolean(ear?.missing) },
    };
  }

  /** @param {Phase} phase */
  #turn(phase) {
    this.phase = phase;
    this.#publish();
    void ext.send({ to: "worker", what: "phase", phase, callId: this.callId, trouble: this.trouble?.code ?? "" });
  }

  /** @param {unknown} error */
  #tell(error) {
    if (!(error instanceof Trouble)) throw error;
    this.trouble = { code: error.code, detail: error.detail };
  }

  #publish() {
    this.show.view(this.view());
  }
}
