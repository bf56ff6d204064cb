// How long to wait between tries: longer each time, and never all agents at once.

const FIRST_MS = 250;
const MOST_MS = 4000;

/**
 * Exponential with "equal jitter": at least half of the step, so that a restarted server is found
 * soon, and a random half, so that those whom it lost do not come back together.
 * @param {number} tried how many tries have failed
 * @param {() => number} [random] from 0 to 1
 * @returns {number} milliseconds
 */
export function pause(tried, random = Math.random) {
  const step = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(tried, 20));
  return step / 2 + (step / 2) * random();
}
