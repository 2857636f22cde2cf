// Values as widgets read and send them. Whatever a device reports may come: text where a number was expected, a megabyte
// where a word was, or nothing.
import type { Json, PropertyMeta, PropertyType } from '../../../model/types';
import { textOf } from '../../../model/value';

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
const NUMBER_TEXT_MAX = 64;
/** Nobody reads more than this in one widget; the exact text is in the wire view. */
export const SHOWN_MAX = 4_000;

/** Text that is a number counts as one; `NaN`, `Infinity`, empty text and everything else do not. */
export function asNumber(value: Json | undefined): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value !== 'string' || value.length > NUMBER_TEXT_MAX) return null;
  const text = value.trim();
  if (!NUMBER.test(text)) return null;
  const number = Number(text);
  return Number.isFinite(number) ? number : null;
}

const YES = new Set(['on', 'true', 'yes', 'open', 'high', 'online', 'active', 'detected']);
const NO = new Set(['off', 'false', 'no', 'closed', 'low', 'offline', 'inactive', 'clear', '']);

/** Null for what says neither yes nor no. */
export function asBool(value: Json | undefined): boolean | null {
  const number = asNumber(value);
  if (number !== null) return number !== 0;
  if (typeof value !== 'string' || value.length > NUMBER_TEXT_MAX) return null;
  const word = value.trim().toLowerCase();
  if (YES.has(word)) return true;
  return NO.has(word) ? false : null;
}

/** At most `max` characters, with an ellipsis; never half of a pair of surrogates. */
export function clip(text: string, max = SHOWN_MAX): string {
  if (text.length <= max) return text;
  const code = text.charCodeAt(max - 1);
  const end = code >= 0xd800 && code <= 0xdbff ? max - 1 : max;
  return `${text.slice(0, end)}…`;
}

/** What stands in `{"base64": "…"}`, or null for anything else. It is not decoded: it may be megabytes. */
export function base64Of(value: Json): string | null {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return null;
  const encoded = value['base64'];
  return typeof encoded === 'string' && Object.keys(value).length === 1 ? encoded : null;
}

/** How many bytes a base64 text stands for. */
export function bytesIn(base64: string): number {
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
  return Math.max(0, Math.floor((base64.length * 3) / 4) - padding);
}

/** A value as one text, bounded. Bytes are told by their number. */
export function plainText(value: Json, bytes: (count: number) => string, max = SHOWN_MAX): string {
  if (value === null) return '';
  const base64 = base64Of(value);
  return base64 === null ? clip(textOf(value), max) : bytes(bytesIn(base64));
}

/** What a person typed into a form, as the value a source of this type takes. Without a type, JSON where it is JSON. */
export function valueFor(text: string, type: string | null): Json {
  const word = text.trim();
  switch (type as PropertyType | null) {
    case 'bool':
      return asBool(word) ?? word;
    case 'int':
    case 'float':
      return asNumber(word) ?? word;
    case 'string':
    case 'enum':
    case 'color':
      return text;
    default:
      break;
  }
  if (word === '') return '';
  try {
    return JSON.parse(word) as Json;
  } catch {
    return text;
  }
}

export interface TwoStates {
  on: Json;
  off: Json;
}

/** What “on” and “off” are for a source: as set by a person, else as its type says, else as it speaks already. */
export function twoStates(
  source: {
    type: string | null;
    value: Json;
    options: readonly string[];
    max: number | null;
    min: number | null;
  },
  on: string,
  off: string,
): TwoStates {
  const usual = usualStates(source);
  return {
    on: on === '' ? usual.on : valueFor(on, source.type),
    off: off === '' ? usual.off : valueFor(off, source.type),
  };
}

function usualStates({ type, value, options, min, max }: Parameters<typeof twoStates>[0]): TwoStates {
  if (type === 'bool') return { on: true, off: false };
  if (type === 'int' || type === 'float') return { on: max ?? 1, off: min ?? 0 };
  if (type === 'enum') {
    const on = options.find((option) => asBool(option) === true) ?? options[1] ?? 'on';
    const off = options.find((option) => asBool(option) === false) ?? options[0] ?? 'off';
    return { on, off };
  }
  if (type === null && typeof value === 'number') return { on: 1, off: 0 };
  if (typeof value === 'string' && /^(on|off)$/i.test(value)) {
    if (value === value.toUpperCase()) return { on: 'ON', off: 'OFF' };
    if (value === value.toLowerCase()) return { on: 'on', off: 'off' };
    return { on: 'On', off: 'Off' };
  }
  return type === 'string' ? { on: 'on', off: 'off' } : { on: true, off: false };
}

/** Whether a value is “on” by these two; a number between them counts as on, as a dimmed lamp is. */
export function isOn(value: Json, { on, off }: TwoStates): boolean | null {
  if (value === null) return null;
  if (same(value, on)) return true;
  if (same(value, off)) return false;
  const [number, low] = [asNumber(value), asNumber(off)];
  if (number !== null && low !== null) return number !== low;
  return asBool(value);
}

function same(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (typeof a === 'object' || typeof b === 'object') return JSON.stringify(a) === JSON.stringify(b);
  return String(a).toLowerCase() === String(b).toLowerCase();
}

const TYPES: readonly string[] = ['bool', 'int', 'float', 'enum', 'string', 'color', 'json', 'bytes'];

/** The description that the page's own components take, from what a source says of itself. */
export function metaOf(source: {
  type: string | null;
  role?: string | null;
  unit: string | null;
  min: number | null;
  max: number | null;
  step: number | null;
  options: readonly string[];
  value: Json;
  maySet: boolean;
}): PropertyMeta {
  const type = TYPES.includes(source.type ?? '') ? (source.type as PropertyType) : typeOfValue(source.value);
  return {
    type,
    unit: source.unit,
    min: source.min,
    max: source.max,
    step: source.step,
    options: source.options.length > 0 ? [...source.options] : null,
    access: source.maySet ? ['read', 'set'] : ['read'],
    role: source.role ?? null,
    declared: false,
  };
}

function typeOfValue(value: Json): PropertyType {
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return 'float';
  return value !== null && typeof value === 'object' ? 'json' : 'string';
}

export interface Choice {
  value: string;
  text: string;
}

/** Lines of `value = words`, or just a value. Doubles are dropped. */
export function choicesOf(
  lines: readonly string[],
  options: readonly string[],
  word: (option: string) => string,
): Choice[] {
  const given = lines.filter((line) => line.trim() !== '');
  const all =
    given.length === 0 ? options.map((value) => ({ value, text: word(value) })) : given.map(choiceIn);
  const seen = new Set<string>();
  return all.filter(({ value }) => !seen.has(value) && seen.add(value));
}

function choiceIn(line: string): Choice {
  const at = line.indexOf('=');
  if (at <= 0) return { value: line.trim(), text: line.trim() };
  const value = line.slice(0, at).trim();
  return { value, text: line.slice(at + 1).trim() || value };
}
