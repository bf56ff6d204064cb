// Level meters that say when nothing is heard.

const FLOOR_DB = -60;
const HEARD_DB = -48;
const SILENT_MS = 3000;
const EVERY_MS = 100;

export class Meter {
  /**
   * @param {HTMLElement} meter @param {HTMLElement} words
   * @param {boolean} isMicrophone whether silence may mean that something is unplugged
   */
  constructor(meter, words, isMicrophone) {
    this.meter = meter;
    this.words = words;
    this.isMicrophone = isMicrophone;
    this.party = null;
    this.heardOnce = false;
    this.silentSince = performance.now();
  }

  watch(party) {
    this.party = party;
    this.silentSince = performance.now();
    this.timer = setInterval(() => this.#show(), EVERY_MS);
  }

  stop() {
    clearInterval(this.timer);
    this.#level(0);
    this.#say("", false);
  }

  #show() {
    const level = this.party.level();
    const now = performance.now();
    this.#level(Math.max(0, Math.min(1, 1 - level / FLOOR_DB)));
    if (level > HEARD_DB) {
      this.heardOnce = true;
      this.silentSince = now;
      this.#say("Heard", false);
    } else if (now - this.silentSince >= SILENT_MS) {
      this.#sayNothing(level, Math.floor((now - this.silentSince) / 1000));
    }
  }

  /** @param {number} share of full scale */
  #level(share) {
    this.meter.firstElementChild.style.transform = `scaleX(${share.toFixed(3)})`;
    this.meter.setAttribute("aria-valuenow", String(Math.round(100 * share)));
  }

  #sayNothing(level, seconds) {
    if (this.isMicrophone && level === -Infinity) {
      this.#say(`No sound at all for ${seconds} s: muted or unplugged?`, true);
    } else if (this.isMicrophone && !this.heardOnce) {
      this.#say(`Nothing heard yet for ${seconds} s: speak up, or choose another microphone`, true);
    } else {
      this.#say(`Silent for ${seconds} s`, false);
    }
  }

  #say(text, warn) {
    if (this.words.textContent !== text) this.words.textContent = text;
    this.words.classList.toggle("warn", warn);
  }
}
