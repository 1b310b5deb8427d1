/** How often a live view reads anew: the slower the answers, the more seldom. */

const MIN_MS = 2_000;
const MAX_MS = 60_000;

/** So many times as long as the slowest answer: the service is busy for one part in so many. */
const REST = 8;

let slowestMs = 0;

/** Takes how long an answer took. Older ones count less and less. */
export function noteDuration(ms: number): void {
  slowestMs = Math.max(ms, slowestMs * 0.8);
}

/** The time between two readings. */
export function paceMs(): number {
  return Math.min(MAX_MS, Math.max(MIN_MS, slowestMs * REST));
}
