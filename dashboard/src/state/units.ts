/** Numbers as people read them: three digits and a unit, or every digit. Pure. */

import type { Bytes } from '../api/types';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'];

/** `1.23 MB`, in powers of 1000, as `fas top` writes it. */
export function bytesText(bytes: Bytes): string {
  let value = Number(bytes);
  let unit = 0;
  // 999.5 would be written as 1000.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${threeDigits(value, unit > 0)} ${UNITS[unit]}`;
}

function threeDigits(value: number, hasFraction: boolean): string {
  if (!hasFraction) return String(value);
  return value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}

/** `1,234,567`. */
export function grouped(value: Bytes): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A part of a whole, in percent. */
export function shareText(part: Bytes, whole: Bytes): string {
  const share = fraction(part, whole) * 100;
  if (share > 0 && share < 0.1) return '<0.1 %';
  return `${share.toFixed(1)} %`;
}

/** A part of a whole, from 0 to 1. */
export function fraction(part: Bytes, whole: Bytes): number {
  const all = Number(whole);
  return all > 0 ? Math.min(1, Number(part) / all) : 0;
}

/** A sum, exact. */
export function sum(values: Iterable<Bytes>): Bytes {
  let total = 0n;
  for (const value of values) total += BigInt(value);
  return total <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(total) : total;
}

/** `1 flow`, `2 flows`. */
export function counted(count: Bytes, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Which of two is larger, exact. */
export function compareBytes(a: Bytes, b: Bytes): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `12 s ago`. */
export function agoText(thenMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - thenMs) / 1000));
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}
