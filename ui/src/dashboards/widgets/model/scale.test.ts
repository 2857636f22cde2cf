import { describe, expect, it } from 'vitest';
import { angleOf, arcPath, endsOf, pointAt, shareOf, ticksOf, toneOf, tonesOn } from './scale';
import { fillTemplate } from './template';
import { aboveChart, PANEL_LEAST_PX, panelHeight, rangeName, RANGES } from './ranges';
import { sparkOf } from './spark';
import type { NumberSeries } from '../../../model/series';

const none = { min: null, max: null };

describe('a scale', () => {
  it('keeps values between its ends', () => {
    expect([0, 50, 100, -5, 500].map((value) => shareOf(value, 0, 100))).toEqual([0, 0.5, 1, 0, 1]);
    expect(shareOf(5, 10, 10)).toBe(0);
    expect(shareOf(null, 0, 1)).toBe(0);
  });

  it('has the ends of a person before those of the source, and grows for what has none', () => {
    expect(endsOf({ min: 5, max: null }, { min: 0, max: 50 }, 20)).toEqual({ min: 5, max: 50 });
    expect(endsOf(none, none, 21)).toEqual({ min: 0, max: 100 });
    expect(endsOf(none, none, 1234)).toEqual({ min: 0, max: 2000 });
    expect(endsOf(none, none, -30)).toEqual({ min: -50, max: 0 });
    const reversed = endsOf({ min: 10, max: 5 }, none, null);
    expect(reversed.max).toBeGreaterThan(reversed.min);
  });

  it('has round marks', () => {
    expect(ticksOf(0, 100, 6)).toEqual([0, 20, 40, 60, 80, 100]);
    expect(ticksOf(960, 1060, 6)).toEqual([960, 980, 1000, 1020, 1040, 1060]);
    expect(ticksOf(0, 0.3, 4)).toEqual([0, 0.1, 0.2, 0.3]);
    expect(ticksOf(5, 5, 6)).toEqual([]);
    expect(ticksOf(-Infinity, Infinity, 6)).toEqual([]);
    for (const [min, max] of [
      [0, 7],
      [-3, 11],
      [1e-9, 1e9],
    ] as const)
      expect(ticksOf(min, max, 7).length).toBeLessThanOrEqual(8);
  });

  it('begins at the lower left and ends at the lower right', () => {
    expect([angleOf(0), angleOf(0.5), angleOf(1)]).toEqual([-135, 0, 135]);
    expect(pointAt(0, 40)).toEqual({ x: 50, y: 10 });
    expect(arcPath(0.4, 0.4, 40)).toBe('');
    expect(arcPath(0, 1, 40)).toContain(' 0 1 1 ');
    expect(arcPath(0, 0.5, 40)).toContain(' 0 0 1 ');
  });

  it('tells good from bad, upwards and downwards', () => {
    expect([1, 5, 9].map((value) => toneOf(value, 4, 8))).toEqual(['ok', 'warn', 'bad']);
    expect([50, 25, 10].map((value) => toneOf(value, 30, 15))).toEqual(['ok', 'warn', 'bad']);
    expect(toneOf(10, 20, null, true)).toBe('warn');
    expect(toneOf(10, null, null)).toBe('plain');
    expect(toneOf(null, 1, 2)).toBe('plain');
    expect(tonesOn(0, 100, 60, 80).map(({ tone }) => tone)).toEqual(['ok', 'warn', 'bad']);
    expect(tonesOn(0, 100, 30, 15).map(({ tone }) => tone)).toEqual(['bad', 'warn', 'ok']);
    expect(tonesOn(0, 100, 500, null)).toHaveLength(1);
  });
});

describe('a template', () => {
  const filled = {
    value: (d: number | null) => (d === null ? '21.44' : (21.44).toFixed(d)),
    unit: '°C',
    name: 'Room',
  };
  it('fills what it knows and leaves the rest', () => {
    expect(fillTemplate('{name}: {value:1}{unit} {other} {value:x}', filled)).toEqual([
      { kind: 'words', text: 'Room: ' },
      { kind: 'value', text: '21.4' },
      { kind: 'words', text: '°C {other} {value:x}' },
    ]);
    expect(fillTemplate('', filled)).toEqual([]);
    expect(fillTemplate('<b>{value}</b>', { ...filled, value: () => '<i>' })[1]).toEqual({
      kind: 'value',
      text: '<i>',
    });
  });
});

describe('a chart', () => {
  it('knows its ranges by name', () => {
    expect(rangeName(RANGES['5y'])).toBe('5y');
    expect(rangeName(77)).toBeNull();
  });
  it('shares its place among its panels', () => {
    const float = (unit: string | null) => ({ meta: { type: 'float', unit } });
    const state = { meta: { type: 'bool', unit: null } };
    expect(panelHeight(228, [float('°C')])).toBe(200);
    expect(panelHeight(300, [float('°C'), float('°C')])).toBe(254);
    expect(panelHeight(300, [float('°C'), float('%'), state])).toBeLessThan(110);
    expect(panelHeight(10, [float('°C')])).toBe(28);
  });
  it('keeps its plots high enough: the legend goes first, the toolbar next', () => {
    const two = [{ meta: { type: 'float', unit: '°C' } }, { meta: { type: 'float', unit: '%' } }];
    const used = (panel: number): number => 28 + 4 + 2 * 18 + 2 * panel;
    const wide = aboveChart(240, 40, 25, two);
    expect(wide).toMatchObject({ bar: true, legend: true });
    expect(used(wide.panel_px) + 65).toBeLessThanOrEqual(240);
    expect(wide.panel_px).toBeGreaterThanOrEqual(PANEL_LEAST_PX);
    expect(aboveChart(210, 48, 46, two)).toMatchObject({ bar: true, legend: false });
    expect(aboveChart(170, 48, 46, two)).toMatchObject({ bar: false, legend: false });
    expect(aboveChart(400, 0, 0, two)).toMatchObject({ bar: false, legend: false });
  });
});

describe('a sparkline', () => {
  const series = (times: number[], line: (number | null)[]): NumberSeries => ({
    kind: 'numbers',
    key: 'a/b',
    until: 0,
    cut: false,
    times,
    line,
    low: line,
    high: line,
    step: 0,
    gap: Infinity,
    growing: null,
  });
  const window = { from: 0, to: 100 };
  it('goes from its lowest at the foot to its highest at the top', () => {
    const spark = sparkOf(series([0, 50, 100], [1, 3, 2]), window, 200, 40, false);
    expect(spark.line).toBe('M0.0 40.0L100.0 0.0L200.0 20.0');
    expect(spark.low).toEqual({ value: 1, x: 0, y: 40 });
    expect(spark.high).toEqual({ value: 3, x: 100, y: 0 });
    expect(spark.end).toEqual({ x: 200, y: 20 });
  });
  it('has gaps, stands in the middle when nothing moves, and bears nothing at all', () => {
    expect(
      sparkOf(series([0, 20, 50, 100], [1, null, 3, 2]), window, 200, 40, false).line.match(/M/g),
    ).toHaveLength(2);
    expect(sparkOf(series([0, 100], [5, 5]), window, 100, 40, false).line).toBe('M0.0 20.0L100.0 20.0');
    expect(sparkOf(undefined, window, 100, 40, false).line).toBe('');
    expect(sparkOf(series([], []), window, 100, 40, false).end).toBeNull();
    expect(sparkOf(series([0], [1]), window, 0, 0, false).line).toBe('');
  });
  it('goes in steps where a value holds', () => {
    expect(sparkOf(series([0, 50], [0, 1]), window, 100, 10, true).line).toBe('M0.0 10.0L50.0 10.0L50.0 0.0');
  });
});
