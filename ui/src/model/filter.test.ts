import { describe, expect, test } from 'vitest';
import { covers, isFilter, matches, overlap, parseFilters } from './filter';

describe('a filter', () => {
  test.each(['#', '+', 'a', 'a/b', 'a/+/b', 'a/#', '+/#', '/', '$SYS/#', 'a//b'])('%s is one', (text) =>
    expect(isFilter(text)).toBe(true),
  );
  test.each(['', '#/a', 'a/#/b', 'a#', 'a/b+', '+a/b', 'a\0b', 'a/##'])('%j is none', (text) =>
    expect(isFilter(text)).toBe(false),
  );
});

test.each([
  ['#', 'devices/lamp/power', true],
  ['devices/#', 'devices/lamp/power', true],
  ['devices/#', 'devices', true],
  ['devices/+', 'devices/lamp', true],
  ['devices/+', 'devices/lamp/power', false],
  ['devices/+/power', 'devices/lamp/power', true],
  ['devices/lamp/#', 'devices/lamp2/power', false],
  ['#', '$SYS/broker/uptime', false],
  ['+/broker/uptime', '$SYS/broker/uptime', false],
  ['$SYS/#', '$SYS/broker/uptime', true],
  ['a', 'a/b', false],
])('%s matches %s: %s', (filter, topic, expected) => expect(matches(filter, topic)).toBe(expected));

test.each([
  ['#', 'devices/#', true],
  ['devices/#', 'devices/#', true],
  ['devices/#', 'devices/+/power', true],
  ['+/#', 'devices/#', true],
  ['devices/+', 'devices/#', false],
  ['devices/+/#', 'devices/#', false],
  ['devices/lamp/+', 'devices/+/power', false],
  ['devices/+/+', 'devices/+/power', true],
  ['devices/lamp/#', 'devices/lamp', true],
])('%s covers %s: %s', (outer, inner, expected) => expect(covers(outer, inner)).toBe(expected));

test.each([
  ['devices/#', 'devices/lamp/#', true],
  ['+/lamp/#', 'devices/#', true],
  ['house/#', 'devices/#', false],
  ['devices/lamp/+', 'devices/+/power', true],
  ['devices/lamp/a', 'devices/+/power', false],
  ['devices', 'devices/#', true],
  ['devices/+', 'devices/lamp/power', false],
])('%s and %s overlap: %s', (one, other, expected) => {
  expect(overlap(one, other)).toBe(expected);
  expect(overlap(other, one)).toBe(expected);
});

// Covering and overlapping say the same as a comparison of all topics over a small alphabet.
test('agrees with all short topics, one by one', () => {
  const levels = ['a', 'b'];
  const topics = levels.flatMap((x) => [
    x,
    ...levels.flatMap((y) => [`${x}/${y}`, ...levels.map((z) => `${x}/${y}/${z}`)]),
  ]);
  const parts = ['a', '+'];
  const filters = [
    '#',
    ...parts.flatMap((x) => [x, `${x}/#`, ...parts.flatMap((y) => [`${x}/${y}`, `${x}/${y}/#`])]),
  ];
  for (const one of filters) {
    for (const other of filters) {
      const both = topics.filter((topic) => matches(one, topic) && matches(other, topic));
      expect(overlap(one, other), `${one} and ${other}`).toBe(both.length > 0);
      const all = topics.filter((topic) => matches(other, topic)).every((topic) => matches(one, topic));
      expect(covers(one, other), `${one} covers ${other}`).toBe(all);
    }
  }
});

test('filters are read as people write them', () => {
  expect(parseFilters(' devices/# \n\nhouse/+/x,devices/#\n a#b')).toEqual({
    filters: ['devices/#', 'house/+/x'],
    wrong: ['a#b'],
  });
  expect(parseFilters('')).toEqual({ filters: [], wrong: [] });
});
