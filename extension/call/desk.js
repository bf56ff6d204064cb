// The agent's desk: one call at a time, from consent to its end, and what the agent does meanwhile.

import "../ext.js";
import { access } from "./access.js";
import { Customer } from "./customer.js";
import { Earpiece } from "./earpiece.js";
import { newJournal, take, TICK_MS } from "./journal.js";
import { Link } from "./link.js";
import { seemSwapped } from "./roles.js";
import { Sound } from "./sound.js";
import { Trouble } from "./trouble.js";
import { cardOf, snoozedMs, viewOf } from "./view.js";
import { Watch } from "./watch.js";

const LEVELS_MS = 100;
const SNOOZE_TICKS = (5 * 60_000) / TICK_MS;

/**
 * @typedef {{consent: "ask" | "announced", packs: string, headset: boolean,
 *   microphone?: import("./sound.js").Device, ear: import("./earpiece.js").EarPrefs, customers: string[]}} Prefs
 *   `customers`: rules by which a tab's address names the customer
 * @typedef {{tabId: number, site: string, prefs: Prefs, resume: string, customer: string}} Start
 * @typedef {import("./view.js").View} View
 */

export class Desk {
  started = 0;
  reason = "";
  swapped = false;
  /** The icon was clicked on another tab. */
  elsewhere = false;
  /** Whether the parties sound as if they were each other. */
  mixedUp = false;
  journal = newJournal();
  /** The state of the ear that the agent knows of. @type {import("./journal.js").Journal["ear"]} */
  seenEar = "open";
  /** @type {import("./view.js").Told | null} */
  trouble = null;
  /** What the agent did with cards; shown at once. @type {Map<number, string>} */
  answers = new Map();

  /** @param {{view: (view: View) => void, entries: (batch: any[]) => void, journal: () => void, customer: () => void,
   *   levels: (levels: {agent: number, customer: number}) => void, over: () => void}} show */
  constructor(show) {
    this.show = show;
    this.customer = new Customer(access, show.customer);
    /** @type {import("./view.js").Phase} */
    this.phase = "idle";
    /** @type {Start | null} */
    this.call = null;
    /** @type {Sound | undefined} */
    this.sound = undefined;
    /** @type {Watch | undefined} */
    this.watch = undefined;
    /** @type {Earpiece | undefined} */
    this.ear = undefined;
    /** @type {Link | undefined} */
    this.link = undefined;
  }

  /** Forgets the call before. */
  #reset() {
    this.started = 0;
    this.reason = "";
    this.trouble = null;
    this.swapped = this.mixedUp = this.elsewhere = false;
    this.journal = newJournal();
    this.seenEar = "open";
    this.answers = new Map();
    this.link = undefined;
    this.customer = new Customer(access, this.show.customer);
    this.show.customer();
  }

  // ---- a call's life

  /** @param {Start} call */
  async start(call) {
    if (["consent", "starting", "live", "reconnecting"].includes(this.phase)) return;
    this.#reset();
    this.call = call;
    this.customer.addressed(call.customer);
    this.#turn(call.prefs.consent === "ask" && !call.resume ? "consent" : "starting");
    if (this.phase === "starting") await this.#begin();
  }

  async #begin() {
    const call = this.call;
    if (!call) return;
    const sound = (this.sound = new Sound(() => void this.end("tab"), () => void this.#microphone()));
    const ear = (this.ear = new Earpiece((on) => this.sound?.duck(on), () => this.#earChanged()));
    const link = (this.link = new Link(call.prefs.packs, this.#hooks(sound)));
    this.watch = new Watch(sound);
    this.beat = setInterval(() => this.#beat(), LEVELS_MS);
    try {
      const { id, error } = (await ext.send({ to: "worker", what: "streamId", tabId: call.tabId })) ?? {};
      if (!id) throw new Trouble("tab", { detail: error });
      await sound.openTab(id);
      await sound.openMicrophone({ device: call.prefs.microphone, headset: call.prefs.headset });
      await ear.use(call.prefs.ear);
      await link.open(call.resume);
    } catch (error) {
      if (this.sound !== sound) return;
      if (call.resume && error instanceof Trouble && error.code === "gone") return this.#anew(call);
      this.#tell(error);
      await this.end("failed");
    }
  }

  /** The call that was not ended is over: another begins, to which everyone has to agree anew. @param {Start} call */
  async #anew(call) {
    this.#release();
    this.phase = "idle";
    await this.start({ ...call, resume: "" });
  }

  #release() {
    clearInterval(this.beat);
    this.sound?.close();
    this.ear?.close();
    this.sound = this.ear = this.watch = undefined;
  }

  /** Ends the call and stops capturing, at once; says so to the copilot, which may be slower. @param {string} reason */
  async end(reason) {
    if (this.phase === "idle" || this.phase === "ended") return;
    this.#release();
    this.reason = reason;
    this.#take([{ event: { type: "call_ended", reason } }]);
    this.#turn("ended");
    this.show.over();
    await this.link?.close();
  }

  // ---- the copilot

  /** @param {Sound} sound @returns {import("./link.js").LinkHooks} */
  #hooks(sound) {
    return {
      access,
      tracks: () => sound.tracks(this.swapped),
      earpiece: (track) => this.ear?.attach(track),
      entries: (batch) => this.#take(batch),
      past: (journal) => {
        this.journal = journal;
        this.mixedUp = seemSwapped(journal.lines);
        this.show.journal();
        this.#publish();
      },
      ended: () => this.journal.ended,
      live: () => {
        this.started ||= Date.now();
        this.trouble = null;
        this.#turn("live");
        this.customer.placed(this.link?.id ?? "");
      },
      open: () => this.#say({ type: "ear_switched", on: Boolean(this.ear?.on) }),
      lost: (code) => {
        this.ear?.stop();
        this.trouble = { code, detail: "" };
        this.#turn("reconnecting");
      },
      trouble: (error) => this.#tell(error),
      over: (reason) => void this.end(reason),
    };
  }

  /** @param {import("./link.js").Batch} batch */
  #take(batch) {
    for (const { event, tick } of batch) {
      if (event.type === "speak" && this.journal.whisper?.inquiry !== event.whisper) this.ear?.speak();
      if (event.type === "stop_speaking") this.ear?.stop();
      if (event.type === "whisper_played") this.ear?.finish();
      if (event.type === "customer_known") void this.customer.again();
      take(this.journal, event, tick);
    }
    this.show.entries(batch);
    const said = batch.some(({ event }) => event.agent?.words?.length || event.customer?.words?.length);
    if (said) this.mixedUp = seemSwapped(this.journal.lines);
    if (said || batch.some(({ event }) => event.type !== "heard")) this.#publish();
  }

  /** @param {object} message */
  #say(message) {
    this.link?.tell(message);
  }

  // ---- what the agent does

  /** @param {string} act @param {any} [more] */
  act(act, more = {}) {
    const card = cardOf(this);
    switch (act) {
      case "agree": if (this.phase === "consent") { this.#turn("starting"); void this.#begin(); } break;
      case "end": void this.end("hang_up"); break;
      case "use": if (card) this.#answer(card.inquiry, "used"); break;
      case "dismiss": if (card) this.#answer(card.inquiry, "dismissed"); break;
      case "source": if (card) this.#open(more.inquiry ?? card.inquiry); break;
      case "snooze": this.#snooze(); break;
      case "mute": this.#mute(more.muted ?? !this.ear?.muted); break;
      case "microphone": void this.#microphone(); break;
      case "swap": void this.#swap(); break;
      case "elsewhere": this.elsewhere = true; break;
      case "here": this.elsewhere = false; break;
      case "stay": this.watch?.stay(); break;
      case "seen": this.seenEar = this.journal.ear; break;
      case "rightRoles": this.watch?.rolesAreRight(); break;
      case "customer": this.customer.name(more.id); break;
      case "customerAgain": void this.customer.ask(); break;
      case "correct": void this.customer.correct(more.fact, more.text); break;
      case "forget": void this.customer.forget(more.fact); break;
      case "test": void this.ear?.test(); break;
    }
    this.#publish();
  }

  /** @param {Prefs} prefs */
  async prefer(prefs) {
    if (!this.call) return;
    const before = this.call.prefs;
    this.call.prefs = prefs;
    const heard = (/** @type {Prefs} */ { microphone, headset }) => JSON.stringify([microphone, headset]);
    if (heard(before) !== heard(prefs)) await this.#microphone();
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
    const on = snoozedMs(this) === 0;
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
    await this.link?.carry();
    this.#publish();
  }

  // ---- what happens

  /** Another microphone: the one in use is gone, a chosen one is back, or the agent has chosen another. */
  async #microphone() {
    const { call, sound, link } = this;
    if (!call || !sound) return;
    try {
      await sound.openMicrophone({ device: call.prefs.microphone, headset: call.prefs.headset });
      await link?.carry();
      if (this.trouble?.code === "microphone") this.trouble = null;
    } catch (error) {
      if (this.sound !== sound) return;
      this.#tell(error);
    }
    this.#publish();
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
    watch.hear(tab, microphone, Date.now(), this.mixedUp);
    if (watch.over) void this.end("silence");
    else if (before !== watch.warnings.join()) this.#publish();
  }

  // ---- what is shown

  view() {
    return viewOf(this);
  }

  /** @param {import("./view.js").Phase} phase */
  #turn(phase) {
    this.phase = phase;
    this.#publish();
    void ext.send({ to: "worker", what: "phase", phase, callId: this.link?.id ?? "", trouble: this.trouble?.code ?? "" });
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
