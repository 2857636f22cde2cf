// Where widgets stand: nothing overlaps, nothing leaves the grid, and nothing moves that is not in the way.
import { describe, expect, test } from 'vitest';
import type { Place, Widget } from '../types';
import {
  cells,
  clamp,
  firstFree,
  onTab,
  overlaps,
  pixels,
  placesOn,
  put,
  settle,
  tidy,
  withPlaces,
} from './layout';

const place = (x: number, y: number, w = 1, h = 1): Place => ({ x, y, w, h });
const places = (all: Record<string, Place>): Map<string, Place> => new Map(Object.entries(all));

function widget(id: string, desktop: Place, phone: Place | null = null, tab?: string): Widget {
  const made = { id, kind: 'value', title: null, at: { desktop, phone }, sources: [], options: {} };
  return tab === undefined ? made : { ...made, tab };
}

function apart(all: ReadonlyMap<string, Place>): void {
  const list = [...all];
  const hits = list.flatMap(([a, one], n) =>
    list.slice(n + 1).flatMap(([b, other]) => (overlaps(one, other) ? [`${a} and ${b}`] : [])),
  );
  expect(hits).toEqual([]);
}

test('what touches does not overlap', () => {
  expect(overlaps(place(0, 0, 2, 2), place(2, 0, 2, 2))).toBe(false);
  expect(overlaps(place(0, 0, 2, 2), place(1, 1))).toBe(true);
});

test.each<[Place, Place]>([
  [place(-3, -1, 2, 2), place(0, 0, 2, 2)],
  [place(11, 0, 3, 1), place(9, 0, 3, 1)],
  [place(0, 0, 40, 0), place(0, 0, 12, 1)],
  [place(1.4, 2.6, 2, 2), place(1, 3, 2, 2)],
  [place(NaN, Infinity, 2, -5), place(0, 0, 2, 1)],
])('%j becomes %j', (wished, got) => {
  expect(clamp(wished, 12)).toEqual(got);
});

test('a widget is not smaller than its kind may be, nor wider than the screen', () => {
  expect(clamp(place(11, 0, 1, 1), 12, { minW: 3, minH: 2 })).toEqual(place(9, 0, 3, 2));
  expect(clamp(place(0, 0, 1, 1), 4, { minW: 6, minH: 1 })).toEqual(place(0, 0, 4, 1));
});

describe('put', () => {
  const start = places({ a: place(0, 0, 2, 2), b: place(2, 0, 2, 2), c: place(0, 2, 4, 1), d: place(8, 5) });

  test('what is in the way goes down, what is not stays', () => {
    const next = put(start, 'a', place(2, 0, 2, 2));
    expect(next.get('a')).toEqual(place(2, 0, 2, 2));
    expect(next.get('b')).toEqual(place(2, 2, 2, 2));
    expect(next.get('c')).toEqual(place(0, 4, 4, 1));
    expect(next.get('d')).toEqual(place(8, 5));
    apart(next);
  });

  test('made of the same beginning, the way back is the beginning', () => {
    put(start, 'a', place(2, 0, 2, 2));
    expect(put(start, 'a', place(0, 0, 2, 2))).toEqual(start);
  });

  test('the order of drawing stays', () => {
    expect([...put(start, 'd', place(0, 0, 12, 9)).keys()]).toEqual(['a', 'b', 'c', 'd']);
  });

  test('by chance, many times over', { timeout: 120_000 }, () => {
    let seed = 7;
    const chance = (n: number): number => {
      seed = (seed * 48271) % 2147483647;
      return seed % n;
    };
    let all = new Map<string, Place>();
    for (let n = 0; n < 40; n += 1) {
      const size = { w: 1 + chance(5), h: 1 + chance(4) };
      all.set(`w${n}`, firstFree(all.values(), size, 12));
    }
    apart(all);
    for (let n = 0; n < 100; n += 1) {
      const id = `w${chance(40)}`;
      const old = all.get(id) as Place;
      const wanted = clamp({ ...old, x: chance(14) - 1, y: chance(30), w: old.w + chance(3) - 1 }, 12);
      all = put(all, id, wanted);
      expect(all.get(id)).toEqual(wanted);
      apart(all);
    }
    const closed = tidy(all);
    apart(closed);
    // There is nothing that could still go up.
    for (const [id, one] of closed) {
      const up = { ...one, y: one.y - 1 };
      const free = one.y > 0 && ![...closed].some(([other, at]) => other !== id && overlaps(up, at));
      expect(free, id).toBe(false);
    }
  });
});

test('the first free place is the uppermost, then the leftmost', () => {
  const taken = [place(0, 0, 4, 2), place(6, 0, 6, 2)];
  expect(firstFree(taken, { w: 2, h: 2 }, 12)).toEqual(place(4, 0, 2, 2));
  expect(firstFree(taken, { w: 3, h: 1 }, 12)).toEqual(place(0, 2, 3, 1));
  expect(firstFree([], { w: 20, h: 1 }, 4)).toEqual(place(0, 0, 4, 1));
});

test('a file in which everything stands in one place is laid out', () => {
  const next = settle(places({ a: place(0, 0, 4, 2), b: place(0, 0, 4, 2), c: place(30, 1, 4, 2) }), 12);
  apart(next);
  expect(next.get('a')).toEqual(place(0, 0, 4, 2));
  expect(next.get('c')).toEqual(place(8, 1, 4, 2));
});

describe('on a phone', () => {
  const widgets = [
    widget('chart', place(4, 0, 8, 6)),
    widget('a', place(0, 0, 2, 2)),
    widget('b', place(2, 0, 2, 2)),
    widget('c', place(0, 2, 3, 2)),
  ];

  test('narrow ones stand in pairs, wide ones fill the line, in the order of the desktop', () => {
    const phone = placesOn('phone', widgets);
    apart(phone);
    expect(phone.get('a')).toEqual(place(0, 0, 2, 2));
    expect(phone.get('b')).toEqual(place(2, 0, 2, 2));
    expect(phone.get('chart')).toEqual(place(0, 2, 4, 6));
    // The odd one has the line for itself.
    expect(phone.get('c')).toEqual(place(0, 8, 4, 2));
  });

  test('a low one beside a high one grows as high, unless something fits below it', () => {
    const phone = placesOn('phone', [
      widget('gauge', place(0, 0, 3, 4)),
      widget('low', place(3, 0, 2, 2)),
      widget('chart', place(5, 0, 7, 6)),
      widget('light', place(0, 6, 3, 5)),
      widget('one', place(3, 6, 2, 2)),
      widget('two', place(3, 8, 2, 2)),
      widget('three', place(3, 10, 2, 2)),
    ]);
    apart(phone);
    expect(phone.get('low')).toEqual(place(2, 0, 2, 4));
    expect(phone.get('one')).toEqual(place(2, 10, 2, 2));
    expect(phone.get('two')).toEqual(place(2, 12, 2, 2));
  });

  test('one with a place of its own keeps it, the others come below', () => {
    const own = [...widgets.slice(0, 3), widget('c', place(0, 2, 3, 2), place(1, 0, 3, 1))];
    const phone = placesOn('phone', own);
    apart(phone);
    expect(phone.get('c')).toEqual(place(1, 0, 3, 1));
    expect(phone.get('a')?.y).toBe(1);
  });

  test('what needs room gets the whole line', () => {
    const phone = placesOn('phone', widgets, () => ({ minW: 3, minH: 1 }));
    expect(phone.get('a')).toEqual(place(0, 0, 4, 2));
  });
});

test('writing places back changes only what moved, on that screen', () => {
  const widgets = [widget('a', place(0, 0, 2, 2)), widget('b', place(2, 0, 2, 2))];
  const next = withPlaces(widgets, 'desktop', places({ a: place(0, 0, 2, 2), b: place(0, 2, 2, 2) }));
  expect(next[0]).toBe(widgets[0]);
  expect(next[1]?.at).toEqual({ desktop: place(0, 2, 2, 2), phone: null });
});

test('a widget on a tab that is gone stands on the first', () => {
  const widgets = [
    widget('a', place(0, 0)),
    widget('b', place(0, 0), null, 'Two'),
    widget('c', place(0, 0), null, 'Gone'),
  ];
  const ids = (tab: string): string[] => onTab({ tabs: ['One', 'Two'], widgets }, tab).map(({ id }) => id);
  expect(ids('One')).toEqual(['a', 'c']);
  expect(ids('Two')).toEqual(['b']);
  expect(onTab({ tabs: [], widgets }, undefined)).toHaveLength(3);
});

test('cells and pixels', () => {
  expect(pixels(place(0, 0, 12, 2), 12, 1000)).toEqual({ width: 1000, height: 88 });
  expect(cells(47, 40)).toBe(1);
  expect(cells(-24.1, 40)).toBe(-1);
  expect(cells(20, 40)).toBe(0);
});
