// Whether anything still comes from the other side, long before ICE gives a connection up.

/** Reports and consent checks come about every second; nothing for so long, and the way is lost. */
const PATIENCE_MS = 3000;
/** After a change of networks the next sign of life is waited for no longer than this. */
const DOUBT_MS = 1200;

export class Pulse {
  /** @param {number} now ms */
  constructor(now) {
    this.count = 0;
    this.deadline = now + PATIENCE_MS;
  }

  /** Looks at a count that grows with everything that comes. @param {number} count @param {number} now ms @returns {boolean} false: the way is lost */
  beats(count, now) {
    if (count !== this.count) {
      this.count = count;
      this.deadline = now + PATIENCE_MS;
    }
    return now < this.deadline;
  }

  /** The networks have changed. @param {number} now ms */
  doubt(now) {
    this.deadline = Math.min(this.deadline, now + DOUBT_MS);
  }
}

/** What has come over a connection so far: sound, reports and ICE's own checks. @param {RTCStatsReport} stats */
export function received(stats) {
  let count = 0;
  for (const one of stats.values()) {
    if (one.type === "candidate-pair") count += (one.packetsReceived ?? 0) + (one.requestsReceived ?? 0) + (one.responsesReceived ?? 0);
  }
  return count;
}
