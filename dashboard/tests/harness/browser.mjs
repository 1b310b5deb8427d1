// A real Chromium. Every page is watched: it may ask nobody but its own origin, break no policy and
// throw no error, whatever the test is about.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

const EXECUTABLE = process.env.FLOW_CHROMIUM ?? '/usr/bin/chromium';
const SCREENSHOTS = process.env.FLOW_SCREENSHOTS;
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Nothing may be asked for but what the tests are about. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const DESKTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

export class Browser {
  static async start() {
    const browser = new Browser();
    // Playwright gives it a new user-data-dir, and removes that.
    browser.chromium = await chromium.launch({ executablePath: EXECUTABLE, headless: true, args: FLAGS });
    return browser;
  }

  async stop() {
    await this.chromium.close();
  }

  /** Opens a page of the service, in a context of its own; `prepare` is done before anything is loaded. */
  async open(service, address, { size = DESKTOP, dark = false, expected = [], prepare = async () => {} } = {}) {
    const context = await this.chromium.newContext({
      baseURL: service.url,
      viewport: size,
      colorScheme: dark ? 'dark' : 'light',
      hasTouch: size === PHONE,
      acceptDownloads: true,
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    const faults = watch(page, service, expected);
    await prepare(page);
    await page.goto(address);
    return new Page(page, faults);
  }
}

/** A service on a busy machine puts reads off; pages ask again, which is not a fault. */
const PUT_OFF = /status of 503/;

/** What went wrong on a page, but for what is expected. */
function watch(page, service, expected) {
  const faults = [];
  const note = (fault) => {
    if (![PUT_OFF, ...expected].some((pattern) => pattern.test(fault))) faults.push(fault);
  };
  page.on('request', (request) => {
    const url = new URL(request.url());
    const isOwn = url.origin === service.url || (url.protocol === 'blob:' && url.pathname.startsWith(service.url));
    if (!isOwn) note(`a request to ${request.url()}`);
  });
  page.on('pageerror', (error) => note(`an error: ${error.stack ?? error}`));
  // Chromium tells of broken policies here, too.
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) note(`the console says: ${message.text()}`);
  });
  return faults;
}

class Page {
  constructor(page, faults) {
    this.page = page;
    this.faults = faults;
  }

  /** Closes it, if nothing went wrong on it. */
  async done() {
    await this.page.context().close();
    assert.deepEqual(this.faults, [], 'what went wrong on the page');
  }

  /** What axe-core finds. It comes in by the debugger, for which no policy counts. */
  async assertAccessible() {
    await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate(() =>
      globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }),
    );
    const told = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join('\n    ')}`);
    assert.deepEqual(told, [], 'what axe-core finds');
  }

  /** Nothing is wider than the screen. */
  async assertFits() {
    const [wide, screen] = await this.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(wide <= screen, `the page is ${wide} wide on a screen of ${screen}`);
  }

  async screenshot(name) {
    if (!SCREENSHOTS) return;
    mkdirSync(SCREENSHOTS, { recursive: true });
    await this.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
  }
}
