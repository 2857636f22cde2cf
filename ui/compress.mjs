// Puts beside each file of the built page what the hub sends to browsers that take it compressed (`.br`, `.gz`), so that it
// compresses nothing while it runs. What hardly shrinks stays alone.
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
