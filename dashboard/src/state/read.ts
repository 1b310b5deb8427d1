/**
 * Reads of the service by components: one at a time for each, given up when nobody wants it any
 * more, and repeated when something has changed. What was read stays until there is something newer.
 */

import { useEffect, useState } from 'preact/hooks';

import { ApiError, read } from '../api/client';
import { noteDuration } from './pace';

export interface Reading<T> {
  data: T | null;
  error: ApiError | null;
  /** Whether something else than what is shown has been asked for. */
  isLoading: boolean;
}

/** What may be better soon is tried again by itself after so long. */
const AGAIN_MS = 5_000;

interface State<T> {
  key: string | null;
  data: T | null;
  error: ApiError | null;
}

/** Reads with `take`, anew for every key and version; nothing without a key. */
export function useTaken<T>(
  key: string | null,
  version: number,
  take: (signal: AbortSignal) => Promise<T>,
): Reading<T> {
  const [state, setState] = useState<State<T>>({ key: null, data: null, error: null });
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (key === null) return;
    let again: ReturnType<typeof setTimeout>;
    const controller = new AbortController();
    const start = performance.now();
    let isOver = false;
    take(controller.signal).then(
      (data) => {
        isOver = true;
        if (controller.signal.aborted) return;
        noteDuration(performance.now() - start);
        setState({ key, data, error: null });
      },
      (error: unknown) => {
        isOver = true;
        if (controller.signal.aborted) return;
        const told = error instanceof ApiError ? error : new ApiError(0, String(error));
        setState((before) => ({ key, data: before.key === key ? before.data : null, error: told }));
        const isPassing = told.status === 0 || told.status >= 500;
        if (isPassing) again = setTimeout(() => setAttempt((before) => before + 1), AGAIN_MS);
      },
    );
    return () => {
      // An answer that was not waited for would have taken longer still: the next one gets the time.
      if (!isOver) noteDuration(performance.now() - start);
      controller.abort();
      clearTimeout(again);
    };
  }, [key, version, attempt]);
  return { data: state.data, error: state.key === key ? state.error : null, isLoading: state.key !== key };
}

/** Reads a JSON answer. */
export function useRead<T>(target: string | null, version: number): Reading<T> {
  return useTaken(target, version, (signal) => read<T>(target ?? '', signal));
}
