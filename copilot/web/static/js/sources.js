// Where the parties' sound comes from: microphones, or the two recordings of the sample call.

import { CallError } from "./whip.js";

/** One party's sound: a track to send, and a level to show. */
class Party {
  constructor(context, node, track) {
    this.track = track;
    this.analyser = context.createAnalyser();
    this.analyser.fftSize = 2048;
    this.samples = new Float32Array(this.analyser.fftSize);
    node.connect(this.analyser);
  }

  /** Level of the last 40 ms, dB under full scale; -Infinity for digital silence. */
  level() {
    this.analyser.getFloatTimeDomainData(this.samples);
    let sum = 0;
    for (const sample of this.samples) sum += sample * sample;
    return 10 * Math.log10(sum / this.samples.length);
  }
}

export class Sources {
  constructor() {
    this.context = new AudioContext();
    this.tracks = [];
    this.players = [];
    this.ear = this.context.createGain();
    this.ear.connect(this.context.destination);
  }

  /** Whether the recordings are also heard on this device. */
  set audible(on) {
    this.ear.gain.value = on ? 1 : 0;
  }

  /** @param {string} device id of an input, or empty for the default one */
  async microphone(device) {
    const processing = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    const audio = device ? { ...processing, deviceId: { exact: device } } : processing;
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      throw new CallError(MICROPHONE_ERRORS[error.name] ?? `The microphone cannot be used: ${error.message}`);
    }
    const [track] = stream.getAudioTracks();
    this.tracks.push(track);
    return new Party(this.context, this.context.createMediaStreamSource(stream), track);
  }

  /** @param {"agent" | "customer"} party */
  async recording(party) {
    const response = await fetch(`/sample/${party}.wav`).catch(() => null);
    if (!response?.ok) {
      const problem = await response?.json().catch(() => null);
      throw new CallError(`The sample call cannot be loaded. ${problem?.detail ?? ""}`);
    }
    const buffer = await this.context.decodeAudioData(await response.arrayBuffer());
    const player = new AudioBufferSourceNode(this.context, { buffer });
    const line = this.context.createMediaStreamDestination();
    player.connect(line);
    player.connect(this.ear);
    this.players.push(player);
    return new Party(this.context, player, line.stream.getAudioTracks()[0]);
  }

  /** Starts the recordings together. @param {() => void} ended called when the last one is over */
  async play(ended) {
    await this.context.resume();
    const at = this.context.currentTime + 0.1;
    let left = this.players.length;
    for (const player of this.players) {
      player.onended = () => { if (--left === 0) ended(); };
      player.start(at);
    }
  }

  close() {
    for (const player of this.players) player.onended = null;
    for (const track of this.tracks) track.stop();
    return this.context.close();
  }
}

const MICROPHONE_ERRORS = {
  NotAllowedError: "The browser may not use the microphone. Allow it in the address bar, then start again.",
  NotFoundError: "No microphone was found. Plug one in, or use the sample call.",
  NotReadableError: "The microphone is in use by another program.",
  OverconstrainedError: "The chosen microphone is not there any more. Choose another one.",
};
