/**
 * Hours and ranges of hours: as they are written in an address (a number, a time, `now`, `-24h`, as
 * on the command line), as they are asked of the service, and as people read them. Pure.
 */

import type { Params } from '../api/client';

const HOUR_MS = 3_600_000;

/** The last hour that there can be. */
export const MAX_HOUR = 4_294_967_295;

/** Hours that are taken for times: 1990 to 2200. Who writes directly may number hours otherwise. */
const FIRST_TIME = 175_320;
const LAST_TIME = 2_016_168;

/** A range as it is in the address. */
export type RangeText = { hour: string } | { from: string; to?: string };

/** A range as it is meant: from the first hour to the last, both included; open where there is no last. */
export interface Range {
  first: number;
  last: number | null;
}

export const DEFAULT_RANGE: RangeText = { from: '-24h' };

export const PRESETS: readonly { label: string; range: RangeText }[] = [
  { label: 'This hour', range: { hour: 'now' } },
  { label: 'Last hour', range: { hour: '-1h' } },
  { label: '24 hours', range: { from: '-24h' } },
  { label: '7 days', range: { from: '-7d' } },
  { label: '30 days', range: { from: '-30d' } },
  { label: 'All', range: { from: '0' } },
];

const UNIT_HOURS: Record<string, number> = { h: 1, d: 24, w: 168 };

/** Reads an hour; nothing if it is none. */
export function parseHour(text: string, now: number): number | null {
  if (text === 'now') return now;
  const relative = /^-(\d{1,7})([hdw])$/.exec(text);
  if (relative !== null) {
    return Math.max(0, now - Number(relative[1]) * (UNIT_HOURS[relative[2] ?? ''] ?? 1));
  }
  if (/^\d{1,10}$/.test(text)) return Number(text) <= MAX_HOUR ? Number(text) : null;
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text)) return null;
  const time = Date.parse(/(Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`);
  return Number.isNaN(time) || time < 0 ? null : Math.floor(time / HOUR_MS);
}

/** What a range means at an hour; nothing if it cannot be read, or is empty. */
export function resolve(text: RangeText, now: number): Range | null {
  if ('hour' in text) {
    const hour = parseHour(text.hour, now);
    return hour === null ? null : { first: hour, last: hour };
  }
  const first = parseHour(text.from, now);
  if (first === null) return null;
  // What is told from now ends with this hour: later ones are of a wrong clock, or of numbers of one's own.
  if (text.to === undefined) return { first, last: /^(-|now$)/.test(text.from) ? now : null };
  const end = parseHour(text.to, now);
  return end === null || end <= first ? null : { first, last: end - 1 };
}

/** A range as an address says it, whatever the hour will be when it is read. */
export function pinned(range: Range): RangeText {
  if (range.last === range.first) return { hour: String(range.first) };
  if (range.last === null) return { from: String(range.first) };
  return { from: String(range.first), to: String(range.last + 1) };
}

export function sameRange(a: RangeText, b: RangeText): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The parameters by which the service is asked for a range. */
export function rangeParams({ first, last }: Range): Params {
  if (last === first) return { hour: first };
  return { from: first, to: last === null ? undefined : last + 1 };
}

export function isOneHour(range: Range): boolean {
  return range.first === range.last;
}

export function contains(range: Range, hour: number): boolean {
  return hour >= range.first && (range.last === null || hour <= range.last);
}

/** The hours that the chart shows: those around a short range, so that it can be moved by clicking. */
export function chartWindow(range: Range, now: number): Range {
  const last = range.last ?? Math.max(now, range.first);
  if (range.first === 0 || last - range.first > 12) return range;
  if (last <= now && range.first > now - 48) return { first: Math.max(0, now - 47), last: now };
  return { first: Math.max(0, range.first - 24), last: Math.min(MAX_HOUR, last + 23) };
}

export function isTime(hour: number): boolean {
  return hour >= FIRST_TIME && hour <= LAST_TIME;
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const two = (value: number) => String(value).padStart(2, '0');

/** `Mon 30 Nov 20:00`, in UTC; `hour 17` where it is no time. */
export function hourText(hour: number): string {
  if (!isTime(hour)) return `hour ${hour}`;
  const date = new Date(hour * HOUR_MS);
  return `${DAYS[date.getUTCDay()]} ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${two(date.getUTCHours())}:00`;
}

/** `20:00`, in UTC. */
export function clockText(hour: number): string {
  return isTime(hour) ? `${two(new Date(hour * HOUR_MS).getUTCHours())}:00` : String(hour);
}

/** `30 Nov`, in UTC. */
export function dayText(hour: number): string {
  const date = new Date(hour * HOUR_MS);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
}

/** `2026-11-30T20:00`, for an input of date and time. */
export function inputText(hour: number): string {
  return isTime(hour) ? new Date(hour * HOUR_MS).toISOString().slice(0, 16) : '';
}

/** A range in words. */
export function rangeText({ first, last }: Range): string {
  if (first === 0 && last === null) return 'all hours';
  if (last === null) return `since ${hourText(first)}${isTime(first) ? ' UTC' : ''}`;
  const end = last + 1;
  if (!isTime(first) || !isTime(end)) {
    return last === first ? hourText(first) : `hours ${first} to ${last}`;
  }
  const sameDay = Math.floor(first / 24) === Math.floor(last / 24);
  return `${hourText(first)} – ${sameDay ? clockText(end) : hourText(end)} UTC`;
}
