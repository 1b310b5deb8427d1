// A running `fas` on a directory of its own, and what tests write into it.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { until } from './until.mjs';

const FAS = process.env.FAS_BIN;
if (!FAS) throw new Error('FAS_BIN must name the fas to test: use `cargo xtask dashboard --test`');

const HOUR_MS = 3_600_000;

/** The hour now. */
export const currentHour = () => Math.floor(Date.now() / HOUR_MS);

/** What the tests of a file take at most, on a busy machine. */
const FILE_MS = 4 * 60_000;

/** Waits for the next hour where this one is nearly over: “the last hour” would be another one in between. */
export async function quietTime() {
  const end = (currentHour() + 1) * HOUR_MS;
  if (end - Date.now() < FILE_MS) await until('the next hour', () => Date.now() >= end, FILE_MS + 30_000);
}

/** Asks again where a busy service says so. */
function patient(ask) {
  return until('the service is not too busy', async () => {
    const answer = await ask();
    return answer.status === 503 ? null : answer;
  });
}

export class Service {
  #child;
  #log = '';

  /** Starts on a free port; with `tokens`, those are needed: scopes and VPCs by name. `options` are of `serve`. */
  static async start({ tokens, options = [] } = {}) {
    const service = new Service();
    service.directory = mkdtempSync(join(tmpdir(), 'fas-dashboard-'));
    service.tokens = {};
    const file = join(service.directory, 'tokens.toml');
    for (const [name, { scope, vpcs = [] }] of Object.entries(tokens ?? {})) {
      const words = ['token', 'create', '--name', name, '--scope', scope, '--tokens', file];
      const made = spawnSync(FAS, [...words, ...vpcs.flatMap((vpc) => ['--vpc-id', vpc])], { env: {}, encoding: 'utf8' });
      if (made.status !== 0) throw new Error(`fas token create: ${made.stderr}`);
      service.tokens[name] = made.stdout.trim();
    }
    const needed = tokens ? ['--tokens', file] : [];
    service.arguments = ['serve', '--data', join(service.directory, 'data'), ...needed, ...options];
    try {
      await service.#launch('127.0.0.1:0');
    } catch (error) {
      // What is left running would keep the tests from ending.
      await service.remove();
      throw error;
    }
    return service;
  }

  /** Revokes a token. */
  revoke(name) {
    const words = ['token', 'revoke', name, '--tokens', join(this.directory, 'tokens.toml')];
    const done = spawnSync(FAS, words, { env: {}, encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`fas token revoke: ${done.stderr}`);
  }

  async #launch(listen) {
    this.#log = '';
    this.#child = spawn(FAS, [...this.arguments, '--listen', listen], { env: {}, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child.stderr.on('data', (text) => (this.#log += text));
    await until('fas listens', () => {
      if (this.#child.exitCode !== null) throw new Error(`fas ended: ${this.#log}`);
      return /listening on http:\/\/[^,]+,/.test(this.#log);
    });
    this.address = /listening on http:\/\/([^,]+),/.exec(this.#log)[1];
    this.url = `http://${this.address}`;
  }

  /** Ends it, as an operator does. */
  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    // Streams that are open would be waited for.
    this.#child.kill('SIGKILL');
    await ended;
  }

  /** Starts it again, where it was. */
  async restart() {
    await this.#launch(this.address);
  }

  async remove() {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #post(path, type, body, token) {
    const headers = { 'content-type': type, ...(token ? { authorization: `Bearer ${token}` } : {}) };
    const answer = await patient(() => fetch(this.url + path, { method: 'POST', headers, body }));
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  }

  /** Writes flows: `[src_app, dest_app, vpc_id, bytes_tx, bytes_rx, hour]`, as many as there are. */
  async write(flows, token) {
    for (let at = 0; at < flows.length; at += 20_000) {
      // Counters may be bigints, which JSON has no word for.
      const line = ([src, dest, vpc, tx, rx, hour]) =>
        `{"src_app":${JSON.stringify(src)},"dest_app":${JSON.stringify(dest)},"vpc_id":${JSON.stringify(vpc)},"bytes_tx":${tx},"bytes_rx":${rx},"hour":${hour}}`;
      const body = flows.slice(at, at + 20_000).map(line).join('\n');
      await this.#post('/flows', 'application/x-ndjson', body, token);
    }
  }

  /** Delivers a batch, as a filter does. */
  async batch(instance, sequence, reporter, watermarkMs, hours, token) {
    const groups = Object.entries(hours).map(([hour, flows]) => ({ hour: Number(hour), flows }));
    const batch = {
      version: 1,
      instance,
      sequence,
      reporter,
      watermark_ms: watermarkMs,
      lost_bytes: 0,
      folded_bytes: 0,
      hours: groups,
    };
    await this.#post('/v1/batches', 'application/json', JSON.stringify(batch), token);
  }

  async read(path, token) {
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    const answer = await patient(() => fetch(this.url + path, { headers }));
    return answer.json();
  }
}
