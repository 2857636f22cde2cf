// Draws the icons of the installed page as PNG, from the figures of public/favicon.svg: platforms that install a page want pixels, and a
// drawing library for three pictures would be more to keep than these lines. A part of the build.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';

const svg = readFileSync(new URL('public/favicon.svg', import.meta.url), 'utf8');
const one = (pattern) => {
  const found = pattern.exec(svg);
  if (found === null) throw new Error(`public/favicon.svg has no ${pattern}: icons.mjs reads it`);
  return found[1];
};
const SIDE = 32;
const ground = one(/<rect[^>]* fill="#([0-9a-f]{6})"/);
const radius = Number(one(/<rect[^>]* rx="([\d.]+)"/));
const width = Number(one(/stroke-width="([\d.]+)"/));

/** Corners of the path, which has only M, h and l. */
function corners(path) {
  const points = [];
  for (const [, what, text] of path.matchAll(/([Mhl])([^Mhl]+)/g)) {
    const numbers = text.match(/-?[\d.]+/g).map(Number);
    const [x, y] = points.at(-1) ?? [0, 0];
    if (what === 'M') points.push(numbers);
    else if (what === 'h') points.push([x + numbers[0], y]);
    else
      for (let i = 0, at = [x, y]; i < numbers.length; i += 2) {
        at = [at[0] + numbers[i], at[1] + numbers[i + 1]];
        points.push(at);
      }
  }
  return points;
}
const line = corners(one(/ d="([^"]+)"/));

/** How far a point is from the line. */
function away(x, y) {
  let least = Infinity;
  for (let i = 1; i < line.length; i += 1) {
    const [[ax, ay], [bx, by]] = [line[i - 1], line[i]];
    const [dx, dy] = [bx - ax, by - ay];
    const along = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)));
    least = Math.min(least, Math.hypot(x - ax - along * dx, y - ay - along * dy));
  }
  return least;
}

/** Whether a point is on the rounded square. */
function inside(x, y) {
  const [dx, dy] = [x, y].map((at) => Math.max(radius - at, at - (SIDE - radius), 0));
  return Math.hypot(dx, dy) <= radius;
}

/** Each pixel is looked at in so many places by as many. */
const FINE = 4;

/** `bleeds`: the ground reaches to the edge, and the figure stays within what every mask leaves. */
function pixels(size, bleeds) {
  const scale = bleeds ? 1.35 : 1;
  const rgb = [0, 2, 4].map((at) => Number.parseInt(ground.slice(at, at + 2), 16));
  const rows = Buffer.alloc(size * (1 + size * 4));
  for (let py = 0; py < size; py += 1) {
    for (let px = 0; px < size; px += 1) {
      let [drawn, covered] = [0, 0];
      for (let i = 0; i < FINE * FINE; i += 1) {
        const at = (p, n) => ((p + (n + 0.5) / FINE) / size) * SIDE;
        const [x, y] = [at(px, i % FINE), at(py, Math.floor(i / FINE))];
        const figure = (n) => SIDE / 2 + (n - SIDE / 2) * scale;
        if (bleeds || inside(x, y)) covered += 1;
        if (away(figure(x), figure(y)) <= width / 2) drawn += 1;
      }
      const white = covered === 0 ? 0 : drawn / covered;
      const offset = py * (1 + size * 4) + 1 + px * 4;
      rgb.forEach((value, i) => (rows[offset + i] = Math.round(value + (255 - value) * white)));
      rows[offset + 3] = Math.round((covered / (FINE * FINE)) * 255);
    }
  }
  return rows;
}

const TABLE = Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let i = 0; i < 8; i += 1) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

function chunk(name, data) {
  const body = Buffer.concat([Buffer.from(name), data]);
  const crc = body.reduce((sum, byte) => TABLE[(sum ^ byte) & 255] ^ (sum >>> 8), 0xffffffff) ^ 0xffffffff;
  const [length, end] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  end.writeUInt32BE(crc >>> 0);
  return Buffer.concat([length, body, end]);
}

function png(size, bleeds) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(size, 0);
  head.writeUInt32BE(size, 4);
  // Eight bits, with transparency.
  head.set([8, 6, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const data = deflateSync(pixels(size, bleeds), { level: 9 });
  return Buffer.concat([signature, chunk('IHDR', head), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]);
}

const DIST = new URL('dist/', import.meta.url);
mkdirSync(DIST, { recursive: true });
for (const [name, size, bleeds] of [
  ['icon-192.png', 192, false],
  ['icon-512.png', 512, false],
  ['icon-maskable-512.png', 512, true],
]) {
  writeFileSync(new URL(name, DIST), png(size, bleeds));
}
