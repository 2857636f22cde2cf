// Where a picture or a video comes from. The page loads nothing from other hosts, so that nobody learns when somebody looks.
import type { Json } from '../../../model/types';
import { base64Of } from './values';

export type Found =
  | { kind: 'address'; src: string }
  | { kind: 'bytes'; src: string }
  | { kind: 'none' }
  | { kind: 'foreign'; host: string }
  | { kind: 'wrong' }
  | { kind: 'large' };

/** As base64; the picture itself is three quarters of it. */
const BASE64_MAX = 11_000_000;

const MAGIC: [RegExp, string][] = [
  [/^iVBORw0KGgo/, 'image/png'],
  [/^\/9j\//, 'image/jpeg'],
  [/^R0lGOD/, 'image/gif'],
  [/^UklGR.{6}XRUJQ/, 'image/webp'],
  [/^Qk/, 'image/bmp'],
  [/^AAAAI.{0,3}GZ0eXBhdmlm/, 'image/avif'],
];

/** The type of a picture by how its base64 begins; null for what is none. SVG is left out: it can carry more than a picture. */
export function typeOfBase64(text: string): string | null {
  return MAGIC.find(([pattern]) => pattern.test(text))?.[1] ?? null;
}

function fromBase64(text: string): Found {
  if (text.length > BASE64_MAX) return { kind: 'large' };
  const type = typeOfBase64(text);
  return type === null ? { kind: 'wrong' } : { kind: 'bytes', src: `data:${type};base64,${text}` };
}

/** An address a person wrote or a device sent, seen from the page at `base`. */
export function addressOf(text: string, base: string): Found {
  const word = text.trim();
  if (word === '') return { kind: 'none' };
  let url: URL;
  try {
    url = new URL(word, base);
  } catch {
    return { kind: 'wrong' };
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return { kind: 'wrong' };
  if (url.host !== new URL(base).host) return { kind: 'foreign', host: url.host };
  // The page's own host under another scheme is blocked as well, or unsafe.
  return { kind: 'address', src: url.pathname + url.search };
}

/** What to draw: the address from the options, else what the source holds. */
export function pictureOf(address: string, value: Json, base: string): Found {
  if (address.trim() !== '') return addressOf(address, base);
  if (value === null || value === '') return { kind: 'none' };
  const raw = base64Of(value);
  if (raw !== null) return fromBase64(raw);
  if (typeof value === 'object' && !Array.isArray(value)) {
    const inner = value['url'] ?? value['image'] ?? value['src'];
    return typeof inner === 'string' ? pictureOf('', inner, base) : { kind: 'wrong' };
  }
  if (typeof value !== 'string') return { kind: 'wrong' };
  const data = /^data:image\/[a-z0-9.+-]{1,40};base64,/i.exec(value);
  if (data !== null) return fromBase64(value.slice(data[0].length));
  if (typeOfBase64(value) !== null && /^[A-Za-z0-9+/=\s]+$/.test(value.slice(0, 200)) && value.length > 40)
    return fromBase64(value.replace(/\s+/g, ''));
  return value.length > 2_000 ? { kind: 'wrong' } : addressOf(value, base);
}

/** A picture that is loaded again: the same address with something new behind it. */
export function renewed(src: string, turn: number): string {
  if (turn === 0 || src.startsWith('data:')) return src;
  return `${src}${src.includes('?') ? '&' : '?'}_=${turn}`;
}
