import { expect, test } from 'vitest';
import { blocksOf, shareOnline, spansOf, type Change } from './presence';

const at = (minute: number): string => new Date(minute * 60_000).toISOString();
const change = (minute: number, online: boolean, reason: string | null = null): Change => ({
  time: at(minute),
  online,
  reason,
});

test('changes become spans, whatever their order, and the last one lasts until now', () => {
  const past = [change(90, false, 'network'), change(0, true), change(95, true)];
  expect(spansOf(past, 100 * 60_000)).toEqual([
    { online: true, from: 0, to: 90 * 60_000, reason: null },
    { online: false, from: 90 * 60_000, to: 95 * 60_000, reason: 'network' },
    { online: true, from: 95 * 60_000, to: 100 * 60_000, reason: null },
  ]);
  expect(shareOnline(spansOf(past, 100 * 60_000))).toBeCloseTo(0.95);
});

test('what says the same twice is one span; what has no time is left out', () => {
  const spans = spansOf(
    [change(0, true), change(1, true), { time: '?', online: false, reason: null }],
    120_000,
  );
  expect(spans).toEqual([{ online: true, from: 0, to: 120_000, reason: null }]);
});

test('a clock that is behind makes no span that ends before it begins', () => {
  expect(spansOf([change(5, false)], 0)).toEqual([
    { online: false, from: 300_000, to: 300_000, reason: null },
  ]);
  expect(shareOnline(spansOf([change(5, false)], 0))).toBeNull();
  expect(blocksOf(spansOf([change(5, false)], 0))).toEqual([]);
});

test('a short outage can still be seen', () => {
  const blocks = blocksOf(
    spansOf([change(0, true), change(10_000, false), change(10_001, true)], 20_000 * 60_000),
  );
  expect(blocks).toHaveLength(3);
  expect(blocks[1]).toMatchObject({ online: false, width: 0.006 });
  for (const { left, width } of blocks) expect(left + width).toBeLessThanOrEqual(1.0001);
});
