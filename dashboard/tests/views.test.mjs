// Each view with real figures from a real service: what it shows, what a click does, and that
// everybody can use it.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { Browser, DESKTOP, PHONE } from './harness/browser.mjs';
import { TOP, writeSample } from './harness/sample.mjs';
import { Service, quietTime } from './harness/service.mjs';
import { until } from './harness/until.mjs';

let browser;
let service;
let now;

before(async () => {
  await quietTime();
  [browser, service] = await Promise.all([Browser.start(), Service.start()]);
  ({ now } = await writeSample(service));
});

after(async () => {
  await browser?.stop();
  await service?.remove();
});

/** Opens a page, and closes it if nothing went wrong. */
async function on(address, options, act) {
  const shown = await browser.open(service, address, options);
  await act(shown.page, shown);
  await shown.done();
}

const main = (page) => page.getByRole('main');
const bars = (page, label) => page.getByRole('list', { name: `${label} by bytes` }).getByRole('listitem');
const addressOf = (page) => new URL(page.url()).searchParams;

/** What `/v1/summary` says, to compare with what a view says. */
const summary = (query) => service.read(`/v1/summary?${query}`);

test('who moved the most in the last hour is found by clicking', async () => {
  await on('/', {}, async (page) => {
    await page.getByRole('button', { name: 'Last hour' }).click();
    await until('the hour is in the address', () => addressOf(page).get('hour') === '-1h');
    const { rows } = await summary(`hour=${now - 1}&group_by=src_app,dest_app&limit=1`);
    assert.deepEqual([rows[0].src_app, rows[0].dest_app], [TOP.src, TOP.dest]);
    const answer = page.getByRole('region', { name: 'Answer' });
    await answer.getByText('moved the most').waitFor();
    await until('the answer is of that hour', async () => {
      const data = answer.locator('.answer-top data');
      return (await data.getAttribute('value')) === String(rows[0].bytes_total);
    });
    const top = bars(page, 'Pairs').first();
    assert.match(await top.innerText(), new RegExp(`${TOP.src}.*${TOP.dest}`, 's'));
    // And a click on it shows its flows.
    await top.getByRole('link').click();
    await page.getByRole('region', { name: 'Rows' }).getByRole('row').nth(1).waitFor();
    assert.deepEqual(addressOf(page).getAll('src_app'), [TOP.src]);
    assert.deepEqual(addressOf(page).getAll('dest_app'), [TOP.dest]);
  });
});

test('the overview has the top talkers of each kind, and they add up', async () => {
  await on('/?hour=-2h', {}, async (page) => {
    for (const [label, field] of [['Sources', 'src_app'], ['Destinations', 'dest_app'], ['VPCs', 'vpc_id']]) {
      const { rows, total } = await summary(`hour=${now - 2}&group_by=${field}&limit=10`);
      await bars(page, label).first().waitFor();
      const shown = await bars(page, label).locator('.bar-figures data').evaluateAll((all) => all.map(({ value }) => Number(value)));
      const expected = rows.filter((row) => row.groups > 0).map((row) => row.bytes_total);
      assert.deepEqual(shown, expected);
      assert.equal(shown.reduce((sum, bytes) => sum + bytes, 0), total.bytes_total);
    }
    await bars(page, 'VPCs').filter({ hasText: 'vpc-data' }).getByRole('link').click();
    await until('the filter is in the address', () => addressOf(page).get('vpc_id') === 'vpc-data');
    await page.getByRole('button', { name: 'Remove the filter VPC vpc-data' }).waitFor();
    await until('only that VPC is left', async () => (await bars(page, 'VPCs').count()) === 1);
  });
});

test('an hour of the chart is chosen by a click, a range by dragging, and both by keys', async () => {
  await on('/?from=-24h', {}, async (page) => {
    const chart = page.locator('.u-over');
    await chart.waitFor();
    const box = await chart.boundingBox();
    await chart.click({ position: { x: box.width * 0.5, y: box.height / 2 } });
    await until('an hour is chosen', () => /^\d+$/.test(addressOf(page).get('hour') ?? ''));
    const hour = Number(addressOf(page).get('hour'));
    assert.ok(Math.abs(hour - (now - 12)) <= 1, `${hour} is in the middle`);
    // The chart now shows two days, of which this is one hour.
    await page.mouse.move(box.x + box.width * 0.25, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + box.height / 2, { steps: 5 });
    await page.mouse.up();
    await until('a range is chosen', () => addressOf(page).has('from') && addressOf(page).has('to'));
    const hours = Number(addressOf(page).get('to')) - Number(addressOf(page).get('from'));
    assert.ok(hours >= 5 && hours <= 15, `${hours} hours`);
    await page.mouse.move(0, 0);
    await page.getByRole('application').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await until('an hour is chosen', () => /^\d+$/.test(addressOf(page).get('hour') ?? ''));
    await page.goBack();
    await until('back is the range again', () => addressOf(page).has('from') && addressOf(page).has('to'));
  });
});

test('any range can be typed, and what makes no sense is told', async () => {
  await on('/', {}, async (page) => {
    await page.getByRole('button', { name: 'From … to …' }).click();
    const [from, to] = [page.getByLabel('From (UTC)'), page.getByLabel('To, not included')];
    await from.fill('yesterday');
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    await page.getByRole('alert').getByText('“From” is no hour').waitFor();
    await from.fill(String(now - 3));
    await to.fill(String(now - 3));
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    await page.getByRole('alert').getByText('must be later').waitFor();
    await to.fill(new Date((now - 1) * 3_600_000).toISOString().slice(0, 16));
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    await until('the range is in the address', () => addressOf(page).get('to') === String(now - 1));
    const { total } = await summary(`from=${now - 3}&to=${now - 1}`);
    await until('the total is of the range', async () => {
      const value = await page.locator('.answer .tiles data').first().getAttribute('value');
      return value === String(total.bytes_total);
    });
    await page.getByRole('button', { name: 'Earlier' }).click();
    await until('two hours earlier', () => addressOf(page).get('from') === String(now - 5));
  });
});

test('filters suggest names, take beginnings, and combine', async () => {
  await on('/?view=flows&hour=-2h', {}, async (page) => {
    const source = page.getByRole('combobox', { name: 'Filter by source' });
    await source.click();
    await page.getByRole('option', { name: TOP.src }).waitFor();
    await source.pressSequentially('c');
    await until('only names with that beginning', async () => {
      const names = await page.getByRole('option').locator('.name').allInnerTexts();
      return names.length > 1 && names.every((name) => name.startsWith('c'));
    });
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await until('the largest of them is taken', () => addressOf(page).get('src_app') === 'catalogue');
    await source.pressSequentially('check');
    await page.getByRole('option', { name: 'check*' }).click();
    await until('both are in the address', () => addressOf(page).getAll('src_app').join() === 'catalogue,check*');
    const expected = await summary(`hour=${now - 2}&group_by=src_app,dest_app,vpc_id&src_app=catalogue&src_app=check*`);
    await until('only their rows', async () => (await page.locator('tbody tr').count()) === expected.total.groups);
    await page.getByLabel('Reported by').selectOption('destination');
    const side = await summary(`hour=${now - 2}&src_app=catalogue&src_app=check*&reporter=destination`);
    await until('one side alone', async () => {
      const total = page.locator('tfoot tr').last().locator('data').first();
      return (await total.getAttribute('value')) === String(side.total.bytes_total);
    });
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await until('no filter is left', () => !addressOf(page).has('src_app') && !addressOf(page).has('reporter'));
  });
});

test('the table groups, sorts, searches and pages', async () => {
  await on('/?view=flows&hour=-2h', {}, async (page) => {
    const rows = page.locator('tbody tr');
    await rows.first().waitFor();
    const column = (n) => rows.locator(`td:nth-child(${n})`).allInnerTexts();
    await page.getByRole('button', { name: 'Sent' }).click();
    await until('the sort is in the address', () => addressOf(page).get('sort') === '-bytes_tx');
    const sent = await summary(`hour=${now - 2}&group_by=src_app,dest_app,vpc_id&order_by=bytes_tx&limit=100`);
    const names = sent.rows.slice(0, -1).map((row) => row.src_app);
    await until('rows are in that order', async () => (await column(1)).join() === names.join());
    assert.equal(await page.getByRole('columnheader', { name: 'Sent' }).getAttribute('aria-sort'), 'descending');
    await page.getByRole('columnheader', { name: 'Source' }).getByRole('button').click();
    await until('rows are by name', async () => (await column(1)).join() === [...names].sort().join());
    await page.getByRole('group', { name: 'A row for each' }).getByRole('button', { name: 'Destination' }).click();
    await page.getByRole('group', { name: 'A row for each' }).getByRole('button', { name: 'VPC' }).click();
    await until('a row for each source', async () => (await rows.count()) === new Set(names).size);
    await page.goto('/?view=flows&hour=-2h');
    await page.getByLabel('Search names').fill('SEARCH');
    const found = ['frontend search', 'search elasticsearch', 'indexer elasticsearch'].sort();
    await until('names with that in them, on any side', async () => {
      const pairs = await Promise.all([column(1), column(2)]);
      return pairs[0].map((src, n) => `${src} ${pairs[1][n]}`).sort().join() === found.join();
    });
    assert.equal(addressOf(page).get('q'), 'SEARCH');
    await page.getByLabel('Search names').fill('nothing like this');
    await main(page).getByText('No name that has').waitFor();
  });
});

test('rows and flows are exported as files', async () => {
  await on('/?view=flows&hour=-2h&src_app=c*', {}, async (page) => {
    const take = async (group, format) => {
      const coming = page.waitForEvent('download');
      await page.getByRole('group', { name: group }).getByRole('button', { name: format }).click();
      const file = await coming;
      return { name: file.suggestedFilename(), text: await readFile(await file.path(), 'utf8') };
    };
    await page.getByText('Export').click();
    const flows = await take('Every flow', 'CSV');
    assert.match(flows.name, /^flows-.*\.csv$/);
    const asked = await fetch(`${service.url}/v1/flows?hour=${now - 2}&src_app=c*`, { headers: { accept: 'text/csv' } });
    assert.equal(flows.text, await asked.text());
    const rows = await take('Rows of this table', 'JSON lines');
    const first = JSON.parse(rows.text.split('\n')[0]);
    const { rows: expected } = await summary(`hour=${now - 2}&src_app=c*&group_by=src_app,dest_app,vpc_id&limit=1`);
    assert.deepEqual(first, expected[0]);
  });
});

test('the map shows apps and who calls whom, and one app closely', async () => {
  await on('/?view=map&hour=-2h', {}, async (page) => {
    await page.locator('.node').first().waitFor();
    const { total } = await summary(`hour=${now - 2}&group_by=src_app,dest_app`);
    assert.equal(await page.locator('.edge').count(), total.groups);
    const list = page.getByRole('list', { name: 'Apps by bytes' });
    assert.equal(await list.getByRole('listitem').count(), await page.locator('.node').count());
    await page.getByLabel('Find an app').fill('order');
    await list.getByRole('link', { name: 'postgres-orders' }).waitFor();
    // By keyboard, as by mouse.
    await list.getByRole('link', { name: /^orders/ }).focus();
    await page.keyboard.press('Enter');
    await until('the app is in the address', () => addressOf(page).get('app') === 'orders');
    await until('only its neighbours are left', async () => (await page.locator('.node').count()) === 4);
    const calls = page.getByRole('list', { name: 'Calls, by bytes' }).getByRole('listitem');
    assert.deepEqual(await calls.locator('.name').allInnerTexts(), ['postgres-orders', 'kafka']);
    await page.locator('.node[data-app=kafka]').click();
    await until('a click on a circle goes there', () => addressOf(page).get('app') === 'kafka');
    await page.getByRole('link', { name: /show all apps again/ }).click();
    await until('all are back', async () => (await page.locator('.edge').count()) === total.groups);
  });
});

test('completeness and audit are shown: which hours, why not, and who', async () => {
  await on('/?from=-24h', {}, async (page) => {
    // One filter lags behind by three hours, besides the hour that goes on.
    await page.getByRole('link', { name: '3 hours not complete' }).click();
    const panel = page.getByRole('region', { name: 'Completeness', exact: true });
    await panel.getByText('21 of 25 hours with flows complete').waitFor();
    await panel.getByRole('listitem').filter({ hasText: 'not complete' }).nth(1).getByRole('link').click();
    await until('that hour alone', () => addressOf(page).get('hour') === String(now - 1));
    await panel.getByText('Some instances have not delivered all').waitFor();
    await panel.getByText('Outstanding instances (1 named)').click();
    await panel.getByRole('cell', { name: '22222222-bbbb' }).or(panel.getByRole('rowheader', { name: '22222222-bbbb' })).waitFor();
    const audit = page.getByRole('region', { name: 'Audit' });
    const row = audit.getByRole('row').nth(1);
    await until('the flow whose sides differ', async () => /frontend.*search/s.test(await row.innerText()));
    assert.equal(await row.locator('data').last().getAttribute('value'), '5000');
    await audit.getByRole('button', { name: 'List one-sided flows, too' }).click();
    await audit.getByText('source only').waitFor();
    const instances = page.getByRole('region', { name: 'Instances', exact: true });
    assert.equal(await instances.locator('tbody tr').count(), 2);
  });
});

test('a shared address shows the same to somebody else', async () => {
  const shared = `/?view=flows&hour=${now - 5}&src_app=c*&by=src_app&sort=-bytes_rx&exact=1`;
  const texts = [];
  for (const dark of [false, true]) {
    await on(shared, { dark }, async (page) => {
      await page.locator('tfoot').waitFor();
      texts.push(await page.locator('table').innerText());
      assert.equal(new URL(page.url()).search, new URL(shared, service.url).search);
    });
  }
  assert.equal(texts[0], texts[1]);
  assert.match(texts[0], /\d,\d{3},\d{3}/, 'all digits');
});

test('an address that makes no sense shows something, and says so', async () => {
  await on('/?view=nowhere&hour=whenever&rows=7&by=colour', {}, async (page) => {
    await page.getByRole('alert').getByText('make no sense').waitFor();
    await bars(page, 'Pairs').first().waitFor();
  });
});

for (const view of ['overview', 'map', 'flows', 'trust']) {
  for (const [place, size] of [['desktop', DESKTOP], ['phone', PHONE]]) {
    for (const dark of [false, true]) {
      const name = `${view}-${place}-${dark ? 'dark' : 'light'}`;
      test(`everybody can use ${name}`, async () => {
        await on(`/?view=${view}`, { size, dark }, async (page, shown) => {
          await page.locator('.bar, .node, tfoot, .report').first().waitFor();
          await until('all is there', async () => (await page.locator('[aria-busy=true], .loading').count()) === 0);
          const theme = await page.evaluate(() => document.documentElement.dataset.theme);
          assert.equal(theme, dark ? 'dark' : 'light');
          await shown.screenshot(name);
          await shown.assertFits();
          await shown.assertAccessible();
        });
      });
    }
  }
}

test('the colours can be chosen, and stay', async () => {
  await on('/', {}, async (page) => {
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await page.getByLabel('Colours').selectOption('dark');
    assert.notEqual(await ground(), light);
    await page.reload();
    await page.getByLabel('Colours').waitFor();
    assert.notEqual(await ground(), light);
    assert.equal(await page.getByLabel('Colours').inputValue(), 'dark');
  });
});

test('everything is reached by the keyboard, in order', async () => {
  await on('/', {}, async (page) => {
    await bars(page, 'Pairs').first().waitFor();
    await page.keyboard.press('Tab');
    const focused = () => page.evaluate(() => document.activeElement.textContent);
    assert.equal(await focused(), 'Skip to the figures');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
    const reached = [];
    for (let n = 0; n < 8; n += 1) {
      await page.keyboard.press('Tab');
      reached.push(await page.evaluate(() => document.activeElement.className));
    }
    assert.ok(reached.includes('chart') && reached.includes('answer-pair') && reached.includes('bar-link'), reached.join());
  });
});
