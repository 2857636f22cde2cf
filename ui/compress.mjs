// Puts beside each file of the built page what the hub sends to browsers that take it compressed (`.br`, `.gz`), so that it
// compresses nothing while it runs. What hardly shrinks stays alone. Then holds what a first visit fetches to its budget.
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const DIST = new URL('dist', import.meta.url).pathname;
const WORTHWHILE = /\.(css|html|js|json|map|mjs|svg|txt|webmanifest)$/;

function* files(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* files(path);
    else if (WORTHWHILE.test(name)) yield path;
  }
}

for (const path of [...files(DIST)]) {
  const plain = readFileSync(path);
  const brotli = brotliCompressSync(plain, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
    },
  });
  const gzip = gzipSync(plain, { level: 9 });
  if (brotli.length < plain.length * 0.9) writeFileSync(`${path}.br`, brotli);
  if (gzip.length < plain.length * 0.9) writeFileSync(`${path}.gz`, gzip);
}

// A phone on a weak line waits for this much before it sees anything; what is seldom needed goes into a bundle of its own.
const FIRST_BYTES_MAX = 100_000;

const html = readFileSync(join(DIST, 'index.html'), 'utf8');
const first = [...html.matchAll(/(?:src|href)="([^"]+\.(?:js|css))"/g)].map(([, path]) => join(DIST, path));
const sizes = first.map((path) => gzipSync(readFileSync(path), { level: 9 }).length);
const bytes = sizes.reduce((sum, size) => sum + size, 0);
console.log(`a first visit fetches ${(bytes / 1000).toFixed(1)} kB, gzip, of ${FIRST_BYTES_MAX / 1000}`);
if (bytes > FIRST_BYTES_MAX) {
  const each = first.map((path, i) => `${basename(path)} ${sizes[i]}`).join(', ');
  console.error(
    `That is too much (${each}). Look at what the entry imports, and fetch it when it is needed.`,
  );
  process.exit(1);
}
