// Payloads are bytes. What they are to a person — a number, JSON, text, or nothing but bytes — is told here, once.
import type { Json } from '../model/types';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** As UTF-8, or null. Control characters other than white space make it bytes for a person, too. */
export function textOfBytes(bytes: Uint8Array): string | null {
  try {
    const text = strict.decode(bytes);
    return /[\u0000-\u0008\u000e-\u001f\u007f]/.test(text) ? null : text;
  } catch {
    return null;
  }
}

export function bytesOfText(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** JSON that is more than a bare text, or undefined. */
export function jsonOf(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** A list or map, which is worth more than one line. */
export function isDeep(value: Json | undefined): value is Json[] | Record<string, Json> {
  return typeof value === 'object' && value !== null;
}

export function hexOf(bytes: Uint8Array, between = ' '): string {
  let out = '';
  for (let i = 0; i < bytes.length; i += 1) {
    if (i > 0) out += between;
    out += (bytes[i] as number).toString(16).padStart(2, '0');
  }
  return out;
}

/** Two digits a byte; spaces, colons, commas and `0x` between them do not count. Null for anything else. */
export function bytesOfHex(text: string): Uint8Array<ArrayBuffer> | null {
  const digits = text.replace(/0x/gi, ' ').replace(/[\s:,]+/g, '');
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) return null;
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** Lines of sixteen bytes: place, hex, text. */
export function hexLines(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const part = bytes.subarray(at, at + 16);
    const place = at.toString(16).padStart(4, '0');
    lines.push(`${place}  ${hexOf(part).padEnd(47)}  ${asciiOf(part)}`);
  }
  return lines;
}

/** A dot for what has no picture. */
export function asciiOf(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) out += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.';
  return out;
}

/** On one line, cut to `chars`: text as it is, anything else as hex. */
export function briefOf(bytes: Uint8Array, chars: number): string {
  // Four bytes a character at most, and one more to see that there is more.
  const head = bytes.length > 4 * chars ? bytes.subarray(0, 4 * chars) : bytes;
  const text = textOfBytes(head) ?? (head.length < bytes.length ? trimmedText(head) : null);
  const line = text === null ? hexOf(head.subarray(0, chars)) : text.replace(/\s+/g, ' ').trim();
  return line.length > chars || head.length < bytes.length ? `${line.slice(0, chars)}…` : line;
}

/** Text that was cut, perhaps within a character, which is left out then; null for what is no text. */
export function trimmedText(bytes: Uint8Array): string | null {
  const whole = textOfBytes(bytes);
  for (let off = 1; whole === null && off < 4 && off <= bytes.length; off += 1) {
    const lead = bytes[bytes.length - off] as number;
    const wants = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
    if (wants > off) return textOfBytes(bytes.subarray(0, bytes.length - off));
  }
  return whole;
}

/** The numbers in a payload by name: itself as '', or the fields of an object, one level deep. */
export function numbersOf(bytes: Uint8Array): Map<string, number> {
  const found = new Map<string, number>();
  const text = textOfBytes(bytes);
  if (text === null || text.length > 4_096) return found;
  const json = jsonOf(text);
  if (typeof json === 'number') found.set('', json);
  else if (typeof json === 'boolean') found.set('', json ? 1 : 0);
  else if (isDeep(json) && !Array.isArray(json)) {
    for (const [key, value] of Object.entries(json)) if (typeof value === 'number') found.set(key, value);
  }
  return found;
}
