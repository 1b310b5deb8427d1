// The dashboard and the service behind it: live changes, sign-in, nothing there, trouble, and large numbers.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browser } from './harness/browser.mjs';
import { manyApps, writeSample } from './harness/sample.mjs';
import { Service, currentHour, quietTime } from './harness/service.mjs';
import { until } from './harness/until.mjs';

let browser;

before(async () => {
  await quietTime();
  browser = await Browser.start();
});

after(() => browser?.stop());

/** Runs a test on a service of its own. */
async function withService(settings, act) {
  const service = await Service.start(settings);
  try {
    await act(service);
  } finally {
    await service.remove();
  }
}

const flow = (src, bytes, hour = currentHour()) => [src, 'backend', 'vpc-1', bytes, 0, hour];
const totalOf = (page) => page.locator('.answer .tiles data').first().getAttribute('value');
const loaded = (page) => page.locator('.bar').first().waitFor();

test('changes are shown as they come', () =>
  withService({}, async (service) => {
    await service.write([flow('first', 1_000)]);
    const shown = await browser.open(service, '/?from=-1h');
    const { page } = shown;
    await loaded(page);
    await page.getByRole('button', { name: 'Live', exact: true }).waitFor();
    await service.write([flow('second', 500)]);
    await page.getByRole('region', { name: 'Just now' }).getByText('second').waitFor();
    await until('the total is read anew', async () => (await totalOf(page)) === '1500');
    // Without, nothing moves.
    await page.getByRole('button', { name: 'Live', exact: true }).click();
    await page.getByRole('button', { name: 'Live: off' }).waitFor();
    const asked = [];
    page.on('request', (request) => asked.push(request.url()));
    await service.write([flow('third', 7)]);
    await until('it is in the service', async () => (await service.read(`/v1/hours`)).hours.at(-1).flows === 3);
    assert.equal(await totalOf(page), '1500');
    await page.getByRole('button', { name: 'Live: off' }).click();
    await until('it comes with the next change', async () => {
      await service.write([flow('fourth', 1)]);
      return Number(await totalOf(page)) > 1507;
    });
    assert.ok(asked.some((url) => url.includes('/v1/stream')));
    await shown.done();
  }));

test('a service that goes away is told, and the dashboard goes on when it is back', () =>
  withService({}, async (service) => {
    await service.write([flow('first', 1_000)]);
    const expected = [/ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY|Failed to load resource/];
    const shown = await browser.open(service, '/?from=-1h', { expected });
    const { page } = shown;
    await loaded(page);
    await service.stop();
    await page.getByRole('button', { name: /Live: (waiting|connecting)/ }).waitFor();
    await page.getByRole('button', { name: 'Last hour' }).click();
    await page.getByRole('alert').getByText('The service cannot be reached.').first().waitFor();
    await shown.screenshot('service-away');
    await service.restart();
    // By itself.
    await page.getByRole('heading', { name: 'No flows here' }).waitFor();
    await page.getByRole('button', { name: '24 hours' }).click();
    await until('it shows figures again', async () => (await totalOf(page)) === '1000');
    await page.getByRole('button', { name: 'Live', exact: true }).waitFor({ timeout: 40_000 });
    await shown.done();
  }));

test('errors of the service are told in its words', () =>
  withService({}, async (service) => {
    await service.write([flow('first', 1_000)]);
    const detail = 'the store cannot be read at the moment';
    const refuse = (route) =>
      route.fulfill({
        status: 503,
        headers: { 'retry-after': '0' },
        contentType: 'application/problem+json',
        body: JSON.stringify({ title: 'Service Unavailable', status: 503, detail }),
      });
    const prepare = (page) => page.route('**/v1/summary*', refuse);
    const shown = await browser.open(service, '/', { prepare });
    const { page } = shown;
    await page.getByRole('alert').getByText(/The store cannot be read at the moment/).first().waitFor();
    await shown.assertAccessible();
    await shown.screenshot('error');
    await page.unroute('**/v1/summary*');
    await page.getByRole('button', { name: 'Try again' }).first().click();
    await loaded(page);
    await shown.done();
  }));

test('a bad filter is told, and can be taken away', () =>
  withService({}, async (service) => {
    await service.write([flow('first', 1_000)]);
    const shown = await browser.open(service, '/?src_app=a%07b', { expected: [/400/] });
    await shown.page.getByRole('alert').getByText(/src_app/).first().waitFor();
    await shown.page.getByRole('button', { name: 'Clear filters' }).click();
    await loaded(shown.page);
    await shown.done();
  }));

test('an empty store says what to do, and fills as flows come', () =>
  withService({}, async (service) => {
    const shown = await browser.open(service, '/');
    const { page } = shown;
    await page.getByRole('heading', { name: 'There are no flows yet' }).waitFor();
    assert.match(await page.locator('pre').innerText(), new RegExp(`curl ${service.url}/flows`));
    await shown.assertAccessible();
    await shown.screenshot('empty');
    for (const [view, sign] of [['Map', 'There are no flows yet'], ['Flows', 'There are no flows yet'], ['Completeness', 'No filter has reported yet']]) {
      await page.getByRole('link', { name: view, exact: true }).click();
      await page.getByText(sign).waitFor();
    }
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByRole('heading', { name: 'There are no flows yet' }).waitFor();
    await service.write([flow('first', 1_000)]);
    await loaded(page);
    // Where there is nothing at that time, there is a way to where something is.
    await page.goto('/?hour=5&src_app=x');
    await page.getByRole('link', { name: /newest hour with flows/ }).click();
    await page.getByRole('link', { name: 'Clear filters' }).click();
    await loaded(page);
    await shown.done();
  }));

const TOKENS = {
  reader: { scope: 'read' },
  writer: { scope: 'write' },
  limited: { scope: 'read', vpcs: ['vpc-edge'] },
};

test('a token is asked for, tried, kept in the tab alone, and given up', () =>
  withService({ tokens: TOKENS }, async (service) => {
    await writeSample(service, service.tokens.writer);
    const shown = await browser.open(service, '/?view=flows&hour=-2h', { expected: [/40[13]/] });
    const { page } = shown;
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await shown.assertAccessible();
    await shown.screenshot('sign-in');
    const enter = async (token) => {
      await page.getByLabel('Token').fill(token);
      await page.getByRole('button', { name: 'Sign in' }).click();
    };
    await enter('fas_wrong');
    await page.getByRole('alert').getByText('does not know this token').waitFor();
    await enter('fäs');
    await page.getByRole('alert').getByText('no token').waitFor();
    await enter(service.tokens.writer);
    await page.getByRole('alert').getByText('it may not read').waitFor();
    const used = [];
    page.on('request', (request) => used.push([request.url(), request.headers().authorization]));
    await enter(service.tokens.reader);
    await page.locator('tbody tr').first().waitFor();
    assert.ok(used.every(([url, header]) => header === `Bearer ${service.tokens.reader}` && !url.includes('fas_')));
    assert.equal(new URL(page.url()).search, '?view=flows&hour=-2h', 'where one wanted to go');
    assert.equal(await page.evaluate(() => JSON.stringify(localStorage)), '{}');
    await page.reload();
    await page.locator('tbody tr').first().waitFor();
    await page.getByRole('button', { name: 'Live', exact: true }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    assert.equal(await page.locator('tbody tr').count(), 0);
    await shown.done();
  }));

test('a token that is limited to a VPC sees that alone, and is told what it may not see', () =>
  withService({ tokens: TOKENS }, async (service) => {
    await writeSample(service, service.tokens.writer);
    const shown = await browser.open(service, '/?view=trust&hour=-2h', { expected: [/40[13]/] });
    const { page } = shown;
    await page.getByLabel('Token').fill(service.tokens.limited);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('region', { name: 'Instances' }).getByText('not limited to certain VPCs').waitFor();
    await page.getByRole('link', { name: 'Overview' }).click();
    await loaded(page);
    const vpcs = page.getByRole('list', { name: 'VPCs by bytes' }).locator('.name');
    await until('its VPC alone', async () => (await vpcs.allInnerTexts()).join() === 'vpc-edge');
    await shown.done();
  }));

test('numbers beyond those of JavaScript are exact', () =>
  withService({}, async (service) => {
    const most = 2n ** 63n - 1n;
    const hour = currentHour() - 1;
    await service.write([
      ['huge', 'backend', 'vpc-1', most, most, hour],
      ['other', 'backend', 'vpc-1', most, 1n, hour],
      ['odd', 'backend', 'vpc-1', 9_007_199_254_740_993n, 0n, hour],
    ]);
    const shown = await browser.open(service, `/?view=flows&hour=${hour}&exact=1`);
    const { page } = shown;
    const row = (name) => page.getByRole('row').filter({ hasText: name });
    await row('huge').waitFor();
    const digits = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ',');
    assert.match(await row('huge').innerText(), new RegExp(digits(2n * most)));
    assert.match(await row('odd').innerText(), /9,007,199,254,740,993/);
    assert.match(await page.locator('tfoot').innerText(), new RegExp(digits(3n * most + 1n + 9_007_199_254_740_993n)));
    await page.getByRole('button', { name: 'Exact' }).click();
    await page.getByText('18.4 EB').waitFor();
    assert.equal(await row('odd').locator('data').first().getAttribute('title'), '9,007,199,254,740,993 bytes');
    await shown.done();
  }));

test('names are shown as they are, whatever they are made of', () =>
  withService({}, async (service) => {
    const names = ['<img src=x onerror=alert(1)>', 'a&b=c', 'star*', 'starfish', 'back\\slash', 'ß日本👩‍💻', '_rest', 'a'.repeat(256)];
    const hour = currentHour() - 1;
    await service.write(names.map((name, n) => [name, name, 'v', 10 ** (n + 3), 0, hour]));
    const shown = await browser.open(service, `/?hour=${hour}`);
    const { page } = shown;
    await loaded(page);
    await shown.assertFits();
    for (const name of names) {
      const bar = page.getByRole('list', { name: 'Sources by bytes' }).locator('.name').filter({ hasText: name }).first();
      assert.equal(await bar.textContent(), name);
    }
    for (const name of names) {
      await page.goto(`/?hour=${hour}`);
      const bar = page.getByRole('list', { name: 'Sources by bytes' }).getByRole('listitem').filter({ has: page.getByTitle(name, { exact: true }) });
      await bar.getByRole('link').click();
      const sources = page.getByRole('list', { name: 'Sources by bytes' }).locator('.name');
      await until(`only ${name}`, async () => (await sources.allTextContents()).join('|') === name);
    }
    await page.goto(`/?view=map&hour=${hour}`);
    await page.locator('.node').first().waitFor();
    assert.equal(await page.locator('.node').count(), names.length);
    await shown.done();
  }));

test('hours of a writer’s own numbering are shown by their numbers', () =>
  withService({}, async (service) => {
    await service.write([flow('a', 5, 1), flow('b', 7, 3), flow('c', 9, 4_294_967_295)]);
    const shown = await browser.open(service, '/?from=0');
    const { page } = shown;
    await loaded(page);
    assert.equal(await totalOf(page), '21');
    await page.getByText('As a table', { exact: true }).click();
    await page.getByRole('link', { name: 'hour 3' }).click();
    await until('that hour', async () => (await totalOf(page)) === '7');
    // A number beyond this hour's is not of the last hours.
    await service.write([flow('now', 100)]);
    await page.getByRole('button', { name: '24 hours' }).click();
    await until('the last hours', async () => (await totalOf(page)) === '100');
    await shown.done();
  }));

test('200 apps can be told apart on the map', () =>
  withService({}, async (service) => {
    const hour = currentHour() - 1;
    await service.write(manyApps(200, 6, hour));
    const shown = await browser.open(service, `/?view=map&hour=${hour}&pairs=1000`);
    const { page } = shown;
    await page.locator('.node').first().waitFor();
    assert.equal(await page.locator('.node').count(), 200);
    await shown.screenshot('map-200-apps');
    // No circle over another, many names and none over another.
    const found = await page.evaluate(() => {
      const boxes = (selector) => [...document.querySelectorAll(selector)].map((one) => one.getBoundingClientRect());
      const circles = boxes('.node circle').map((box) => ({ x: box.x + box.width / 2, y: box.y + box.height / 2, r: box.width / 2 }));
      const labels = boxes('.label');
      const pairs = (list) => list.flatMap((one, n) => list.slice(n + 1).map((other) => [one, other]));
      return {
        circles: pairs(circles).filter(([a, b]) => Math.hypot(a.x - b.x, a.y - b.y) < (a.r + b.r) * 0.9).length,
        labels: labels.length,
        covered: pairs(labels).filter(([a, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 4 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4).length,
      };
    });
    assert.deepEqual([found.circles, found.covered], [0, 0]);
    assert.ok(found.labels >= 40, `${found.labels} names are written`);
    await page.locator('.node[data-app=web-kilo-33] circle').hover();
    await until('what is not near is faint', async () => (await page.locator('.node.is-faint').count()) > 100);
    const before = await page.locator('.label').count();
    for (let n = 0; n < 4; n += 1) await page.getByRole('button', { name: 'Enlarge' }).click();
    await page.mouse.move(0, 0);
    await until('more names are written when it is enlarged', async () => (await page.locator('.label').count()) > before);
    await shown.done();
  }));

test('an hour of 100,000 flows stays smooth', () =>
  withService({}, async (service) => {
    const hour = currentHour() - 1;
    await service.write(manyApps(2_000, 50, hour));
    const { total } = await service.read(`/v1/summary?hour=${hour}`);
    assert.ok(total.flows >= 90_000, `${total.flows} flows`);
    // How long the page could not answer.
    const prepare = (page) =>
      page.addInitScript(() => {
        globalThis.longest = 0;
        new PerformanceObserver((list) => {
          for (const { duration } of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, duration);
        }).observe({ type: 'longtask', buffered: true });
      });
    const shown = await browser.open(service, `/?hour=${hour}&live=0`, { prepare });
    const { page } = shown;
    const received = { bytes: 0 };
    page.on('response', async (response) => {
      if (response.url().includes('/v1/')) received.bytes += Number(response.headers()['content-length'] ?? 0);
    });
    const times = [];
    for (const [view, sign] of [['overview', '.bar'], ['map', '.node'], ['flows', 'tfoot, .pager'], ['trust', '.report']]) {
      received.bytes = 0;
      const start = Date.now();
      await page.goto(`/?view=${view}&hour=${hour}&live=0`);
      await page.locator(sign).first().waitFor();
      await until('all is there', async () => (await page.locator('[aria-busy=true], .loading').count()) === 0);
      const longest = await page.evaluate(() => globalThis.longest);
      times.push(`${view}: ${Date.now() - start} ms, longest task ${Math.round(longest)} ms, ${Math.round(received.bytes / 1000)} kB`);
      assert.ok(Date.now() - start < 10_000, times.at(-1));
      assert.ok(longest < 1_000, times.at(-1));
      assert.ok(received.bytes < 2_000_000, times.at(-1));
    }
    console.log(times.join('\n'));
    await page.goto(`/?view=flows&hour=${hour}&rows=10000&live=0`);
    await page.getByText('The 10,000 largest of').waitFor();
    assert.equal(await page.locator('tbody tr').count(), 100);
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByText('Rows 101–200 of 10,000').waitFor();
    await shown.screenshot('flows-100000');
    await shown.done();
  }));

test('a service that becomes slow is asked more seldom, and its figures are shown', () =>
  withService({}, async (service) => {
    await service.write([flow('first', 1_000)]);
    const shown = await browser.open(service, '/?from=-1h');
    const { page } = shown;
    await loaded(page);
    await page.getByRole('button', { name: 'Live', exact: true }).waitFor();
    // Longer than a quick service is given between two readings.
    const slow = async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      await route.continue().catch(() => undefined);
    };
    await page.route(/\/v1\/(summary|hours)/, slow);
    let sum = 1_000;
    // Something changes all the time.
    const writer = setInterval(() => void service.write([flow('second', 1)]).then(() => (sum += 1)), 250);
    try {
      await until('a later total is shown', async () => Number(await totalOf(page)) > 1_000, 45_000);
    } finally {
      clearInterval(writer);
      await page.unrouteAll({ behavior: 'ignoreErrors' });
    }
    await until('the last one is', async () => (await totalOf(page)) === String(sum), 90_000);
    await shown.done();
  }));

test('a map is drawn however fast its figures change', () =>
  withService({}, async (service) => {
    await service.write(manyApps(600, 3, currentHour()));
    // As on a slow machine: laying out takes longer than what is between two changes.
    const prepare = (page) =>
      page.addInitScript(() => {
        const quick = globalThis.setTimeout;
        globalThis.setTimeout = (act, ms, ...rest) => quick(act, ms === undefined ? 40 : ms, ...rest);
      });
    const shown = await browser.open(service, '/?view=map&from=-1h&pairs=1000', { prepare });
    const { page } = shown;
    let n = 0;
    const writer = setInterval(() => void service.write([flow(`new-${(n += 1)}`, 10 ** 12)]).catch(() => undefined), 250);
    try {
      await page.locator('.node').first().waitFor({ timeout: 60_000 });
    } finally {
      clearInterval(writer);
    }
    await page.locator('[data-app^="new-"]').first().waitFor({ timeout: 60_000 });
    await shown.done();
  }));

test('a token that is revoked meanwhile is asked for anew', () =>
  withService({ tokens: TOKENS }, async (service) => {
    await service.write([flow('first', 1_000)], service.tokens.writer);
    const shown = await browser.open(service, '/?from=-1h', { expected: [/401|ERR_/] });
    const { page } = shown;
    await page.getByLabel('Token').fill(service.tokens.reader);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await loaded(page);
    await page.getByRole('button', { name: 'Live', exact: true }).waitFor();
    service.revoke('reader');
    // A stream that is open goes on; this ends it.
    await service.stop();
    await service.restart();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor({ timeout: 60_000 });
    await page.getByText('The token is not known any more.').waitFor();
    await shown.done();
  }));

test('names that cannot be seen, or turn what is beside them, are shown and can be chosen', () =>
  withService({}, async (service) => {
    const names = [' ', '\u200b', '\u202ednetnorf', '<img src=x onerror=alert(1)>', '__proto__', 'a*', 'x'.repeat(256)];
    await service.write(names.map((name, n) => flow(name, 1_000 + n)));
    const shown = await browser.open(service, '/?view=flows&from=-1h');
    const { page } = shown;
    const marked = new Map([[' ', '␣'], ['\u200b', '⟨U+200B⟩'], ['\u202ednetnorf', '⟨U+202E⟩dnetnorf']]);
    for (const name of names) {
      const text = marked.get(name) ?? name;
      await page.locator('tbody').getByRole('link', { name: text, exact: true }).click();
      await page.getByText('1 row.').waitFor();
      assert.equal(new URL(page.url()).searchParams.get('src_app'), name.replace('*', '\\*'));
      await page.getByRole('button', { name: 'Clear filters' }).click();
      await page.getByText(`${names.length} rows.`).waitFor();
    }
    await page.goto('/?view=flows&from=-1h&by=hour&q=proto');
    await page.getByText('A search is for names').waitFor();
    await page.goBack();
    await page.setViewportSize({ width: 390, height: 844 });
    await shown.assertFits();
    await shown.screenshot('hostile-names');
    await shown.done();
  }));
