/** The service map: which app talks to which, how much, and one app with its neighbours. */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';

import { read, url } from '../api/client';
import type { Summary } from '../api/types';
import { type App, type Graph, type Pair, makeGraph, neighbours } from '../map/graph';
import { type Places, layOut } from '../map/layout';
import { Picture } from '../map/picture';
import { type Bar, Bars } from '../parts/bars';
import { Size } from '../parts/figures';
import { Link } from '../parts/link';
import { NothingHere } from '../parts/nothing';
import { Await } from '../parts/notes';
import { type Address, NAME_FIELDS, PAIR_CHOICES, go } from '../state/address';
import { exactly, matches, seen } from '../state/names';
import { type Reading, useTaken } from '../state/read';
import { selectionParams, useSelection } from '../state/selection';
import { counted, grouped, shareText, sum } from '../state/units';

export function MapView() {
  const { address, live } = useSelection();
  const reading = useGraph();
  return (
    <section class="panel map" aria-label="Service map">
      <MapTools address={address} />
      <Await reading={reading} retry={live.refresh}>
        {(graph) => (graph.pairs.length === 0 ? <NothingHere /> : <Drawn graph={graph} />)}
      </Await>
    </section>
  );
}

function useGraph(): Reading<Graph> {
  const { address, range, live } = useSelection();
  const { app, pairs, filters } = address;
  const selection = selectionParams(address, range);
  const byPair = { ...selection, group_by: 'src_app,dest_app', limit: pairs };
  const isWithin = (patterns: readonly string[], name: string) =>
    patterns.length === 0 || patterns.some((pattern) => matches(pattern, name));
  const targets: string[] = [];
  if (app === null) {
    targets.push(url('/v1/summary', byPair));
    targets.push(url('/v1/summary', { ...selection, group_by: 'src_app', limit: 2_000 }));
    targets.push(url('/v1/summary', { ...selection, group_by: 'dest_app', limit: 2_000 }));
  } else {
    // What an app sends, and what it is sent: the filters of names are a selection of these.
    if (isWithin(filters.src_app, app)) targets.push(url('/v1/summary', { ...byPair, src_app: exactly(app) }));
    if (isWithin(filters.dest_app, app)) targets.push(url('/v1/summary', { ...byPair, dest_app: exactly(app) }));
  }
  return useTaken(`${app ?? ''}\n${targets.join('\n')}`, live.version, async (signal) => {
    const answers = await Promise.all(targets.map((target) => read<Summary>(target, signal)));
    if (app !== null) return makeGraph(answers);
    const [byPairs, bySource, byDestination] = answers;
    return makeGraph(byPairs ? [byPairs] : [], bySource, byDestination);
  });
}

function MapTools({ address }: { address: Address }) {
  return (
    <div class="table-tools">
      <label class="side">
        <span>Largest pairs</span>
        <select
          value={String(address.pairs)}
          onChange={(event) => go({ ...address, pairs: Number(event.currentTarget.value) }, 'replace')}
        >
          {PAIR_CHOICES.map((choice) => (
            <option key={choice} value={String(choice)}>
              {grouped(choice)}
            </option>
          ))}
        </select>
      </label>
      {address.app !== null && (
        <Link to={{ ...address, app: null }} class="chip">
          <span class="chip-field">Only</span>
          <span class="name">{seen(address.app)}</span>
          <span aria-hidden="true">×</span>
          <span class="unseen">, show all apps again</span>
        </Link>
      )}
    </div>
  );
}

function Drawn({ graph }: { graph: Graph }) {
  const { address } = useSelection();
  const [pointed, setPointed] = useState<string | null>(null);
  const places = usePlaces(graph);
  const choose = (app: string | null) => go({ ...address, app });
  const shown = useMemo(() => sum(graph.pairs.map(({ bytes }) => bytes)), [graph]);
  return (
    <>
      <p class="said" role="status">
        {graph.pairs.length < graph.allPairs && address.app === null ? (
          <>
            The {grouped(graph.pairs.length)} largest of {counted(graph.allPairs, 'pair')}:{' '}
            {shareText(shown, graph.allBytes)} of the bytes, {counted(graph.apps.length, 'app')}.
          </>
        ) : (
          <>
            {counted(graph.pairs.length, 'pair')}, {counted(graph.apps.length, 'app')}.
          </>
        )}
      </p>
      <div class="map-body">
        {places === null ? (
          <div class="picture">
            <p class="loading">Drawing…</p>
          </div>
        ) : (
          <Picture
            graph={graph}
            places={places}
            chosen={address.app}
            pointed={pointed}
            onPoint={setPointed}
            onChoose={choose}
          />
        )}
        <div class="map-side">
          {address.app === null ? (
            <AppList apps={graph.apps} onPoint={setPointed} />
          ) : (
            <Neighbours graph={graph} app={address.app} />
          )}
        </div>
      </div>
    </>
  );
}

/**
 * Places for the apps of a graph; those that are known stay. What is being laid out is finished before
 * a newer graph is: where changes come faster, nothing would ever be drawn.
 */
function usePlaces(graph: Graph): Places | null {
  const [places, setPlaces] = useState<Places | null>(null);
  const known = useRef<Places>(new Map());
  const wanted = useRef(graph);
  const isBusy = useRef(false);
  const end = useRef(new AbortController());
  useEffect(() => () => end.current.abort(), []);
  useEffect(() => {
    wanted.current = graph;
    if (isBusy.current) return;
    isBusy.current = true;
    const layOutAll = async () => {
      for (let done: Graph | null = null; done !== wanted.current; ) {
        done = wanted.current;
        known.current = await layOut(done, known.current, end.current.signal);
        if (!end.current.signal.aborted) setPlaces(known.current);
      }
    };
    void layOutAll()
      .catch(() => undefined)
      .finally(() => (isBusy.current = false));
  }, [graph]);
  return places;
}

/** The apps by size: the map in words, and the way to focus by keyboard. */
function AppList({ apps, onPoint }: { apps: readonly App[]; onPoint(app: string | null): void }) {
  const { address } = useSelection();
  const [text, setText] = useState('');
  const found = apps.filter(({ name }) => name.toLowerCase().includes(text.trim().toLowerCase()));
  return (
    <>
      <label class="search">
        <span class="unseen">Find an app</span>
        <input
          type="search"
          placeholder="Find an app…"
          value={text}
          spellcheck={false}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <ol class="app-list" aria-label="Apps by bytes">
        {found.map(({ name, bytes }) => (
          <li key={name}>
            <Link
              to={{ ...address, app: name }}
              title="Show this app and its neighbours"
              onMouseEnter={() => onPoint(name)}
              onMouseLeave={() => onPoint(null)}
              onFocus={() => onPoint(name)}
              onBlur={() => onPoint(null)}
            >
              <span class="name">{seen(name)}</span>
              <Size bytes={bytes} />
            </Link>
          </li>
        ))}
      </ol>
    </>
  );
}

/** One app: whom it calls, and who calls it. */
function Neighbours({ graph, app }: { graph: Graph; app: string }) {
  const { address } = useSelection();
  const { calls, calledBy } = neighbours(graph, app);
  return (
    <>
      <h2 class="name">{seen(app)}</h2>
      <PairBars title="Calls" pairs={calls} other={({ target }) => target} />
      <PairBars title="Called by" pairs={calledBy} other={({ source }) => source} />
      <p class="choices">
        <Link to={{ ...flowsOf(address), filters: { ...address.filters, src_app: [exactly(app)] } }} class="button">
          What it sends, as a table
        </Link>
        <Link to={{ ...flowsOf(address), filters: { ...address.filters, dest_app: [exactly(app)] } }} class="button">
          What it is sent
        </Link>
      </p>
    </>
  );
}

function flowsOf(address: Address): Address {
  return { ...address, view: 'flows', by: NAME_FIELDS };
}

function PairBars({ title, pairs, other }: { title: string; pairs: readonly Pair[]; other(pair: Pair): string }) {
  const { address } = useSelection();
  const whole = sum(pairs.map(({ bytes }) => bytes));
  const bars = pairs.slice(0, 50).map(
    (pair): Bar => ({
      key: other(pair),
      names: [other(pair)],
      sent: pair.sent,
      returned: pair.returned,
      total: pair.bytes,
      flows: 0,
      to: { ...address, app: other(pair) },
      action: `Show ${other(pair)} and its neighbours`,
    }),
  );
  return (
    <section aria-label={title}>
      <h3>
        {title} <span class="muted">{counted(pairs.length, 'app')}, </span>
        <Size bytes={whole} />
      </h3>
      {bars.length > 0 && <Bars bars={bars} whole={whole} label={`${title}, by bytes`} />}
    </section>
  );
}
