import { describe, expect, test } from 'vitest';
import {
  fromField,
  moved,
  parseRange,
  PRESETS,
  rangeText,
  SPAN_MIN_S,
  toField,
  windowOf,
  zoomed,
  type Range,
} from './range';

const NOW = 1_800_000_000;

test.each<[Range, string]>([
  [{ last_s: 3_600 }, '1h'],
  [{ last_s: PRESETS['1y'] }, '1y'],
  [{ last_s: 90 }, '90s'],
  [{ from: 100, to: 250 }, '100,250'],
  [{ from: -50, to: 0 }, '-50,0'],
])('%o stands in an address as %s and comes back', (range, text) => {
  expect(rangeText(range)).toBe(text);
  expect(parseRange(text)).toEqual(range);
});

test.each([null, '', '2h', '0s', '10,10', '20,10', '1e9,2e9', 'NaN,1', '99999999999s', '1,2,3'])(
  '%s is no range',
  (text) => expect(parseRange(text)).toBeNull(),
);

test('the last seconds end now, a stretch stays where it is', () => {
  expect(windowOf({ last_s: 60 }, NOW)).toEqual({ from: NOW - 60, to: NOW });
  expect(windowOf({ from: 5, to: 6 }, NOW)).toEqual({ from: 5, to: 6 });
});

describe('zooming', () => {
  test('keeps what is under the hand where it is', () => {
    expect(zoomed({ from: 0, to: 100 }, 0.5, 25, NOW)).toEqual({ from: 12.5, to: 62.5 });
    expect(zoomed({ from: 0, to: 100 }, 2, 0, NOW)).toEqual({ from: 0, to: 200 });
  });

  test('ends at a second, and never in the future', () => {
    const near = zoomed({ from: 0, to: 2 }, 0.01, 1, NOW);
    expect(near.to - near.from).toBe(SPAN_MIN_S);
    expect(zoomed({ from: NOW - 100, to: NOW }, 2, NOW - 50, NOW)).toEqual({ from: NOW - 200, to: NOW });
  });
});

test('moving stops at the present and keeps the length', () => {
  expect(moved({ from: NOW - 100, to: NOW - 50 }, 80, NOW)).toEqual({ from: NOW - 50, to: NOW });
  expect(moved({ from: NOW - 100, to: NOW - 50 }, -10, NOW)).toEqual({ from: NOW - 110, to: NOW - 60 });
});

test('fields hold local minutes, and an unfinished one nothing', () => {
  const minute = Math.floor(NOW / 60) * 60;
  expect(fromField(toField(minute + 42))).toBe(minute);
  for (const text of ['', '2026', '2026-13-40T99:99', 'tomorrow']) expect(fromField(text)).toBeNull();
});
