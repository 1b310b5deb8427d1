// What is pure is tested without a browser, as Vite serves it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { createServer } from 'vite';

let vite;
const load = (path) => vite.ssrLoadModule(`/src/${path}`);

before(async () => {
  const settings = { server: { middlewareMode: true, hmr: false, ws: false, watch: null }, appType: 'custom', logLevel: 'error' };
  vite = await createServer(settings);
});

after(() => vite.close());

test('bytes are written with three digits, or all', async () => {
  const { bytesText, grouped, sum, shareText } = await load('state/units.ts');
  const expected = [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [1234, '1.23 kB'],
    [9_999, '10.0 kB'],
    [99_960, '100 kB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [9_223_372_036_854_775_807n, '9.22 EB'],
    [10n ** 25n, '10.0 YB'],
    [10n ** 28n, '10000 YB'],
  ];
  for (const [bytes, text] of expected) assert.equal(bytesText(bytes), text);
  assert.equal(grouped(9_223_372_036_854_775_807n), '9,223,372,036,854,775,807');
  assert.equal(grouped(123), '123');
  assert.equal(sum([9_007_199_254_740_991, 1, 1]), 9_007_199_254_740_993n);
  assert.equal(sum([1, 2n]), 3);
  assert.equal(shareText(1, 2), '50.0 %');
  assert.equal(shareText(1, 1e9), '<0.1 %');
  assert.equal(shareText(0, 0), '0.0 %');
});

test('long integers are exact and short ones are numbers', async () => {
  const { parseExact } = await load('api/json.ts');
  const text = '{"a":9223372036854775807,"b":[1,9007199254740991,9007199254740992],"c":"12345678901234567890","d":1.5}';
  assert.deepEqual(parseExact(text), {
    a: 9_223_372_036_854_775_807n,
    b: [1, 9_007_199_254_740_991, 9_007_199_254_740_992n],
    c: '12345678901234567890',
    d: 1.5,
  });
  assert.deepEqual(parseExact('{"a":1}'), { a: 1 });
});

test('hours are read as the command line reads them', async () => {
  const { parseHour, resolve, rangeParams, pinned, chartWindow } = await load('state/hours.ts');
  const now = 498_752;
  const expected = [
    ['now', now],
    ['-1h', now - 1],
    ['-7d', now - 168],
    ['-2w', now - 336],
    ['0', 0],
    ['4294967295', 4_294_967_295],
    ['2026-11-24T08:30', now],
    ['2026-11-24T09:30:00+01:00', now],
    ['-9999999w', 0],
    ['4294967296', null],
    ['', null],
    ['x', null],
    ['-1', null],
    ['1.5', null],
    ['2026-13-24T08:30', null],
  ];
  for (const [text, hour] of expected) assert.equal(parseHour(text, now), hour, text);
  assert.deepEqual(resolve({ from: '-24h' }, now), { first: now - 24, last: now });
  assert.deepEqual(resolve({ from: 'now' }, now), { first: now, last: now });
  assert.deepEqual(resolve({ from: '5' }, now), { first: 5, last: null });
  assert.deepEqual(resolve({ from: '5', to: '7' }, now), { first: 5, last: 6 });
  assert.equal(resolve({ from: '5', to: '5' }, now), null);
  assert.deepEqual(rangeParams({ first: 5, last: 5 }), { hour: 5 });
  assert.deepEqual(rangeParams({ first: 5, last: 6 }), { from: 5, to: 7 });
  assert.deepEqual(pinned({ first: 5, last: null }), { from: '5' });
  assert.deepEqual(chartWindow({ first: now - 1, last: now - 1 }, now), { first: now - 47, last: now });
  assert.deepEqual(chartWindow({ first: 100, last: 100 }, now), { first: 76, last: 123 });
  assert.deepEqual(chartWindow({ first: now - 168, last: null }, now), { first: now - 168, last: null });
});

test('names are escaped as the service reads patterns', async () => {
  const { exactly, startingWith, matches } = await load('state/names.ts');
  const names = ['a', 'a*', '*', 'a\\', 'a\\*', 'a\\\\*', '\\', 'a**'];
  for (const name of names) {
    for (const other of names) {
      assert.equal(matches(exactly(name), other), name === other, `${name} ${other}`);
      assert.equal(matches(startingWith(name), other), other.startsWith(name), `${name} ${other}`);
    }
  }
});

test('an address is read back as it was written, and nonsense is left out', async () => {
  const { parseAddress, formatAddress } = await load('state/address.ts');
  const queries = [
    '',
    '?view=map&hour=now&src_app=web*&src_app=a%26b&vpc_id=v&app=x+y&pairs=1000',
    '?view=flows&from=5&to=9&reporter=source&by=vpc_id%2Chour&sort=bytes_tx&q=%C3%A4&rows=10000',
    '?view=trust&sort=-hour&one_sided=1&live=0&exact=1',
  ];
  for (const query of queries) {
    const address = parseAddress(query);
    assert.deepEqual(parseAddress(formatAddress(address)), address, query);
    assert.equal(formatAddress(address), query);
  }
  assert.deepEqual(parseAddress('?view=x&pairs=7&by=x&sort=x&reporter=x&rows=-1&src_app='), parseAddress(''));
});

test('a graph has each pair once, and apps as large as all that they moved', async () => {
  const { makeGraph } = await load('map/graph.ts');
  const row = (src_app, dest_app, bytes) => ({ src_app, dest_app, bytes_tx: bytes, bytes_rx: 0, bytes_total: bytes, flows: 1, groups: 1 });
  const summary = (rows, groups) => ({ rows: [...rows, row('_rest', '_rest', 0)], total: { ...row('', '', 100), groups } });
  const pairs = summary([row('a', 'b', 5), row('b', 'b', 3)], 9);
  const graph = makeGraph([pairs, summary([row('a', 'b', 5)], 1)], summary([row('a', '', 5), row('b', '', 13)], 2), summary([row('', 'b', 8)], 1));
  assert.deepEqual(graph.pairs.map(({ source, target, bytes }) => [source, target, bytes]), [['a', 'b', 5], ['b', 'b', 3]]);
  assert.deepEqual(graph.apps.map(({ name, bytes }) => [name, Number(bytes)]), [['b', 18], ['a', 5]]);
  assert.equal(graph.allPairs, 10);
});

test('rows are sorted exactly, and names in a stable order', async () => {
  const { sorted } = await load('views/rows.ts');
  const row = (src_app, bytes_tx) => ({ src_app, bytes_tx });
  const rows = [row('b', 9_007_199_254_740_993n), row('a', 9_007_199_254_740_992n), row('c', 5)];
  const names = (sort) => sorted(rows, sort).map(({ src_app }) => src_app).join('');
  assert.equal(names({ field: 'bytes_tx', descending: true }), 'bac');
  assert.equal(names({ field: 'bytes_tx', descending: false }), 'cab');
  assert.equal(names({ field: 'src_app', descending: false }), 'abc');
});

test('names on the map do not cover each other, and the largest are written', async () => {
  const { readable } = await load('map/labels.ts');
  const apps = ['big', 'near', 'far'].map((name) => ({ name, bytes: 1 }));
  const places = new Map([
    ['big', { x: 0, y: 0, radius: 5 }],
    ['near', { x: 8, y: 2, radius: 5 }],
    ['far', { x: 400, y: 0, radius: 5 }],
  ]);
  assert.deepEqual([...readable(apps, places, 1, new Set())], ['big', 'far']);
  assert.deepEqual([...readable(apps, places, 9, new Set())].length, 3, 'there is room when enlarged');
  assert.deepEqual([...readable(apps, places, 1, new Set(['near']))], ['near', 'far']);
});

test('what cannot be seen in a name is shown', async () => {
  const { seen } = await load('state/names.ts');
  const expected = [
    ['backend', 'backend'],
    ['a b', 'a b'],
    [' ', '␣'],
    ['a\u00a0', 'a␣'],
    ['\u200b', '⟨U+200B⟩'],
    ['\u200d', '⟨U+200D⟩'],
    ['web\u200b', 'web⟨U+200B⟩'],
    // It would be read as “frontend”.
    ['\u202ednetnorf', '⟨U+202E⟩dnetnorf'],
    ['\u3164', '⟨U+3164⟩'],
    ['שלום', 'שלום'],
    // A family is three people and what joins them.
    ['\u{1f468}\u200d\u{1f469}\u200d\u{1f467}', '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}'],
  ];
  for (const [name, text] of expected) assert.equal(seen(name), text);
});

test('a long name is cut between characters', async () => {
  const { shortened } = await load('map/labels.ts');
  assert.equal(shortened('\u{1f600}'.repeat(40)), `${'\u{1f600}'.repeat(27)}…`);
  assert.equal(shortened('short'), 'short');
});
