// How the dashboard is built: files with a hash in their names under `assets/`, which may be kept
// for ever, and one page that names them. Nothing is inlined, because the page's Content-Security-
// Policy allows no inline script or style, and no `data:` URL.

import { rmSync } from 'node:fs';

import preact from '@preact/preset-vite';
import { type Plugin, defineConfig } from 'vite';

/** The service that `npm run dev` asks. */
const service = process.env.FAS_URL ?? 'http://127.0.0.1:8080';

/** Removes what an earlier build left. The folder itself stays: it is in the repository, for cargo to watch. */
const emptied: Plugin = {
  name: 'emptied',
  apply: 'build',
  buildStart() {
    for (const name of ['assets', 'index.html']) rmSync(`dist/${name}`, { recursive: true, force: true });
  },
};

export default defineConfig({
  plugins: [preact(), emptied],
  build: {
    emptyOutDir: false,
    // Of what goes into the files: who hands them on hands on these.
    license: { fileName: 'assets/licences.md' },
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { '/v1': service, '/flows': service, '/readyz': service } },
});
