// The files as the service hands them out: small, kept, and under a strict policy.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Service } from './harness/service.mjs';

/** What the dashboard may weigh, compressed, all together. */
const MAX_BYTES = 400_000;

let service;

before(async () => {
  // The page and its files need no token.
  service = await Service.start({ tokens: { reader: { scope: 'read' } } });
});

after(() => service?.remove());

async function files() {
  const page = await fetch(`${service.url}/`);
  const text = await page.text();
  const paths = [...text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path);
  return { page, text, paths };
}

test('the page names its files, and nothing is inline or elsewhere', async () => {
  const { page, text, paths } = await files();
  assert.equal(page.status, 200);
  assert.ok(paths.some((path) => path.endsWith('.js')) && paths.some((path) => path.endsWith('.css')), paths.join());
  assert.doesNotMatch(text, /<style|style="|<script(?![^>]*src=)|\son\w+="|https?:/);
  const policy = page.headers.get('content-security-policy');
  assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
  assert.equal(page.headers.get('cache-control'), 'no-cache');
});

test('all of it is small', async () => {
  const { paths } = await files();
  let sum = 0;
  for (const path of ['/', ...paths]) {
    const answer = await fetch(service.url + path, { headers: { 'accept-encoding': 'gzip' } });
    assert.equal(answer.status, 200, path);
    sum += Number(answer.headers.get('content-length'));
    await answer.arrayBuffer();
  }
  console.log(`${sum} bytes, compressed`);
  assert.ok(sum > 0 && sum < MAX_BYTES, `${sum} bytes`);
});

test('what is there already is not sent again', async () => {
  const { page, paths } = await files();
  const again = await fetch(`${service.url}/`, { headers: { 'if-none-match': page.headers.get('etag') } });
  assert.equal(again.status, 304);
  for (const path of paths) {
    const asset = await fetch(service.url + path);
    assert.equal(asset.headers.get('cache-control'), 'public, max-age=31536000, immutable');
    assert.equal(asset.headers.get('x-content-type-options'), 'nosniff');
    await asset.arrayBuffer();
  }
});

test('the licences of what is in it come along', async () => {
  const text = await (await fetch(`${service.url}/assets/licences.md`)).text();
  for (const name of ['preact', 'uplot', 'd3-force', 'lossless-json']) assert.match(text, new RegExp(`^## ${name} `, 'm'));
});

test('figures need a token all the same', async () => {
  const answer = await fetch(`${service.url}/v1/hours`);
  assert.equal(answer.status, 401);
});
