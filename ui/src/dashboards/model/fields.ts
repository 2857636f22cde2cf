// The fields of a widget's form as texts, and back: what somebody wrote becomes options, or a sentence about what is wrong with it.
import type { Json } from '../../model/types';
import type { OptionField } from '../types';

export type Texts = Record<string, string>;

interface Words {
  number: string;
  atLeast: (n: number) => string;
  atMost: (n: number) => string;
}

/** What the form begins with: what was chosen, else what the field falls back to. */
export function textsOf(fields: readonly OptionField[], options: Record<string, Json>): Texts {
  return Object.fromEntries(fields.map((field) => [field.key, textOf(field, options[field.key])]));
}

function textOf(field: OptionField, value: Json | undefined): string {
  switch (field.kind) {
    case 'number':
      return String((typeof value === 'number' ? value : field.fallback) ?? '');
    case 'toggle':
      return String(typeof value === 'boolean' ? value : field.fallback);
    case 'list':
      return (Array.isArray(value) ? value.map(String) : field.fallback).join('\n');
    case 'choice': {
      const known = typeof value === 'string' && field.choices.some((choice) => choice.value === value);
      return known ? (value as string) : field.fallback;
    }
    case 'color':
      return typeof value === 'string' && /^#[0-9a-f]{6}$/i.test(value) ? value : field.fallback;
    default:
      return typeof value === 'string' ? value : field.fallback;
  }
}

export function valuesOf(
  fields: readonly OptionField[],
  texts: Texts,
  words: Words,
): { values: Record<string, Json>; problems: Record<string, string> } {
  const values: Record<string, Json> = {};
  const problems: Record<string, string> = {};
  for (const field of fields) {
    const text = texts[field.key] ?? '';
    if (field.kind === 'number') {
      const read = numberOf(field, text, words);
      if (typeof read === 'string') problems[field.key] = read;
      else values[field.key] = read;
    } else if (field.kind === 'toggle') values[field.key] = text === 'true';
    else if (field.kind === 'list')
      values[field.key] = text
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '');
    else values[field.key] = text;
  }
  return { values, problems };
}

/** Nothing is a number that the widget chooses itself. */
function numberOf(
  field: Extract<OptionField, { kind: 'number' }>,
  text: string,
  words: Words,
): number | null | string {
  const plain = text.trim().replace(',', '.');
  if (plain === '') return null;
  const value = Number(plain);
  if (!Number.isFinite(value)) return words.number;
  if (field.min !== undefined && value < field.min) return words.atLeast(field.min);
  if (field.max !== undefined && value > field.max) return words.atMost(field.max);
  return value;
}
