// The sound of a call: the tab's, which goes on to the agent's ear, and the microphone's.

import { Trouble } from "./trouble.js";

/** How much of the customer stays while a whisper is spoken: about 12 dB less. */
const DUCKED = 0.25;
const WINDOW = 4096;

/** @typedef {{id: string, label: string}} Device a device as it was chosen; ids differ between profiles */

/** The device that is meant, by its id or else by its name. @param {MediaDeviceKind} kind @param {Device | undefined} wanted */
export async function find(kind, wanted) {
  if (!wanted?.id) return "";
  const devices = (await navigator.mediaDevices.enumerateDevices()).filter((one) => one.kind === kind);
  const found = devices.find((one) => one.deviceId === wanted.id) ?? devices.find((one) => one.label === wanted.label);
  return found?.deviceId;
}

export class Sound {
  /** @param {() => void} tabGone @param {() => void} microphoneChanged the one in use is gone, or the one that is meant is back */
  constructor(tabGone, microphoneChanged) {
    this.tabGone = tabGone;
    this.microphoneChanged = microphoneChanged;
    /** @type {Device | undefined} */
    this.device = undefined;
    this.onDevices = () => void this.#devices();
    navigator.mediaDevices.addEventListener("devicechange", this.onDevices);
    this.context = new AudioContext({ latencyHint: "interactive" });
    this.room = this.context.createGain();
    this.room.connect(this.context.destination);
    this.buffer = new Float32Array(WINDOW);
    this.closed = false;
    /** @type {Record<"tab" | "microphone", {track: MediaStreamTrack, source: AudioNode, scope: AnalyserNode} | null>} */
    this.legs = { tab: null, microphone: null };
  }

  /** Takes what the tab plays; capturing mutes the tab, so it is played on from here. @param {string} streamId */
  async openTab(streamId) {
    const audio = { mandatory: { chromeMediaSource: "tab", chromeMediaSourceId: streamId } };
    const leg = this.#leg(await this.#open("tab", /** @type {any} */ ({ audio, video: false })));
    leg.source.connect(this.room);
    leg.track.onended = () => this.tabGone();
    this.legs.tab = leg;
  }

  /** @param {{device?: Device, headset: boolean}} how `headset`: nothing of the speakers reaches the microphone */
  async openMicrophone({ device, headset }) {
    this.device = device;
    const deviceId = await find("audioinput", device);
    const audio = { echoCancellation: !headset, ...(deviceId ? { deviceId: { exact: deviceId } } : {}) };
    const stream = await this.#open("microphone", { audio });
    this.#close("microphone");
    const leg = this.#leg(stream);
    leg.track.onended = () => this.microphoneChanged();
    this.legs.microphone = leg;
  }

  /** @param {boolean} swapped @returns {import("./whip.js").Tracks} */
  tracks(swapped) {
    const { tab, microphone } = this.legs;
    if (!tab || !microphone) throw new Trouble("tab");
    return swapped
      ? { agent: tab.track, customer: microphone.track }
      : { agent: microphone.track, customer: tab.track };
  }

  /** The latest 90 ms, in dB of full scale; -Infinity for digital silence. @param {"tab" | "microphone"} name */
  level(name) {
    const leg = this.legs[name];
    if (!leg || leg.track.readyState === "ended") return -Infinity;
    leg.scope.getFloatTimeDomainData(this.buffer);
    let sum = 0;
    for (const sample of this.buffer) sum += sample * sample;
    return 10 * Math.log10(sum / WINDOW);
  }

  /** Makes room for a whisper, or gives it back. @param {boolean} on */
  duck(on) {
    this.room.gain.setTargetAtTime(on ? DUCKED : 1, this.context.currentTime, 0.03);
  }

  /** Lets go of everything: the browser's own sign of capturing goes out. */
  close() {
    this.closed = true;
    navigator.mediaDevices.removeEventListener("devicechange", this.onDevices);
    this.#close("tab");
    this.#close("microphone");
    void this.context.close();
  }

  async #devices() {
    const meant = await find("audioinput", this.device);
    const track = this.legs.microphone?.track;
    if (!track || this.closed) return;
    if (track.readyState === "ended" || (meant && track.getSettings().deviceId !== meant)) this.microphoneChanged();
  }

  /** What comes after the call has ended is let go of at once. @param {"tab" | "microphone"} name @param {MediaStreamConstraints} wanted */
  async #open(name, wanted) {
    const stream = await navigator.mediaDevices.getUserMedia(wanted)
      .catch((error) => { throw new Trouble(name, { detail: String(error.message ?? error) }); });
    if (!this.closed) return stream;
    for (const track of stream.getTracks()) track.stop();
    throw new Trouble(name);
  }

  /** @param {MediaStream} stream */
  #leg(stream) {
    const [track] = stream.getAudioTracks();
    if (!track) throw new Trouble("tab");
    const source = this.context.createMediaStreamSource(stream);
    const scope = this.context.createAnalyser();
    scope.fftSize = WINDOW;
    source.connect(scope);
    return { track, source, scope };
  }

  /** @param {"tab" | "microphone"} name */
  #close(name) {
    const leg = this.legs[name];
    this.legs[name] = null;
    if (!leg) return;
    leg.track.onended = null;
    leg.track.stop();
    leg.source.disconnect();
  }
}
