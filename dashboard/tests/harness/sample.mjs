// A small shop's mesh over two days, the same in every run: what people look at, and tests count on.

import { currentHour } from './service.mjs';

const VPCS = ['vpc-prod', 'vpc-edge', 'vpc-data'];

/** Who calls whom, in which VPC, and about how many kilobytes an hour go there and come back. */
const CALLS = [
  ['gateway', 'frontend', 1, 900, 42_000],
  ['frontend', 'catalogue', 0, 3_100, 88_000],
  ['frontend', 'cart', 0, 2_400, 9_000],
  ['frontend', 'search', 0, 1_300, 61_000],
  ['frontend', 'recommendations', 0, 800, 21_000],
  ['cart', 'redis-cart', 2, 5_200, 7_300],
  ['cart', 'pricing', 0, 700, 1_900],
  ['checkout', 'payments', 0, 310, 420],
  ['checkout', 'orders', 0, 1_800, 600],
  ['checkout', 'pricing', 0, 260, 510],
  ['orders', 'postgres-orders', 2, 34_000, 12_000],
  ['orders', 'kafka', 2, 22_000, 900],
  ['catalogue', 'postgres-catalogue', 2, 1_400, 52_000],
  ['catalogue', 'image-store', 2, 600, 260_000],
  ['search', 'elasticsearch', 2, 2_900, 71_000],
  ['recommendations', 'feature-store', 2, 1_700, 95_000],
  ['indexer', 'elasticsearch', 2, 118_000, 3_000],
  ['indexer', 'kafka', 2, 400, 64_000],
  ['warehouse-export', 'object-storage', 2, 740_000, 2_100],
  ['payments', '_unknown', 0, 90, 130],
];

/** The pair that moves the most, in every hour. */
export const TOP = { src: 'warehouse-export', dest: 'object-storage' };

export const HOURS = 48;

/** Flows of an hour, in bytes; the same for the same hour. */
function flowsOf(hour) {
  return CALLS.map(([src, dest, vpc, tx, rx], n) => {
    const swing = 0.6 + 0.4 * Math.sin((hour % 24) / 3.8 + n) + ((hour * 7 + n * 13) % 11) / 40;
    return [src, dest, VPCS[vpc], Math.round(tx * 1000 * swing), Math.round(rx * 1000 * swing)];
  });
}

/**
 * Writes it: by two filters, whose sides disagree on one flow of each hour, up to half-way into this hour,
 * or into another.
 */
export async function writeSample(service, token, now = currentHour()) {
  const first = now - HOURS + 1;
  const [source, destination] = [{}, {}];
  for (let hour = first; hour <= now; hour += 1) {
    const flows = flowsOf(hour);
    source[hour] = flows;
    // The last is of somebody without a filter.
    destination[hour] = flows.slice(0, -1).map((flow, n) => (n === 3 ? [...flow.slice(0, 4), flow[4] - 5_000] : flow));
  }
  // One has told all up to this hour, the other lags behind by three.
  await service.batch('11111111-aaaa-4aaa-8aaa-000000000001', 1, 'source', now * 3_600_000 + 1, source, token);
  const behind = (now - 3) * 3_600_000;
  await service.batch('22222222-bbbb-4bbb-8bbb-000000000002', 1, 'destination', behind, destination, token);
  return { now, first };
}

/** Flows of many apps: each calls some of the others, a few much and many little. */
export function manyApps(apps, calls, hour) {
  const name = (n) => `${['api', 'web', 'db', 'job', 'cache', 'auth', 'feed', 'mail'][n % 8]}-${['alpha', 'bravo', 'delta', 'kilo', 'lima'][n % 5]}-${n}`;
  const flows = [];
  for (let n = 0; n < apps; n += 1) {
    for (let call = 0; call < calls; call += 1) {
      // Most are called within a neighbourhood, some far away, and all by a few that all know.
      const to = call === 0 ? n % 7 : call % 3 === 0 ? (n * 31 + call * 17) % apps : (n + call * call) % apps;
      const bytes = Math.round(5e9 / ((n % 23) + 1) ** 1.6 / (call + 1) ** 1.4);
      flows.push([name(n), name(to), VPCS[n % 3], bytes, Math.round(bytes / 3), hour]);
    }
  }
  return flows;
}
