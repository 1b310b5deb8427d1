// The picture of the dashboard in the README, docs/dashboard.svg: it shows what the dashboard shows.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Browser } from './harness/browser.mjs';
import { noteDrawing } from './harness/canvas.mjs';
import { linesOf, pictureOf } from './harness/picture.mjs';
import { writeSample } from './harness/sample.mjs';
import { Service } from './harness/service.mjs';
import { until } from './harness/until.mjs';

const GOLDEN = new URL('../../docs/dashboard.svg', import.meta.url);
const SCREENSHOTS = process.env.FLOW_SCREENSHOTS;
const SIZE = { width: 1200, height: 900 };

/** Thursday, 15 January 2026, 16:00: the picture is the same at any time. */
const HOUR = 491_248;

/** What instances said of that hour is still remembered. */
const OPTIONS = ['--dedupe-hours', '4294967295'];

let browser;
let service;

before(async () => {
  [browser, service] = await Promise.all([Browser.start(), Service.start({ options: OPTIONS })]);
  await writeSample(service, undefined, HOUR);
});

after(async () => {
  await browser?.stop();
  await service?.remove();
});

/** Has the page take that hour for this one, whatever time the service says it is. */
async function stopClock(page) {
  await page.clock.setFixedTime(new Date((HOUR + 0.5) * 3_600_000));
  await page.addInitScript(() => {
    const { get } = Headers.prototype;
    Headers.prototype.get = function (name) {
      return name === 'date' ? null : get.call(this, name);
    };
  });
}

/** The picture of the overview as it is now. */
async function drawOverview() {
  const prepare = async (page) => {
    await stopClock(page);
    await noteDrawing(page);
  };
  const shown = await browser.open(service, '/', { size: SIZE, prepare });
  const { page } = shown;
  await page.getByRole('button', { name: 'Live', exact: true }).waitFor();
  await page.locator('.bar').first().waitFor();
  await until('all is there', async () => (await page.locator('[aria-busy=true], .loading').count()) === 0);
  const picture = await pictureOf(page, SIZE.height);
  await shown.done();
  return picture;
}

/** How a picture looks where nothing else is, as in a README: no script of it runs, and it can ask for nothing. */
async function show(picture, dark) {
  const context = await browser.chromium.newContext({ viewport: SIZE, colorScheme: dark ? 'dark' : 'light' });
  const page = await context.newPage();
  const image = `data:image/svg+xml;base64,${Buffer.from(picture).toString('base64')}`;
  await page.setContent(`<meta name="color-scheme" content="light dark"><body style="margin: 0"><img alt="" src="${image}">`);
  await page.evaluate(() => document.querySelector('img').decode());
  const screenshot = await page.screenshot();
  await context.close();
  return screenshot;
}

function keep(name, content) {
  if (!SCREENSHOTS) return;
  mkdirSync(SCREENSHOTS, { recursive: true });
  writeFileSync(join(SCREENSHOTS, name), content);
}

/** A difference in words, and what to do about it. */
function difference(golden, drawn) {
  const at = [...drawn, ''].findIndex((line, n) => line !== golden[n]);
  const around = (lines) => lines.slice(Math.max(0, at - 2), at + 1).join('\n    ');
  return `docs/dashboard.svg is not the dashboard as it is now. It has
    ${around(golden)}
and the dashboard
    ${around(drawn)}
Look at target/dashboard/screenshots/dashboard.png; if that is right,
copy target/dashboard/screenshots/dashboard.svg to docs/dashboard.svg.`;
}

test('the picture in the README is of this dashboard', async () => {
  const picture = await drawOverview();
  keep('dashboard.svg', picture);
  keep('dashboard.png', await show(picture, false));
  keep('dashboard-dark.png', await show(picture, true));
  const page = await browser.chromium.newPage();
  const drawn = await linesOf(page, picture);
  const golden = await linesOf(page, readFileSync(GOLDEN, 'utf8'));
  await page.close();
  assert.ok(drawn.join() === golden.join(), difference(golden, drawn));
});

test('the picture is text alone: nothing runs in it, and it asks for nothing', () => {
  const picture = readFileSync(GOLDEN, 'utf8');
  assert.doesNotMatch(picture, /<script|<image|<img|url\((?!#)|@import|data:|\son[a-z]+=|href=/);
  assert.ok(picture.length < 100_000, `${picture.length} bytes`);
});
