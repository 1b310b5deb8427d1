/**
 * The live stream, `/v1/stream`. Read with `fetch`, because the browser's own `EventSource` cannot
 * send a token. Comes back with the last event's id, so that nothing is missed in between.
 */

import { createParser } from 'eventsource-parser';

import { ApiError, headers, pause, refusal } from './client';
import { parseExact } from './json';
import type { Flow } from './types';

export type StreamState = 'connecting' | 'live' | 'waiting' | 'refused';

export interface Follower {
  /** Flows as they are now. */
  onFlows(flows: Flow[]): void;
  /** Changes were missed: read anew. */
  onReset(): void;
  onState(state: StreamState, reason?: string): void;
}

const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 30_000;

/** The service sends something every 15 s; after so long without anything, the way is broken. */
const SILENCE_MS = 45_000;

/** Follows until the signal ends it. */
export async function follow(target: string, follower: Follower, signal: AbortSignal): Promise<void> {
  let lastId: string | undefined;
  let wait = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    follower.onState('connecting');
    try {
      await once(target, lastId, follower, signal, (id) => {
        lastId = id;
        wait = FIRST_PAUSE_MS;
      });
      follower.onState('waiting', 'the connection ended');
    } catch (error) {
      if (signal.aborted) return;
      const isFinal = error instanceof ApiError && [400, 401, 403, 404].includes(error.status);
      const reason = error instanceof Error ? error.message : String(error);
      follower.onState(isFinal ? 'refused' : 'waiting', reason);
      if (isFinal) return;
    }
    await pause(wait, signal).catch(() => undefined);
    wait = Math.min(wait * 2, MAX_PAUSE_MS);
  }
}

/** One connection, to its end. */
async function once(
  target: string,
  lastId: string | undefined,
  follower: Follower,
  signal: AbortSignal,
  noteId: (id: string) => void,
): Promise<void> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  const both = new AbortController();
  const stop = () => both.abort();
  signal.addEventListener('abort', stop);
  silence.signal.addEventListener('abort', stop);
  try {
    const resume: Record<string, string> = lastId === undefined ? {} : { 'last-event-id': lastId };
    const response = await fetch(target, {
      headers: { ...headers('text/event-stream'), ...resume },
      signal: both.signal,
      cache: 'no-store',
    });
    if (!response.ok || response.body === null) throw await refusal(response);
    follower.onState('live');
    const parser = createParser({
      onEvent: (event) => {
        if (event.id !== undefined) noteId(event.id);
        if (event.event === 'flows') {
          follower.onFlows((parseExact(event.data) as { flows: Flow[] }).flows);
        } else if (event.event === 'reset') {
          follower.onReset();
        }
      },
    });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      parser.feed(value);
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    // What was not read to its end, because it made no sense, is not left open.
    both.abort();
  }
}
