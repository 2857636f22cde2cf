import { describe, expect, it } from 'vitest';
import { boundedOption, choiceOption, colorOption, listOption, numberOption, textOption } from './options';
import { asBool, asNumber, choicesOf, clip, isOn, metaOf, twoStates, valueFor } from './values';

const none = { type: null, value: null, options: [], min: null, max: null };

describe('values', () => {
  it('takes numbers and texts that are numbers, and nothing else', () => {
    expect([1.5, '1.5', ' -3e2 ', '.5', true].map(asNumber)).toEqual([1.5, 1.5, -300, 0.5, 1]);
    for (const value of [
      'NaN',
      'Infinity',
      '',
      ' ',
      '0x10',
      '1,5',
      'abc',
      null,
      [],
      {},
      '1'.repeat(100),
      NaN,
      Infinity,
    ])
      expect(asNumber(value as never), JSON.stringify(value)).toBeNull();
  });

  it('takes yes and no in the words devices use', () => {
    expect(['ON', 'open', 1, '1', 42, true].map(asBool)).toEqual([true, true, true, true, true, true]);
    expect(['off', 'Closed', 0, '0', '', false].map(asBool)).toEqual([
      false,
      false,
      false,
      false,
      false,
      false,
    ]);
    expect(['perhaps', {}, null, 'x'.repeat(1_000_000)].map(asBool)).toEqual([null, null, null, null]);
  });

  it('cuts long text without halving a character', () => {
    expect(clip('abcdef', 3)).toBe('abc…');
    expect(clip('ab😀cd', 3)).toBe('ab…');
    expect(clip('x'.repeat(1_000_000))).toHaveLength(4_001);
  });

  it('sends what the type of a source takes', () => {
    expect(valueFor('on', 'bool')).toBe(true);
    expect(valueFor('21.5', 'float')).toBe(21.5);
    expect(valueFor('21.5', 'string')).toBe('21.5');
    expect(valueFor('{"a":1}', null)).toEqual({ a: 1 });
    expect(valueFor('plain words', null)).toBe('plain words');
  });

  it('knows what on and off are', () => {
    expect(twoStates({ ...none, type: 'bool' }, '', '')).toEqual({ on: true, off: false });
    expect(twoStates({ ...none, type: 'int', min: 0, max: 255 }, '', '')).toEqual({ on: 255, off: 0 });
    expect(twoStates({ ...none, type: 'enum', options: ['closed', 'open'] }, '', '')).toEqual({
      on: 'open',
      off: 'closed',
    });
    expect(twoStates({ ...none, type: 'string', value: 'OFF' }, '', '')).toEqual({ on: 'ON', off: 'OFF' });
    expect(twoStates({ ...none, value: 0 }, '', '')).toEqual({ on: 1, off: 0 });
    expect(twoStates({ ...none, type: 'int' }, '7', '')).toEqual({ on: 7, off: 0 });
  });

  it('counts what is neither off nor on as on where it is a number, and as unknown elsewhere', () => {
    expect(isOn(40, { on: 255, off: 0 })).toBe(true);
    expect(isOn('On', { on: 'ON', off: 'OFF' })).toBe(true);
    expect(isOn('jam', { on: 'open', off: 'closed' })).toBeNull();
    expect(isOn(null, { on: true, off: false })).toBeNull();
    expect(isOn({ a: 1 }, { on: true, off: false })).toBeNull();
  });

  it('reads choices from lines, and drops doubles', () => {
    expect(choicesOf(['1 = Low', '2=High', '2 = again', 'eco', ' '], ['x'], String)).toEqual([
      { value: '1', text: 'Low' },
      { value: '2', text: 'High' },
      { value: 'eco', text: 'eco' },
    ]);
    expect(choicesOf([], ['a', 'a', 'b'], (one) => one.toUpperCase()).map(({ text }) => text)).toEqual([
      'A',
      'B',
    ]);
  });

  it('describes a source whose type is not known by its value', () => {
    const source = { ...none, unit: null, step: null, maySet: false };
    expect(metaOf({ ...source, value: 3 }).type).toBe('float');
    expect(metaOf({ ...source, value: { a: 1 } }).type).toBe('json');
    expect(metaOf({ ...source, type: 'constructor' }).type).toBe('string');
  });
});

describe('options of unknown origin', () => {
  const options = {
    n: '3,5',
    big: 1e9,
    t: 5,
    c: '#FF8800',
    bad: 'red;x',
    l: ['a', 1, {}, null],
    o: { a: 1 },
  };
  it('are read without trust', () => {
    expect(numberOption(options, 'n')).toBe(3.5);
    expect(numberOption(options, 'o', 7)).toBe(7);
    expect(numberOption(options, 'missing')).toBeNull();
    expect(boundedOption(options, 'big', 1, 0, 20)).toBe(20);
    expect(textOption(options, 't')).toBe('5');
    expect(textOption(options, 'o', 'x')).toBe('x');
    expect(colorOption(options, 'c')).toBe('#FF8800');
    expect(colorOption(options, 'bad')).toBeNull();
    expect(listOption(options, 'l')).toEqual(['a', '1']);
    expect(listOption({ l: Array.from({ length: 1_000 }, () => 'x') }, 'l')).toHaveLength(100);
    expect(choiceOption({ k: 'c' }, 'k', ['a', 'b'])).toBe('a');
    expect(textOption({ t: 'x'.repeat(1e6) }, 't')).toHaveLength(20_000);
  });
});
