// White light by its temperature, and colours as three numbers.
import { parseHex } from '../../../model/color';
import type { Json } from '../../../model/types';

/** Mireds are millionths of a reciprocal kelvin: lamps that speak Zigbee use them. */
export function miredOf(kelvin: number): number {
  return Math.round(1_000_000 / Math.max(1, kelvin));
}

export function kelvinOf(mired: number): number {
  return Math.round(1_000_000 / Math.max(1, mired));
}

/** Nothing that shines white is below this in kelvin, and few lamps are above this in mireds. */
const KELVIN_LEAST = 1_000;

/** Whether a source speaks mireds: by its unit, else by its range or value. */
export function speaksMired(unit: string | null, max: number | null, value: number | null): boolean {
  if (unit !== null && /^mired?s?$/i.test(unit.trim())) return true;
  if (unit !== null && /^(k|kelvin)$/i.test(unit.trim())) return false;
  const sign = max ?? value;
  return sign !== null && sign > 0 && sign < KELVIN_LEAST;
}

/** About the colour a black body of this temperature glows in, brightest channel full. */
export function kelvinColor(kelvin: number): string {
  const t = Math.min(40_000, Math.max(1_000, kelvin)) / 100;
  const red = t <= 66 ? 255 : 329.7 * (t - 60) ** -0.1332;
  const green = t <= 66 ? 99.47 * Math.log(t) - 161.12 : 288.12 * (t - 60) ** -0.0755;
  const blue = t >= 66 ? 255 : t <= 19 ? 0 : 138.52 * Math.log(t - 10) - 305.04;
  return hexOf([red, green, blue]);
}

export type Rgb = readonly [number, number, number];

export function hexOf(rgb: Rgb): string {
  const two = (n: number): string =>
    Math.min(255, Math.max(0, Math.round(n)))
      .toString(16)
      .padStart(2, '0');
  return `#${rgb.map(two).join('')}`;
}

export function rgbOf(hex: string): Rgb {
  const n = parseInt(hex.slice(1), 16);
  return [(n >> 16) & 255, (n >> 8) & 255, n & 255];
}

/** A colour however it was reported: `#rrggbb`, `rrggbb`, `[r, g, b]`, `r,g,b` or `{"r":…,"g":…,"b":…}`; null for no colour. */
export function colorIn(value: Json): string | null {
  if (typeof value === 'string') {
    if (value.length > 40) return null;
    const hex = parseHex(value);
    if (hex !== null) return hex;
    const parts = /^(?:rgb\()?\s*(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+(\d{1,3})\s*\)?$/.exec(value.trim());
    return parts === null ? null : channels(parts.slice(1).map(Number));
  }
  if (Array.isArray(value)) return channels(value.slice(0, 3));
  if (value !== null && typeof value === 'object') {
    const at = (...names: string[]): Json =>
      names.map((name) => value[name]).find((v) => v !== undefined) ?? null;
    const nested = value['color'];
    if (nested !== undefined && nested !== null && typeof nested === 'object') return colorIn(nested);
    return channels([at('r', 'red'), at('g', 'green'), at('b', 'blue')]);
  }
  return null;
}

function channels(parts: readonly Json[]): string | null {
  const numbers = parts.map((part) => (typeof part === 'number' && part >= 0 && part <= 255 ? part : null));
  const [r, g, b] = numbers;
  return r === null || g === null || b === null || r === undefined || g === undefined || b === undefined
    ? null
    : hexOf([r, g, b]);
}

/** A colour in the form a source takes: as it reported itself, else as its type says. */
export function colorFor(hex: string, type: string | null, value: Json, form: string): Json {
  const like = form !== 'auto' ? form : formOf(type, value);
  const [r, g, b] = rgbOf(hex);
  if (like === 'array') return [r, g, b];
  if (like === 'object') return { r, g, b };
  if (like === 'text') return `${r},${g},${b}`;
  return hex;
}

function formOf(type: string | null, value: Json): string {
  if (type === 'color') return 'hex';
  if (Array.isArray(value)) return 'array';
  if (value !== null && typeof value === 'object') return 'object';
  if (typeof value === 'string' && /^\d{1,3}[\s,;]+\d/.test(value.trim())) return 'text';
  return 'hex';
}
