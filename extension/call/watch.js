// Watches the levels: who is not heard, whether the call is over, whether the parties are mixed up.

/** Louder than this somebody is heard, in dB of full scale. */
const HEARD_DB = -48;
const UNHEARD_MS = 3000;
/** A tab that was heard and then gives digital silence plays nothing any more. */
const ASK_MS = 30_000;
const OVER_MS = 120_000;
/** Once the agent has said that the call goes on, it is not asked again for so long. */
const STAY_MS = 5 * 60_000;

export class Watch {
  /** @param {unknown} sound only so that a watch belongs to one call */
  constructor(sound) {
    this.sound = sound;
    this.since = 0;
    this.heard = false;
    this.quiet = { tab: 0, microphone: 0 };
    this.rolesChecked = false;
    this.over = false;
    /** @type {string[]} */
    this.warnings = [];
  }

  /** @param {number} tab dB @param {number} microphone dB @param {number} now ms @param {boolean} swapped */
  hear(tab, microphone, now, swapped) {
    if (!this.since) this.since = this.quiet.tab = this.quiet.microphone = now;
    if (tab > HEARD_DB) this.heard = true;
    if (tab > -Infinity) this.quiet.tab = now;
    if (microphone > -Infinity) this.quiet.microphone = now;
    const silent = now - this.quiet.tab;
    this.over = this.heard && silent >= OVER_MS;
    this.warnings = [
      !this.heard && now - this.since >= UNHEARD_MS && "tabUnheard",
      now - this.quiet.microphone >= UNHEARD_MS && "microphoneDead",
      this.heard && silent >= ASK_MS && "maybeOver",
      swapped && !this.rolesChecked && "swapped",
    ].filter((one) => typeof one === "string");
  }

  /** The agent says that the call goes on. */
  stay() {
    this.quiet.tab = Date.now() + STAY_MS;
  }

  /** The agent says that the parties are right, or has put them right. */
  rolesAreRight() {
    this.rolesChecked = true;
  }
}
