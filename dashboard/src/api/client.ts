/** Requests to the service: the token's header, exact numbers, and errors that say what to do. */

import { noteServerTime } from '../state/clock';
import { parseExact } from './json';
import { token } from './token';

/** Parameters of a query; a list is given once for each of its values. */
export type Params = Record<string, string | number | readonly string[] | undefined>;

/** Why there is no answer. `status` is 0 when the service cannot be reached. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** How often a read is tried again when the service asks for that, with 503. */
const RETRIES = 2;

/** The longest wait before that. */
const MAX_PAUSE_MS = 5_000;

/** A path with its query. */
export function url(path: string, params: Params): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one));
  }
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** The headers of every request. */
export function headers(accept: string): Record<string, string> {
  const known = token();
  return known === null ? { accept } : { accept, authorization: `Bearer ${known}` };
}

/** Reads a JSON answer. */
export async function read<T>(target: string, signal: AbortSignal): Promise<T> {
  const response = await request(target, 'application/json', signal);
  const text = await whole(() => response.text(), signal);
  return parseExact(text) as T;
}

/** Tries a token before it is kept: fails as a read with it would. */
export async function tryToken(given: string): Promise<void> {
  const signal = new AbortController().signal;
  const tried = { accept: 'application/json', authorization: `Bearer ${given}` };
  const response = await send('/v1/hints?field=vpc_id&limit=1', tried, signal);
  if (!response.ok) throw await refusal(response);
}

/** Reads an answer in another format, to be saved. */
export async function download(
  target: string,
  accept: string,
  signal: AbortSignal,
): Promise<Blob> {
  const response = await request(target, accept, signal);
  return whole(() => response.blob(), signal);
}

/** An answer that breaks off is an error, never a shorter answer. */
async function whole<T>(take: () => Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await take();
  } catch (error) {
    signal.throwIfAborted();
    throw new ApiError(0, `The answer broke off: ${String(error)}`);
  }
}

async function request(target: string, accept: string, signal: AbortSignal): Promise<Response> {
  for (let tried = 0; ; tried += 1) {
    const response = await send(target, headers(accept), signal);
    if (response.ok) return response;
    if (response.status !== 503 || tried === RETRIES) throw await refusal(response);
    const seconds = Number(response.headers.get('retry-after') ?? '1');
    await pause(Math.min(seconds * 1000 || 1000, MAX_PAUSE_MS), signal);
  }
}

async function send(
  target: string,
  sent: Record<string, string>,
  signal: AbortSignal,
): Promise<Response> {
  try {
    const response = await fetch(target, { headers: sent, signal, cache: 'no-store' });
    noteServerTime(response.headers.get('date'));
    return response;
  } catch (error) {
    signal.throwIfAborted();
    throw new ApiError(0, 'The service cannot be reached.');
  }
}

/** What a refusal says: the `detail` of a problem document (RFC 9457), or the status in words. */
export async function refusal(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '');
  let detail = `${response.status} ${response.statusText}`.trim();
  try {
    const problem = JSON.parse(text) as { detail?: unknown };
    if (typeof problem.detail === 'string') detail = sentence(problem.detail);
  } catch {
    // Something on the way answered, not the service.
  }
  return new ApiError(response.status, detail);
}

/** A detail as a sentence; one that begins with the name of a field stays as it is. */
function sentence(detail: string): string {
  if (!/^[a-z]+ /.test(detail)) return detail;
  return `${detail.charAt(0).toUpperCase()}${detail.slice(1)}${/[.!?]$/.test(detail) ? '' : '.'}`;
}

/** Waits, but not longer than somebody wants the answer. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
  });
}
