// Whispers in the agent's ear, on a device of their own, and silence at once.
//
// The server sends its own sign before the first of a call, and holds a whisper while anybody speaks.

import { find } from "./sound.js";

/** Past what the server has sent, the browser still has so much to play. */
const TAIL_MS = 250;
/** No whisper takes longer, held or not; a lost end must not leave the customer quiet. */
const LONGEST_MS = 15_000;

/** @typedef {{on: boolean, device?: import("./sound.js").Device, loudness: number, duck: boolean}} EarPrefs */

export class Earpiece {
  /** @param {(on: boolean) => void} duck @param {() => void} changed the device came or went */
  constructor(duck, changed) {
    this.duck = duck;
    this.changed = changed;
    this.context = new AudioContext({ latencyHint: "interactive" });
    this.loud = this.context.createGain();
    this.loud.connect(this.context.destination);
    this.gate = this.context.createGain();
    this.gate.gain.value = 0;
    this.gate.connect(this.loud);
    this.pull = new Audio();
    this.pull.muted = true;
    /** @type {MediaStreamAudioSourceNode | null} */
    this.source = null;
    /** @type {EarPrefs} */
    this.prefs = { on: false, loudness: 0.7, duck: true };
    this.muted = false;
    this.missing = false;
    this.onDevices = () => void this.#choose();
    navigator.mediaDevices.addEventListener("devicechange", this.onDevices);
  }

  /** Whether whispers are to be heard. */
  get on() {
    return this.prefs.on && !this.muted && !this.missing;
  }

  /** @param {EarPrefs} prefs */
  async use(prefs) {
    this.prefs = prefs;
    this.loud.gain.value = prefs.loudness;
    await this.#choose();
  }

  /** The server's whisper track. @param {MediaStreamTrack} track */
  attach(track) {
    const stream = new MediaStream([track]);
    // without an element that plays it, Chromium gives a remote track no sound in WebAudio
    this.pull.srcObject = stream;
    void this.pull.play().catch(() => {});
    this.source?.disconnect();
    this.source = this.context.createMediaStreamSource(stream);
    this.source.connect(this.gate);
  }

  /** A whisper is coming. */
  speak() {
    if (!this.on) return;
    const { currentTime } = this.context;
    this.gate.gain.cancelScheduledValues(currentTime);
    this.gate.gain.setValueAtTime(1, currentTime);
    if (this.prefs.duck) this.duck(true);
    this.#endIn(LONGEST_MS);
  }

  /** The server has sent all of it. */
  finish() {
    this.#endIn(TAIL_MS);
  }

  /** Silence within a few milliseconds, too few for a click to be heard. */
  stop() {
    clearTimeout(this.timer);
    const { currentTime } = this.context;
    this.gate.gain.cancelScheduledValues(currentTime);
    this.gate.gain.setTargetAtTime(0, currentTime, 0.003);
    this.duck(false);
  }

  /** @param {boolean} muted */
  mute(muted) {
    this.muted = muted;
    if (muted) this.stop();
  }

  /** A sound on the chosen device, as loud as a whisper. */
  async test() {
    await this.context.resume();
    this.#earcon(this.context.currentTime + 0.05);
  }

  close() {
    clearTimeout(this.timer);
    navigator.mediaDevices.removeEventListener("devicechange", this.onDevices);
    this.pull.srcObject = null;
    void this.context.close();
  }

  /** @param {number} ms */
  #endIn(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.stop(), ms);
  }

  /** Two soft rising tones. @param {number} at */
  #earcon(at) {
    for (const [place, hertz] of [660, 880].entries()) {
      const start = at + 0.13 * place;
      const tone = new OscillatorNode(this.context, { frequency: hertz });
      const shape = new GainNode(this.context, { gain: 0 });
      shape.gain.setValueAtTime(0, start);
      shape.gain.linearRampToValueAtTime(0.18, start + 0.015);
      shape.gain.exponentialRampToValueAtTime(0.001, start + 0.16);
      tone.connect(shape).connect(this.loud);
      tone.start(start);
      tone.stop(start + 0.17);
    }
  }

  async #choose() {
    const id = await find("audiooutput", this.prefs.device);
    const before = this.missing;
    this.missing = id === undefined;
    if (id !== undefined) {
      const context = /** @type {AudioContext & {setSinkId: (id: string) => Promise<void>, sinkId: string}} */ (this.context);
      if (context.sinkId !== id) await context.setSinkId(id).catch(() => { this.missing = true; });
    }
    if (this.missing) this.stop();
    if (before !== this.missing) this.changed();
  }
}
