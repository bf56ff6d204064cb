// When a party speaks, from the ear's probability of speech in each tick, with the policy's hysteresis.

export class Speech {
  /** @param {{speech_on: number, speech_off: number, speech_on_ticks: number}} policy */
  constructor(policy) {
    this.policy = policy;
    this.speaking = false;
    this.rising = 0;
    this.start = 0;
    this.end = 0;
  }

  /** @param {number} tick @param {number} probability percent */
  hear(tick, probability) {
    const { speech_on, speech_off, speech_on_ticks } = this.policy;
    if (this.speaking) {
      this.speaking = probability >= speech_off;
      if (this.speaking) this.end = tick + 1;
      return;
    }
    this.rising = probability >= speech_on ? this.rising + 1 : 0;
    if (this.rising < speech_on_ticks) return;
    this.speaking = true;
    this.start = tick - this.rising + 1;
    this.end = tick + 1;
    this.rising = 0;
  }
}
