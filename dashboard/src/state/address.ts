/**
 * The address: all that a view depends on, so that it can be shared and gone back to. What is not
 * said has its default, and defaults are not said.
 */

import { useEffect, useState } from 'preact/hooks';

import type { GroupField, NameField, Reporter } from '../api/types';
import { DEFAULT_RANGE, type RangeText, sameRange } from './hours';

export type View = 'overview' | 'map' | 'flows' | 'trust';
export const VIEWS: readonly View[] = ['overview', 'map', 'flows', 'trust'];
export const NAME_FIELDS: readonly NameField[] = ['src_app', 'dest_app', 'vpc_id'];
export const GROUP_FIELDS: readonly GroupField[] = [...NAME_FIELDS, 'hour'];

export const SORTS = [...GROUP_FIELDS, 'bytes_tx', 'bytes_rx', 'bytes_total', 'flows'] as const;
export type SortField = (typeof SORTS)[number];

export interface Sort {
  field: SortField;
  descending: boolean;
}

/** Patterns by field: of one field any, of different fields all. */
export type Filters = Record<NameField, readonly string[]>;

export interface Address {
  view: View;
  range: RangeText;
  filters: Filters;
  reporter: Reporter | null;
  /** The app that the map shows with its neighbours. */
  app: string | null;
  /** How many pairs the map shows. */
  pairs: number;
  /** What the table's rows are. */
  by: readonly GroupField[];
  sort: Sort;
  search: string;
  /** How many rows the table has at most. */
  rows: number;
  /** Whether the audit lists flows that one side alone reported. */
  oneSided: boolean;
  live: boolean;
  /** Whether all digits are shown. */
  exact: boolean;
}

export const PAIR_CHOICES: readonly number[] = [100, 300, 1_000];
export const ROW_CHOICES: readonly number[] = [1_000, 10_000];

const DEFAULTS: Address = {
  view: 'overview',
  range: DEFAULT_RANGE,
  filters: { src_app: [], dest_app: [], vpc_id: [] },
  reporter: null,
  app: null,
  pairs: 300,
  by: NAME_FIELDS,
  sort: { field: 'bytes_total', descending: true },
  search: '',
  rows: 1_000,
  oneSided: false,
  live: true,
  exact: false,
};

/** Reads a query string. What makes no sense is left out: an old link shows something. */
export function parseAddress(query: string): Address {
  const params = new URLSearchParams(query);
  const number = (name: string, choices: readonly number[], fallback: number) => {
    const value = Number(params.get(name));
    return choices.includes(value) ? value : fallback;
  };
  const by = (params.get('by') ?? '').split(',').filter(isOneOf(GROUP_FIELDS));
  const reporter = params.get('reporter');
  return {
    view: [params.get('view') ?? ''].find(isOneOf(VIEWS)) ?? DEFAULTS.view,
    range: parseRange(params),
    filters: {
      src_app: params.getAll('src_app').filter(Boolean),
      dest_app: params.getAll('dest_app').filter(Boolean),
      vpc_id: params.getAll('vpc_id').filter(Boolean),
    },
    reporter: reporter === 'source' || reporter === 'destination' ? reporter : null,
    app: params.get('app') || null,
    pairs: number('pairs', PAIR_CHOICES, DEFAULTS.pairs),
    by: by.length > 0 ? GROUP_FIELDS.filter((field) => by.includes(field)) : DEFAULTS.by,
    sort: parseSort(params.get('sort')),
    search: params.get('q') ?? '',
    rows: number('rows', ROW_CHOICES, DEFAULTS.rows),
    oneSided: params.get('one_sided') === '1',
    live: params.get('live') !== '0',
    exact: params.get('exact') === '1',
  };
}

/** The query string of an address; empty, or with its question mark. */
export function formatAddress(address: Address): string {
  const params = new URLSearchParams();
  const add = (name: string, value: string, fallback: string) => {
    if (value !== fallback) params.append(name, value);
  };
  add('view', address.view, DEFAULTS.view);
  if (!sameRange(address.range, DEFAULTS.range)) {
    for (const [name, value] of Object.entries(address.range)) params.append(name, value);
  }
  for (const field of NAME_FIELDS) {
    for (const pattern of address.filters[field]) params.append(field, pattern);
  }
  add('reporter', address.reporter ?? '', '');
  add('app', address.app ?? '', '');
  add('pairs', String(address.pairs), String(DEFAULTS.pairs));
  add('by', address.by.join(), DEFAULTS.by.join());
  add('sort', formatSort(address.sort), formatSort(DEFAULTS.sort));
  add('q', address.search, '');
  add('rows', String(address.rows), String(DEFAULTS.rows));
  add('one_sided', address.oneSided ? '1' : '0', '0');
  add('live', address.live ? '1' : '0', '1');
  add('exact', address.exact ? '1' : '0', '0');
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}

function isOneOf<T extends string>(values: readonly T[]): (value: string) => value is T {
  return (value): value is T => (values as readonly string[]).includes(value);
}

function parseRange(params: URLSearchParams): RangeText {
  const [hour, from, to] = ['hour', 'from', 'to'].map((name) => params.get(name));
  if (hour) return { hour };
  if (!from) return DEFAULTS.range;
  return to ? { from, to } : { from };
}

/** `bytes_tx`, or `-bytes_tx` for the largest first. */
function parseSort(text: string | null): Sort {
  const descending = text?.startsWith('-') ?? false;
  const field = [(text ?? '').replace(/^-/, '')].find(isOneOf(SORTS));
  return field === undefined ? DEFAULTS.sort : { field, descending };
}

function formatSort({ field, descending }: Sort): string {
  return descending ? `-${field}` : field;
}

/** A link to an address. */
export function href(address: Address): string {
  return `/${formatAddress(address)}`;
}

const listeners = new Set<() => void>();

function tell(): void {
  for (const listener of listeners) listener();
}

if (typeof window !== 'undefined') window.addEventListener('popstate', tell);

/** Goes to an address; in place of the present one, where going back to that would be of no use. */
export function go(address: Address, how: 'push' | 'replace' = 'push'): void {
  const target = href(address);
  if (target === `${location.pathname}${location.search}`) return;
  if (how === 'push') history.pushState(null, '', target);
  else history.replaceState(null, '', target);
  tell();
}

/** The present address. */
export function useAddress(): Address {
  const [query, setQuery] = useState(location.search);
  useEffect(() => {
    const listener = () => setQuery(location.search);
    listeners.add(listener);
    listener();
    return () => void listeners.delete(listener);
  }, []);
  const [parsed, setParsed] = useState({ query, address: parseAddress(query) });
  if (parsed.query === query) return parsed.address;
  const address = parseAddress(query);
  setParsed({ query, address });
  return address;
}

/** Only what is special for one field of the filters. */
export function withFilter(address: Address, field: NameField, patterns: readonly string[]): Address {
  return { ...address, filters: { ...address.filters, [field]: patterns } };
}

export function hasFilters({ filters, reporter }: Address): boolean {
  return reporter !== null || NAME_FIELDS.some((field) => filters[field].length > 0);
}
