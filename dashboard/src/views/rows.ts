/**
 * The rows of the table: the largest groups, as the service sums them up. A search finds the names
 * that have a text in them, and asks for the rows of those.
 */

import { read, url } from '../api/client';
import type { Complete, NameField, Summary, SummaryRow } from '../api/types';
import { type Address, NAME_FIELDS, type Sort, type SortField } from '../state/address';
import type { Range } from '../state/hours';
import { exactly } from '../state/names';
import { type Reading, useTaken } from '../state/read';
import { selectionParams, useSelection } from '../state/selection';
import { compareBytes } from '../state/units';

export interface Found {
  rows: SummaryRow[];
  /** What the rows beyond the limit add up to; nothing where that is not known. */
  rest: SummaryRow | null;
  total: Summary['total'] | null;
  /** Whether there are no others. */
  isAll: boolean;
  /** Whether all names with the text were looked at. */
  isEveryName: boolean;
  complete?: Complete;
}

/** So many names does the service take in a filter (`MAX_FILTER_VALUES`), all fields together. */
const MAX_NAMES = 100;

/** So long may they be together, as they are in an address: its query may have 16 KiB. */
const MAX_NAME_LENGTH = 12_000;

/** So many names are searched, those with the most bytes. */
const MAX_SEARCHED = 10_000;

type SummedField = 'bytes_tx' | 'bytes_rx' | 'bytes_total' | 'flows';

/** Whether it is the service that sorts by this. */
export function isSummed(field: SortField): field is SummedField {
  return ['bytes_tx', 'bytes_rx', 'bytes_total', 'flows'].includes(field);
}

export function useRows(): Reading<Found> {
  const { address, range, live } = useSelection();
  const params = {
    ...selectionParams(address, range),
    group_by: address.by.join(),
    order_by: isSummed(address.sort.field) ? address.sort.field : undefined,
    limit: address.rows,
  };
  const key = `${url('/v1/summary', params)} ${address.search}`;
  const reading = useTaken(key, live.version, (signal) => take(address, range, params, signal));
  // What is here can be sorted without asking.
  const data = reading.data && { ...reading.data, rows: sorted(reading.data.rows, address.sort) };
  return { ...reading, data };
}

type SummaryParams = Record<string, string | number | readonly string[] | undefined>;

async function take(address: Address, range: Range, params: SummaryParams, signal: AbortSignal): Promise<Found> {
  if (address.search !== '') return search(address, range, params, signal);
  const summary = await read<Summary>(url('/v1/summary', params), signal);
  const rest = summary.rows.at(-1) ?? null;
  return {
    rows: summary.rows.slice(0, -1),
    rest,
    total: summary.total,
    isAll: (rest?.groups ?? 0) === 0,
    isEveryName: true,
    complete: summary.complete,
  };
}

/**
 * Asks once for each field in which there are such names. The answers overlap in rows that are the
 * same in each, because rows are told apart by every field that is searched.
 */
async function search(address: Address, range: Range, params: SummaryParams, signal: AbortSignal): Promise<Found> {
  const fields = NAME_FIELDS.filter((field) => address.by.includes(field));
  const wanted = address.search.trim().toLowerCase();
  const answers = await Promise.all(
    fields.map(async (field) => {
      const { names, isEvery } = await namesWith(wanted, field, address, range, signal);
      if (names.length === 0) return { rows: [], isAll: true, isEvery };
      const summary = await read<Summary>(url('/v1/summary', { ...params, [field]: names.map(exactly) }), signal);
      const rest = summary.rows.at(-1);
      return { rows: summary.rows.slice(0, -1), isAll: (rest?.groups ?? 0) === 0, isEvery };
    }),
  );
  const rows = new Map<string, SummaryRow>();
  for (const row of answers.flatMap((answer) => answer.rows)) rows.set(rowKey(row), row);
  const order = isSummed(address.sort.field) ? address.sort.field : 'bytes_total';
  const largest = sorted([...rows.values()], { field: order, descending: true });
  return {
    rows: largest.slice(0, address.rows),
    rest: null,
    total: null,
    isAll: answers.every((answer) => answer.isAll) && largest.length <= address.rows,
    isEveryName: answers.every((answer) => answer.isEvery),
  };
}

/** The selection's names with a text in them, those with the most bytes first. */
async function namesWith(wanted: string, field: NameField, address: Address, range: Range, signal: AbortSignal) {
  const params = { ...selectionParams(address, range), group_by: field, limit: MAX_SEARCHED };
  const { rows } = await read<Summary>(url('/v1/summary', params), signal);
  const groups = rows.slice(0, -1);
  const found = groups.map((row) => row[field] ?? '').filter((name) => name.toLowerCase().includes(wanted));
  const others = NAME_FIELDS.filter((other) => other !== field);
  const room = MAX_NAMES - others.reduce((sum, other) => sum + address.filters[other].length, 0);
  const names = fitting(found.slice(0, Math.max(0, room)), field);
  return { names, isEvery: names.length === found.length && (rows.at(-1)?.groups ?? 0) === 0 };
}

/** The first names, as many as an address has room for. */
function fitting(names: readonly string[], field: NameField): string[] {
  let length = 0;
  return names.filter((name) => {
    length += encodeURIComponent(name).length + field.length + 4;
    return length <= MAX_NAME_LENGTH;
  });
}

export function rowKey({ src_app, dest_app, vpc_id, hour }: SummaryRow): string {
  return JSON.stringify([src_app, dest_app, vpc_id, hour]);
}

/** Sorted; what is equal stays as it was, the largest first. */
export function sorted(rows: readonly SummaryRow[], { field, descending }: Sort): SummaryRow[] {
  const sign = descending ? -1 : 1;
  const compare = (a: SummaryRow, b: SummaryRow) => {
    const [left, right] = [a[field] ?? 0, b[field] ?? 0];
    if (typeof left === 'string' || typeof right === 'string') return String(left) < String(right) ? -1 : left === right ? 0 : 1;
    return compareBytes(left, right);
  };
  return [...rows].sort((a, b) => sign * compare(a, b));
}
