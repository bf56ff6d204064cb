// Listening in: raw stereo samples from the server, put one behind the other on the audio clock.

const AHEAD_S = 0.25;
const CHANNELS = 2;

export class Listening {
  /**
   * @param {HTMLButtonElement} button starts and stops it
   * @param {(text: string) => void} tell where trouble is told
   */
  constructor(button, tell) {
    this.button = button;
    this.tell = tell;
    this.abort = null;
    button.addEventListener("click", () => (this.abort ? this.stop() : this.start()));
  }

  stop() {
    this.abort?.abort();
    this.abort = null;
    this.context?.close();
    this.button.setAttribute("aria-pressed", "false");
    this.button.textContent = "Listen in";
  }

  async start() {
    const abort = this.abort = new AbortController();
    this.button.setAttribute("aria-pressed", "true");
    this.button.textContent = "Stop listening";
    const context = this.context = new AudioContext();
    try {
      const response = await fetch(this.button.dataset.url, { signal: abort.signal });
      if (!response.ok) throw new Error((await response.json()).detail);
      await this.#play(response, context);
    } catch (error) {
      if (error.name !== "AbortError") this.tell(error.message);
    }
    if (this.abort === abort) this.stop();
  }

  async #play(response, context) {
    const rate = Number(response.headers.get("X-Sample-Rate"));
    const reader = response.body.getReader();
    let rest = new Uint8Array(0);
    let at = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const bytes = new Uint8Array(rest.length + value.length);
      bytes.set(rest);
      bytes.set(value, rest.length);
      const frames = Math.floor(bytes.length / (2 * CHANNELS));
      rest = bytes.slice(frames * 2 * CHANNELS);
      if (!frames) continue;
      at = this.#schedule(context, rate, new Int16Array(bytes.buffer, 0, frames * CHANNELS), at);
    }
  }

  /** Plays the frames behind what plays already; after a gap a little later, so that none follows. */
  #schedule(context, rate, samples, at) {
    const frames = samples.length / CHANNELS;
    const buffer = context.createBuffer(CHANNELS, frames, rate);
    for (let channel = 0; channel < CHANNELS; channel++) {
      const out = buffer.getChannelData(channel);
      for (let i = 0; i < frames; i++) out[i] = samples[CHANNELS * i + channel] / 32768;
    }
    const from = at > context.currentTime ? at : context.currentTime + AHEAD_S;
    const node = new AudioBufferSourceNode(context, { buffer });
    node.connect(context.destination);
    node.start(from);
    return from + frames / rate;
  }
}
