import { describe, expect, test } from 'vitest';
import { property } from '../testing/fixtures';
import * as format from './format';
import type { Json, PropertyView } from './types';

const { THIN } = format;

describe('numbers', () => {
  function check(value: number, decimals: number, expected: string): void {
    expect(format.formatNumber(value, decimals, 'en-GB')).toBe(expected);
  }

  test('keep their decimals, so that text keeps its width', () => {
    check(21, 1, '21.0');
    check(21.5, 1, '21.5');
    check(21.456, 0, '21.46');
    check(1234567, 0, '1,234,567');
    check(-0.5, 1, '-0.5');
  });

  test('tiny and huge ones stay readable', () => {
    check(0.00421, 0, '0.0042');
    check(0, 2, '0.00');
    check(1.5e18, 0, '1.5E18');
  });

  test('in the locale of the reader', () => {
    expect(format.formatNumber(1234.5, 1, 'de-DE')).toBe('1.234,5');
  });

  test('decimals of a number', () => {
    expect(format.decimalsOf(21)).toBe(0);
    expect(format.decimalsOf(21.5)).toBe(1);
    expect(format.decimalsOf(55.800000000000004)).toBe(1);
    expect(format.decimalsOf(3.14159)).toBe(2);
    expect(format.decimalsOf(1e-9)).toBe(0);
  });

  test('decimals of a property', () => {
    expect(format.decimalsFor(property({ type: 'int' }), 2)).toBe(0);
    expect(format.decimalsFor(property({ step: 0.5 }), 0)).toBe(1);
    expect(format.decimalsFor(property({ min: 0, max: 1 }), 0)).toBe(2);
    expect(format.decimalsFor(property(), 1)).toBe(1);
  });
});

describe('values', () => {
  function check(view: Partial<PropertyView>, value: Json, expected: string): void {
    expect(format.formatWithUnit(property(view), value, 0)).toBe(expected);
  }

  test('with unit', () => {
    check({ unit: '%', type: 'int' }, 62, `62${THIN}%`);
    check({ unit: '%' }, null, '–');
  });

  test('words for bool', () => {
    check({ type: 'bool' }, true, 'On');
    check({ type: 'bool', access: ['read'] }, false, 'No');
    check({ type: 'bool', access: ['read'], role: 'contact' }, true, 'Open');
  });

  test('words for the rest', () => {
    check({ type: 'enum' }, 'slow_fade', 'Slow fade');
    check({ type: 'string', access: ['event'] }, 'double', 'Double');
    check({ type: 'string' }, 'slow_fade', 'slow_fade');
    check({ type: 'json' }, { a: [1, 2] }, '{"a":[1,2]}');
    check({ type: 'bytes' }, { base64: 'AA==' }, '1 byte');
  });
});

test('humanise', () => {
  const rows = {
    target_temperature: 'Target temperature',
    'wind-speed': 'Wind speed',
    colorTemp: 'Color temp',
    uv_index: 'UV index',
    co2: 'CO2',
    _: '_',
  };
  for (const [id, expected] of Object.entries(rows)) expect(format.humanise(id)).toBe(expected);
});

test('ages', () => {
  const rows: [number, string][] = [
    [-10, 'just now'],
    [4.9, 'just now'],
    [5, '5 s ago'],
    [59.9, '59 s ago'],
    [60, '1 min ago'],
    [3599, '59 min ago'],
    [7200, '2 h ago'],
    [86_400, '1 day ago'],
    [200_000, '2 days ago'],
  ];
  for (const [seconds, expected] of rows) expect(format.formatAge(seconds)).toBe(expected);
});

test('durations', () => {
  expect(format.formatDuration(12)).toBe('12 s');
  expect(format.formatDuration(130)).toBe('2 min');
  expect(format.formatDuration(4321)).toBe('1 h 12 min');
  expect(format.formatDuration(90_000)).toBe('1 day 1 h');
});

test('ranges', () => {
  expect(format.formatRange(property({ min: 0, max: 100, unit: '%' }))).toBe(`0 to 100${THIN}%`);
  expect(format.formatRange(property({ min: 5, step: 0.5 }))).toBe('from 5, in steps of 0.5');
  expect(format.formatRange(property({ max: 5 }))).toBe('up to 5');
  expect(format.formatRange(property())).toBeNull();
});

test('times that are none are shown as they are', () => {
  expect(format.formatTime('soon')).toBe('soon');
  expect(format.formatClock('2026-01-01T12:00:00.125Z')).toMatch(/^\d\d:\d\d:\d\d\.125$/);
});
