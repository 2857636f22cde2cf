// What somebody set for a widget, read without trust: options come from files, from other people and from older versions.
import type { Json } from '../../../model/types';

export type Options = Readonly<Record<string, Json>>;

/** Words in an option are cut here, so that no file makes the page slow. */
const TEXT_MAX = 20_000;
const LIST_MAX = 100;

export function textOption(options: Options, key: string, fallback = ''): string {
  const value = options[key];
  if (typeof value === 'string') return value.slice(0, TEXT_MAX);
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : fallback;
}

/** Null where nothing, or no finite number, was given and there is no fallback. */
export function numberOption(options: Options, key: string): number | null;
export function numberOption(options: Options, key: string, fallback: number): number;
export function numberOption(options: Options, key: string, fallback: number | null = null): number | null {
  const value = options[key];
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value === 'string' && value.trim() !== '') {
    const number = Number(value.trim().replace(',', '.'));
    if (Number.isFinite(number)) return number;
  }
  return fallback;
}

/** Like `numberOption`, kept between two bounds. */
export function boundedOption(
  options: Options,
  key: string,
  fallback: number,
  min: number,
  max: number,
): number {
  return Math.min(max, Math.max(min, numberOption(options, key, fallback)));
}

export function flagOption(options: Options, key: string, fallback = false): boolean {
  const value = options[key];
  return typeof value === 'boolean' ? value : fallback;
}

/** One of `choices`; the first of them for anything else. */
export function choiceOption<const T extends string>(
  options: Options,
  key: string,
  choices: readonly [T, ...T[]],
): T {
  const value = options[key];
  return choices.find((choice) => choice === value) ?? choices[0];
}

export function listOption(options: Options, key: string): string[] {
  const value = options[key];
  if (!Array.isArray(value)) return [];
  return value
    .slice(0, LIST_MAX)
    .flatMap((one) => (typeof one === 'string' || typeof one === 'number' ? [String(one)] : []));
}

/** A colour a person picked (`#rrggbb`), or null: anything else would reach a style. */
export function colorOption(options: Options, key: string): string | null {
  const value = options[key];
  return typeof value === 'string' && /^#[0-9a-f]{6}$/i.test(value) ? value : null;
}
