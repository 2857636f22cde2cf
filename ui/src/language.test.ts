import { describe, expect, it } from 'vitest';
import { localeFor, replace, wanted } from './language';

describe('the language', () => {
  it.each([
    [null, ['de-AT', 'en'], 'de'],
    [null, ['fr', 'en-GB', 'de'], 'en'],
    [null, ['fr'], 'en'],
    [null, [], 'en'],
    ['en', ['de'], 'en'],
  ] as const)('%s chosen, %s read: %s', (chosen, readers, expected) => {
    expect(wanted(chosen, readers)).toBe(expected);
  });

  it('has numbers and dates of the reader where it can', () => {
    expect(localeFor('de', false, ['de-AT', 'en'])).toBe('de-AT');
    expect(localeFor('de', true, ['en'])).toBe('de');
    expect(localeFor('en', false, ['fr', 'en-GB'])).toBe('en-GB');
    expect(localeFor('en', false, ['fr'])).toBe('fr');
    expect(localeFor('en', false, [])).toBe(undefined);
  });

  it('replaces what a catalogue has and keeps the rest', () => {
    const words = { a: 'a', more: { b: 'b', list: ['x'] }, names: { x: 'x', y: 'y' } };
    replace(words, { a: 'A', more: { b: 'B', list: ['X', 'Y'] }, names: { x: 'X' } });
    expect(words).toEqual({ a: 'A', more: { b: 'B', list: ['X', 'Y'] }, names: { x: 'X', y: 'y' } });
  });
});

const english = import.meta.glob<Record<string, unknown>>('./strings*.ts');
const german = import.meta.glob<{ default: object }>('./de/strings*.ts');

/** Every name of a word, also those that no type knows. */
function keysOf(words: object): string[] {
  return Object.entries(words).flatMap(([key, value]) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? keysOf(value as object).map((below) => `${key}.${below}`)
      : [key],
  );
}

describe('the German words', () => {
  it.each(Object.keys(german))('%s has every word', async (path) => {
    const words = Object.values((await english[path.replace('de/', '')]?.()) ?? {}).find(
      (exported) => typeof exported === 'object' && exported !== null,
    ) as object;
    const { default: catalogue } = (await german[path]?.()) as { default: object };
    expect(keysOf(catalogue).sort()).toEqual(keysOf(words).sort());
  });
});
