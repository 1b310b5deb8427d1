/** The service map as a graph: apps, and what goes from one to another. Pure. */

import type { Bytes, Summary, SummaryRow } from '../api/types';
import { sum } from '../state/units';

export interface App {
  name: string;
  /** All that it sent and got, as source and as destination, in the answers that there are. */
  bytes: Bytes;
}

export interface Pair {
  source: string;
  target: string;
  sent: Bytes;
  returned: Bytes;
  bytes: Bytes;
}

export interface Graph {
  /** The largest first. */
  apps: App[];
  /** The largest first. */
  pairs: Pair[];
  /** How many pairs there are, shown or not, and how much they moved. */
  allPairs: number;
  allBytes: Bytes;
}

/** A graph of pairs. Apps are as large as `bySource` and `byDestination` say, where they say it. */
export function makeGraph(summaries: readonly Summary[], bySource?: Summary, byDestination?: Summary): Graph {
  const pairs = new Map<string, Pair>();
  for (const { rows } of summaries) {
    for (const row of rows.slice(0, -1)) {
      const pair = pairOf(row);
      pairs.set(JSON.stringify([pair.source, pair.target]), pair);
    }
  }
  const all = [...pairs.values()].sort((a, b) => (a.bytes < b.bytes ? 1 : a.bytes > b.bytes ? -1 : 0));
  const shown = new Map<string, Bytes>();
  for (const { source, target, bytes } of all) {
    for (const name of new Set([source, target])) shown.set(name, sum([shown.get(name) ?? 0, bytes]));
  }
  const whole = new Map<string, Bytes>();
  const add = (name: string, bytes: Bytes) => whole.set(name, sum([whole.get(name) ?? 0, bytes]));
  for (const row of bySource?.rows.slice(0, -1) ?? []) add(row.src_app ?? '', row.bytes_total);
  for (const row of byDestination?.rows.slice(0, -1) ?? []) add(row.dest_app ?? '', row.bytes_total);
  // Who talks to itself is on both lists with the same bytes.
  for (const { source, target, bytes } of all) {
    const known = whole.get(source);
    if (source === target && known !== undefined) whole.set(source, BigInt(known) - BigInt(bytes));
  }
  const apps = [...shown].map(([name, bytes]) => ({ name, bytes: larger(whole.get(name) ?? 0, bytes) }));
  apps.sort((a, b) => (a.bytes < b.bytes ? 1 : a.bytes > b.bytes ? -1 : a.name < b.name ? -1 : 1));
  return {
    apps,
    pairs: all,
    allPairs: summaries.reduce((count, { total }) => count + total.groups, 0),
    allBytes: sum(summaries.map(({ total }) => total.bytes_total)),
  };
}

function larger(a: Bytes, b: Bytes): Bytes {
  return a > b ? a : b;
}

function pairOf(row: SummaryRow): Pair {
  return {
    source: row.src_app ?? '',
    target: row.dest_app ?? '',
    sent: row.bytes_tx,
    returned: row.bytes_rx,
    bytes: row.bytes_total,
  };
}

/** The neighbours of an app: where it sends to, and from where it is called. */
export function neighbours({ pairs }: Graph, app: string): { calls: Pair[]; calledBy: Pair[] } {
  return {
    calls: pairs.filter(({ source }) => source === app),
    calledBy: pairs.filter(({ target }) => target === app),
  };
}
