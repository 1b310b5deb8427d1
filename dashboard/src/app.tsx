/** The frame around the views: what is looked at, whether that is all, and who is asking. */

import { useEffect, useMemo, useState } from 'preact/hooks';

import { url } from './api/client';
import { onToken, setToken, token } from './api/token';
import type { Hours } from './api/types';
import { FilterBar } from './parts/filters';
import { Header } from './parts/header';
import { RangePicker } from './parts/ranges';
import { SignIn } from './parts/sign_in';
import { type View, useAddress } from './state/address';
import { DEFAULT_RANGE, chartWindow, isOneHour, rangeParams, rangeText, resolve } from './state/hours';
import { useCurrentHour, useLive } from './state/live';
import { useRead } from './state/read';
import { SelectionContext, filterParams } from './state/selection';
import { FlowsView } from './views/flows';
import { MapView } from './views/map';
import { Overview } from './views/overview';
import { Trust } from './views/trust';

const VIEW_OF: Record<View, () => preact.JSX.Element> = {
  overview: Overview,
  map: MapView,
  flows: FlowsView,
  trust: Trust,
};

export const VIEW_NAMES: Record<View, string> = {
  overview: 'Overview',
  map: 'Map',
  flows: 'Flows',
  trust: 'Completeness',
};

export function App() {
  const [known, setKnown] = useState(token);
  useEffect(() => onToken(() => setKnown(token())), []);
  // Who signs in or out starts anew: nothing that one token showed is left for another.
  return <SignedIn key={known ?? ''} />;
}

function SignedIn() {
  const address = useAddress();
  const now = useCurrentHour();
  const resolved = resolve(address.range, now);
  const range = resolved ?? resolve(DEFAULT_RANGE, now) ?? { first: now, last: now };
  const window = chartWindow(range, now);

  // A range that is over changes no more, but for late arrivals; it is followed all the same.
  const stream = address.live ? url('/v1/stream', { ...rangeParams(range), ...filterParams(address) }) : null;
  const [mayFollow, setMayFollow] = useState(false);
  const live = useLive(mayFollow ? stream : null);
  const hoursUrl = url('/v1/hours', { ...hourParams(window), ...filterParams(address) });
  const hours = useRead<Hours>(hoursUrl, live.version);
  const isRefused = hours.error?.status === 401;
  useEffect(() => setMayFollow(hours.data !== null && !isRefused), [hours.data !== null, isRefused]);

  const title = `${VIEW_NAMES[address.view]}, ${rangeText(range)} – Flows`;
  useEffect(() => {
    document.title = isRefused ? 'Sign in – Flows' : title;
  }, [title, isRefused]);

  const selection = useMemo(
    () => ({ address, range, now, window, hours, live }),
    [address, range.first, range.last, now, hours.data, hours.error, hours.isLoading, live],
  );
  if (isRefused) return <SignIn />;
  const Shown = VIEW_OF[address.view];
  return (
    <SelectionContext.Provider value={selection}>
      <a class="skip" href="#main">
        Skip to the figures
      </a>
      <Header onSignOut={token() === null ? null : () => setToken(null)} />
      <section class="controls" aria-label="What is shown">
        <RangePicker />
        <FilterBar />
      </section>
      <main id="main" tabIndex={-1}>
        <h1 class="unseen">{VIEW_NAMES[address.view]}</h1>
        {resolved === null && (
          <p class="note note-error" role="alert">
            The address names hours that make no sense; it shows the last 24 hours instead.
          </p>
        )}
        <Shown />
      </main>
      <footer>
        <span>Hours are UTC. Sent: from source to destination; returned: back.</span>
        <span>
          <a href="/openapi.json">Interface</a> · <a href="/assets/licences.md">Licences</a>
        </span>
      </footer>
    </SelectionContext.Provider>
  );
}

function hourParams(window: ReturnType<typeof chartWindow>) {
  // All hours need no beginning.
  return window.first === 0 && window.last === null && !isOneHour(window) ? {} : rangeParams(window);
}
