/** The server's clock, as far as its answers tell: whose hour it is must not hang on this machine's clock. */

const HOUR_MS = 3_600_000;

/** Differences below this are the rounding of the header, and the way. */
const TOLERANCE_MS = 3_000;

let offsetMs = 0;

/** Takes the `date` header of an answer. */
export function noteServerTime(date: string | null): void {
  const server = date === null ? Number.NaN : Date.parse(date);
  if (Number.isNaN(server)) return;
  const offset = server - Date.now();
  offsetMs = Math.abs(offset) < TOLERANCE_MS ? 0 : offset;
}

/** The time now, in milliseconds since the Unix epoch. */
export function nowMs(): number {
  return Date.now() + offsetMs;
}

/** The hour now, in hours since the Unix epoch. */
export function currentHour(): number {
  return Math.floor(nowMs() / HOUR_MS);
}
