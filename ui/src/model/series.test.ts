import { describe, expect, test } from 'vitest';
import {
  addNumber,
  addState,
  bandsOf,
  gapOf,
  numberAt,
  numbersOf,
  rangeIn,
  stateAt,
  statesOf,
  timeInStates,
  trim,
  type HistoryAnswer,
} from './series';
import type { Json } from './types';

const T0 = 1_800_000_000;
const iso = (time: number): string => new Date((T0 + time) * 1000).toISOString();

function answer(points: [number, Json][], more: Partial<HistoryAnswer> = {}): HistoryAnswer {
  return {
    device: 'lamp',
    property: 'power',
    type: 'float',
    unit: null,
    from: iso(0),
    to: iso(100),
    raw: true,
    points: points.map(([time, value]) => [iso(time), value]),
    ...more,
  };
}

/** Times as the tests write them. */
const times = (series: { times: number[] }): number[] => series.times.map((time) => time - T0);

describe('numbers as they were reported', () => {
  test('every reading is a point, equal times included', () => {
    const series = numbersOf(
      answer([
        [1, 5],
        [2, 6],
        [2, 7],
        [3, 8],
      ]),
      50,
    );
    expect(times(series)).toEqual([1, 2, 2, 3]);
    expect(series.line).toEqual([5, 6, 7, 8]);
    expect(series.key).toBe('lamp/power');
    expect(series.step).toBe(0);
  });

  test('a silence much longer than usual is a gap', () => {
    const series = numbersOf(
      answer([
        [0, 1],
        [1, 1],
        [2, 1],
        [3, 1],
        [4, 1],
        [60, 2],
        [61, 2],
        [62, 2],
        [63, 2],
        [64, 2],
        [65, 2],
      ]),
      50,
    );
    expect(times(series)).toEqual([0, 1, 2, 3, 4, 32, 60, 61, 62, 63, 64, 65]);
    expect(series.line[5]).toBeNull();
    expect([series.low[5], series.high[5]]).toEqual([null, null]);
  });

  test.each([
    ['too few to have a rhythm', [0, 1, 900], Infinity],
    ['jitter is no gap', [0, 0.1, 0.2, 0.3, 0.4], 5],
    ['four times what is usual', [0, 10, 20, 30, 40, 50], 40],
  ])('%s', (_what, all, gap) => expect(gapOf(all)).toBe(gap));

  test('what is no number is left out', () => {
    expect(
      numbersOf(
        answer([
          [1, null],
          [2, 'x'],
          [3, 4],
        ]),
        50,
      ).line,
    ).toEqual([4]);
  });
});

describe('numbers that the hub condensed', () => {
  // Ten stretches of ten seconds, of which the third and fourth are empty.
  const extremes = answer(
    [
      [1, 3],
      [8, 9],
      [15, 1],
      [41, 2],
      [49, 6],
      [95, 4],
    ],
    { raw: false },
  );
  const means = answer(
    [
      [0, 5],
      [10, 1],
      [40, 50],
      [90, 4],
    ],
    { raw: false },
  );

  test('each stretch has its least and most in the middle, and the mean between them', () => {
    const series = numbersOf(extremes, 10, means);
    expect(series.step).toBe(10);
    expect(times(series)).toEqual([5, 15, 45, 95]);
    expect(series.low).toEqual([3, 1, 2, 4]);
    expect(series.high).toEqual([9, 1, 6, 4]);
    // A mean outside of the band belongs to another rounding of the stretch.
    expect(series.line).toEqual([5, 1, 6, 4]);
  });

  test('without means the line runs through the middle of the band', () => {
    expect(numbersOf(extremes, 10).line).toEqual([6, 1, 4, 4]);
  });

  test('an extreme at the very end belongs to the last stretch', () => {
    const series = numbersOf(
      answer(
        [
          [0, 1],
          [100, 2],
        ],
        { raw: false },
      ),
      10,
    );
    expect(times(series)).toEqual([5, 95]);
  });
});

describe('live readings', () => {
  test('continue what was reported, and only behind what the hub answered', () => {
    const series = numbersOf(answer([[90, 1]]), 50);
    expect(addNumber(series, T0 + 99, 2)).toBe(false);
    expect(addNumber(series, T0 + 100, 2)).toBe(false);
    expect(addNumber(series, T0 + 101, 2)).toBe(true);
    expect(addNumber(series, T0 + 101, 3)).toBe(false);
    expect(times(series)).toEqual([90, 101]);
  });

  test('of a condensed series they fill stretches of the same length', () => {
    const series = numbersOf(answer([[95, 4]], { raw: false }), 10);
    for (const [time, value] of [
      [102, 1],
      [104, 6],
      [109, 5],
      [112, 9],
    ] as const)
      expect(addNumber(series, T0 + time, value)).toBe(true);
    expect(times(series)).toEqual([95, 109, 112]);
    expect(series.line).toEqual([4, 4, 9]);
    expect(series.low).toEqual([4, 1, 9]);
    expect(series.high).toEqual([4, 6, 9]);
  });

  test('merging them in one by one says what asking the hub again would say', () => {
    // As a fold over the readings of each stretch, from one generator with a seed.
    let seed = 7;
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    const series = numbersOf(answer([], { raw: false }), 10);
    const fold = new Map<number, number[]>();
    for (let time = 100.5; time < 400; time += 0.2 + random() * 3) {
      const value = Math.round(random() * 1000) / 10;
      addNumber(series, T0 + time, value);
      const stretch = Math.floor((time - 100) / 10);
      fold.set(stretch, [...(fold.get(stretch) ?? []), value]);
    }
    const expected = [...fold.values()];
    expect(series.low).toEqual(expected.map((all) => Math.min(...all)));
    expect(series.high).toEqual(expected.map((all) => Math.max(...all)));
    series.line.forEach((mean, i) => {
      const all = expected[i] as number[];
      expect(mean).toBeCloseTo(all.reduce((sum, one) => sum + one, 0) / all.length, 9);
    });
  });

  test('what left the window goes, but for the point that the line begins with', () => {
    const series = numbersOf(
      answer([
        [1, 1],
        [2, 2],
        [3, 3],
        [4, 4],
      ]),
      50,
    );
    trim(series, T0 + 2.5);
    expect(times(series)).toEqual([2, 3, 4]);
    trim(series, T0 - 10);
    expect(times(series)).toEqual([2, 3, 4]);
  });
});

describe('looking something up', () => {
  const series = numbersOf(
    answer([
      [10, 1],
      [20, 2],
      [30, 3],
      [40, 4],
      [50, 5],
    ]),
    50,
  );

  test.each([
    [24, 2],
    [26, 3],
    [9, 1],
    [200, null],
  ])('the point nearest to %d', (time, value) =>
    expect(numberAt(series, T0 + time, 2)?.value ?? null).toBe(value),
  );

  test('what holds until the next report is the one before', () => {
    expect(numberAt(series, T0 + 29.9, 2, true)?.value).toBe(2);
    expect(numberAt(series, T0 + 900, 2, true)?.value).toBe(5);
    expect(numberAt(series, T0 + 9, 2, true)).toBeNull();
  });

  test('least and most of what is to be seen', () => {
    expect(rangeIn(series, { from: T0 + 15, to: T0 + 35 })).toEqual({ low: 2, high: 3 });
    expect(rangeIn(series, { from: T0 + 60, to: T0 + 90 })).toBeNull();
  });
});

describe('states', () => {
  const door = (): ReturnType<typeof statesOf> =>
    statesOf(
      answer(
        [
          [0, false],
          [20, true],
          [25, true],
          [50, false],
        ],
        { type: 'bool', to: iso(90) },
      ),
    );
  const window = { from: T0, to: T0 + 100 };

  test('a repeated report begins nothing', () => {
    expect(door().spans.map(({ from, state }) => [from - T0, state])).toEqual([
      [0, 'false'],
      [20, 'true'],
      [50, 'false'],
    ]);
  });

  test('time in each, up to now', () => {
    expect(timeInStates(door(), window, T0 + 100)).toEqual([
      ['false', 70],
      ['true', 30],
    ]);
    expect(timeInStates(door(), window, T0 + 55)).toEqual([
      ['true', 30],
      ['false', 25],
    ]);
    expect(timeInStates(door(), { from: T0 + 30, to: T0 + 40 }, T0 + 100)).toEqual([['true', 10]]);
  });

  test('of more than one answer holds, the hub has counted', () => {
    const cut = statesOf(answer([[0, 'a']], { type: 'enum', next: '1.2', time_in_state: { a: 1, b: 2 } }));
    expect(timeInStates(cut, window, T0 + 100)).toEqual([
      ['b', 2],
      ['a', 1],
    ]);
  });

  test('a live report begins a state when it is another one', () => {
    const series = door();
    expect(addState(series, T0 + 80, true)).toBe(false);
    expect(addState(series, T0 + 95, false)).toBe(false);
    expect(addState(series, T0 + 96, true)).toBe(true);
    expect(addState(series, T0 + 94, false)).toBe(false);
    expect(stateAt(series, T0 + 97)?.state).toBe('true');
    expect(stateAt(series, T0 - 1)).toBeNull();
  });

  test('bands lie side by side, and nothing is drawn after now', () => {
    expect(bandsOf(door(), window, 200, T0 + 75)).toEqual([
      { from_px: 0, to_px: 40, parts: [['false', 40]] },
      { from_px: 40, to_px: 100, parts: [['true', 60]] },
      { from_px: 100, to_px: 150, parts: [['false', 50]] },
    ]);
  });

  test('a moment between two long states is seen', () => {
    const brief = statesOf(
      answer(
        [
          [0, false],
          [50, true],
          [50.1, false],
        ],
        { type: 'bool' },
      ),
    );
    const parts = bandsOf(brief, window, 100, T0 + 100).map((band) => band.parts[0]?.[0]);
    expect(parts).toEqual(['false', 'true', 'false']);
  });

  test('flapping becomes narrow columns that say how much of each there was', () => {
    // Three quarters of the time true.
    const flapping = statesOf(
      answer(
        Array.from({ length: 10_000 }, (_, i) => [(i >> 1) / 50 + (i % 2) * 0.015, i % 2 === 0]),
        { type: 'bool' },
      ),
    );
    const bands = bandsOf(flapping, window, 300, T0 + 100);
    expect(bands.length).toBeLessThanOrEqual(150);
    expect(Math.max(...bands.map(({ from_px, to_px }) => to_px - from_px))).toBeLessThanOrEqual(3);
    for (const { parts } of bands.slice(0, -1)) {
      const shares = new Map(parts);
      const all = parts.reduce((sum, [, px]) => sum + px, 0);
      expect((shares.get('true') ?? 0) / all).toBeCloseTo(0.75, 1);
    }
    expect(bands.at(-1)?.to_px).toBeCloseTo(300, 5);
  });
});
