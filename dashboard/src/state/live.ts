/**
 * What changes meanwhile: follows the stream while somebody looks, tells views when to read anew,
 * and keeps the latest flows to show. It also notices when an hour begins.
 */

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

import { type StreamState, follow } from '../api/stream';
import type { Flow } from '../api/types';
import { currentHour } from './clock';
import { paceMs } from './pace';

/** So many of the latest flows are shown. */
const MAX_LATEST = 12;

export interface Live {
  state: StreamState | 'off';
  reason: string;
  /** Goes up when views should read anew. */
  version: number;
  /** The flows that changed last, the newest first. */
  latest: readonly Flow[];
  /** Reads anew at once. */
  refresh(): void;
}

/** Follows `target`; nothing without one. */
export function useLive(target: string | null): Live {
  const [state, setState] = useState<{ state: Live['state']; reason: string }>({ state: 'off', reason: '' });
  const [version, setVersion] = useState(0);
  const [latest, setLatest] = useState<readonly Flow[]>([]);
  const isVisible = useVisible();
  const refresh = useCallback(() => setVersion((before) => before + 1), []);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  useEffect(() => {
    setLatest([]);
    if (target === null || !isVisible) {
      setState({ state: 'off', reason: '' });
      return;
    }
    const controller = new AbortController();
    let wasLive = false;
    const soon = () => {
      timer.current ??= setTimeout(() => {
        timer.current = undefined;
        refresh();
      }, paceMs());
    };
    void follow(
      target,
      {
        onFlows(flows) {
          setLatest((before) => newest(flows, before));
          soon();
        },
        onReset: soon,
        onState(next, reason = '') {
          setState({ state: next, reason });
          // A read says why, and asks for a token if that is it.
          if (next === 'refused') soon();
          if (next !== 'live') return;
          // What went wrong meanwhile may be right again.
          if (wasLive) soon();
          wasLive = true;
        },
      },
      controller.signal,
    );
    return () => {
      controller.abort();
      clearTimeout(timer.current);
      timer.current = undefined;
    };
  }, [target, isVisible]);

  // What was missed while nobody looked.
  const wasVisible = useRef(true);
  useEffect(() => {
    if (isVisible && !wasVisible.current && target !== null) refresh();
    wasVisible.current = isVisible;
  }, [isVisible]);

  return { ...state, version, latest, refresh };
}

/** The newest flows, each key once. */
function newest(flows: readonly Flow[], before: readonly Flow[]): readonly Flow[] {
  const key = ({ hour, src_app, dest_app, vpc_id }: Flow) => JSON.stringify([hour, src_app, dest_app, vpc_id]);
  const arrived = flows.slice(-MAX_LATEST).reverse();
  const known = new Set(arrived.map(key));
  return [...arrived, ...before.filter((flow) => !known.has(key(flow)))].slice(0, MAX_LATEST);
}

function useVisible(): boolean {
  const [isVisible, setVisible] = useState(!document.hidden);
  useEffect(() => {
    const listener = () => setVisible(!document.hidden);
    document.addEventListener('visibilitychange', listener);
    return () => document.removeEventListener('visibilitychange', listener);
  }, []);
  return isVisible;
}

/** The hour now; changes when one begins. */
export function useCurrentHour(): number {
  const [hour, setHour] = useState(currentHour);
  useEffect(() => {
    const timer = setInterval(() => setHour(currentHour()), 5_000);
    return () => clearInterval(timer);
  }, []);
  return hour;
}
