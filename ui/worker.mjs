// Puts into the service worker which files the shell is, which parts may be needed later, and a name for this build made of their contents. A part of the build.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';

const DIST = new URL('dist/', import.meta.url);
const LOOSE = ['/manifest.webmanifest', '/favicon.svg', '/icon-192.png'];

const html = readFileSync(new URL('index.html', DIST), 'utf8');
const first = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+\.(?:js|css))"/g)].map(([, path]) => path);
// The last values, which a page without its hub shows, are a part of their own.
const last = readdirSync(new URL('assets/', DIST)).filter((name) => /^last-[^.]*\.js$/.test(name));
if (first.length === 0 || last.length !== 1) {
  console.error(`The shell is not what worker.mjs expects: ${first.join(', ')}; ${last.join(', ')}.`);
  process.exit(1);
}
const shell = ['/', ...first, ...last.map((name) => `/assets/${name}`), ...LOOSE];

// What the page may need later: everything else of the house. What only the page about the API loads is left out, as that asks the hub anyway.
const names = readdirSync(new URL('assets/', DIST)).filter((name) => /\.(?:js|css)$/.test(name));
const texts = new Map(names.map((name) => [name, readFileSync(new URL(`assets/${name}`, DIST), 'utf8')]));
const reached = new Set();
const reach = (name) => {
  if (reached.has(name)) return;
  reached.add(name);
  for (const other of names) if (texts.get(name).includes(other)) reach(other);
};
for (const path of first) reach(path.slice('/assets/'.length));
const parts = [...reached].map((name) => `/assets/${name}`).filter((path) => !shell.includes(path));

const source = readFileSync(new URL('sw.js', import.meta.url), 'utf8');
const hash = createHash('sha256').update(source).update(html);
for (const path of shell.slice(1)) hash.update(path).update(readFileSync(new URL(`.${path}`, DIST)));
const worker = source
  .replace("'__BUILD__'", JSON.stringify(hash.digest('hex').slice(0, 16)))
  .replace('__SHELL__', JSON.stringify(shell))
  .replace('__PARTS__', JSON.stringify(parts));
writeFileSync(new URL('sw.js', DIST), worker);
console.log(`the worker keeps ${shell.length} files at once and ${parts.length} once the page is idle`);
