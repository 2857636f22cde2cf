import { describe, expect, it } from 'vitest';
import type { LiveSource } from '../../types';
import {
  begun,
  extended,
  kept,
  LATE_MS,
  left,
  lengthText,
  outcomeAfter,
  parseLength,
  placeOf,
  ticked,
  type Outcome,
} from './countdown';
import { fromKeys, fromRange, held, intervalOf, outOfDeadZone, REST, toRange } from './joystick';
import { colorFor, colorIn, kelvinColor, kelvinOf, miredOf, speaksMired } from './light';
import { lightRoles } from './lightroles';
import { swatchesFor } from './swatches';

describe('a joystick', () => {
  it('stays within its shape', () => {
    expect(held({ x: 3, y: 4 }, 'circle')).toEqual({ x: 0.6, y: 0.8 });
    expect(held({ x: 3, y: -4 }, 'square')).toEqual({ x: 1, y: -1 });
    expect(held({ x: 0.2, y: 0.1 }, 'circle')).toEqual({ x: 0.2, y: 0.1 });
  });
  it('does nothing in the dead zone, and reaches the end all the same', () => {
    expect(outOfDeadZone({ x: 0.04, y: 0 }, 0.05)).toEqual(REST);
    expect(outOfDeadZone({ x: 1, y: 0 }, 0.1).x).toBeCloseTo(1);
    expect(outOfDeadZone({ x: 0.11, y: 0 }, 0.1).x).toBeLessThan(0.02);
    expect(outOfDeadZone(REST, 0)).toEqual(REST);
    expect(Math.hypot(...Object.values(outOfDeadZone({ x: 1, y: 1 }, 0.1)))).toBeLessThanOrEqual(Math.SQRT2);
  });
  it('speaks the range of its device', () => {
    expect(toRange(0, 0, 1023, true)).toBe(512);
    expect(toRange(-1, -100, 100, true)).toBe(-100);
    expect(toRange(0.3333, 0, 1, false)).toBe(0.667);
    expect(fromRange(512, 0, 1024)).toBe(0);
    expect(fromRange(null, 0, 1)).toBe(0);
    expect(fromRange(9_999, 0, 1)).toBe(1);
  });
  it('is pushed by keys, never further by two', () => {
    expect(fromKeys(new Set(['ArrowRight']), 1)).toEqual({ x: 1, y: 0 });
    expect(fromKeys(new Set(['ArrowLeft', 'ArrowRight']), 1)).toEqual({ x: 0, y: 0 });
    const { x, y } = fromKeys(new Set(['ArrowRight', 'ArrowUp']), 1);
    expect(Math.hypot(x, y)).toBeCloseTo(1);
  });
  it('sends at a bounded rate', () => {
    expect([0, 1, 10, 1e9].map(intervalOf)).toEqual([1000, 1000, 100, 50]);
  });
});

describe('light', () => {
  it('offers as many colours as a finger can hit', () => {
    expect(swatchesFor(280, 36)).toMatchObject({ columns: 6 });
    expect(swatchesFor(280, 36).colors).toHaveLength(6);
    expect(swatchesFor(140, 135)).toMatchObject({ columns: 3 });
    expect(swatchesFor(140, 135).colors).toHaveLength(6);
    expect(swatchesFor(280, 140).colors).toHaveLength(12);
    expect(swatchesFor(0, -50).colors).toHaveLength(6);
  });
  it('turns kelvins into mireds and back', () => {
    expect(miredOf(2700)).toBe(370);
    expect(kelvinOf(370)).toBe(2703);
    expect(kelvinOf(0)).toBe(1_000_000);
  });
  it('knows which of the two a lamp speaks', () => {
    expect(speaksMired('mired', null, null)).toBe(true);
    expect(speaksMired('K', 500, null)).toBe(false);
    expect(speaksMired(null, 500, null)).toBe(true);
    expect(speaksMired(null, 6500, null)).toBe(false);
    expect(speaksMired(null, null, 4000)).toBe(false);
    expect(speaksMired(null, null, null)).toBe(false);
  });
  it('is orange when warm and bluish when cold', () => {
    const blue = (hex: string): number => parseInt(hex.slice(5), 16);
    expect(kelvinColor(2200)).toMatch(/^#ff/);
    expect(blue(kelvinColor(2200))).toBeLessThan(blue(kelvinColor(4000)));
    expect(blue(kelvinColor(9000))).toBe(255);
    expect(kelvinColor(-5)).toMatch(/^#[0-9a-f]{6}$/);
  });
  it('reads colours however they are told', () => {
    for (const value of [
      '#FF8800',
      'f80',
      '255,136,0',
      'rgb(255, 136, 0)',
      [255, 136, 0],
      { r: 255, g: 136, b: 0 },
      { color: { r: 255, g: 136, b: 0 } },
    ])
      expect(colorIn(value as never), JSON.stringify(value)).toBe('#ff8800');
    for (const value of [
      null,
      5,
      'red',
      [1, 2],
      [256, 0, 0],
      ['a', 'b', 'c'],
      {},
      'x'.repeat(1e6),
      { color: { color: {} } },
    ])
      expect(colorIn(value as never)).toBeNull();
  });
  it('sends colours as the source speaks', () => {
    expect(colorFor('#ff8800', 'color', '#000000', 'auto')).toBe('#ff8800');
    expect(colorFor('#ff8800', 'json', [0, 0, 0], 'auto')).toEqual([255, 136, 0]);
    expect(colorFor('#ff8800', 'json', { r: 1 }, 'auto')).toEqual({ r: 255, g: 136, b: 0 });
    expect(colorFor('#ff8800', 'string', '1,2,3', 'auto')).toBe('255,136,0');
    expect(colorFor('#ff8800', 'color', null, 'array')).toEqual([255, 136, 0]);
  });
  it('finds what each source of a light is', () => {
    const source = (property: string, type: string, more: Partial<LiveSource> = {}) => ({
      source: { property },
      type,
      unit: null,
      max: null,
      value: null,
      ...more,
    });
    const [color, power, level] = [
      source('s/color', 'color'),
      source('s/power', 'bool'),
      source('s/level', 'int'),
    ];
    expect(lightRoles([level, color, power], 'color')).toMatchObject({ color, power, level, channels: null });
    const rgb = ['r', 'g', 'b'].map((name) => source(`s/${name}`, 'int'));
    expect(lightRoles([...rgb, level, power], 'color')).toMatchObject({
      channels: rgb,
      level,
      power,
      color: undefined,
    });
    const ct = source('s/ct', 'int', { max: 500 });
    expect(lightRoles([level, ct, power], 'temperature')).toMatchObject({ temperature: ct, level, power });
    expect(lightRoles([], 'color').color).toBeUndefined();
  });
});

describe('a countdown', () => {
  it('reads minutes and clocks', () => {
    expect(['5', '0.5', '2,5', '1:30', '1:00:00', '90:00'].map(parseLength)).toEqual([
      300_000, 30_000, 150_000, 90_000, 3_600_000, 5_400_000,
    ]);
    for (const text of ['', '0', '-5', 'x', '1:75', '25:00:00', '99999', '1441'])
      expect(parseLength(text), text).toBeNull();
    expect([0, 1, 61_000, 3_600_000].map(lengthText)).toEqual(['0:00', '0:01', '1:01', '1:00:00']);
  });
  it('sends once, at its end', () => {
    const running = begun(60_000, 1_000);
    expect(left(running, 31_000)).toBe(30_000);
    expect(ticked(running, 60_999)).toEqual({ next: running, send: false });
    const done = ticked(running, 61_000);
    expect(done).toEqual({ next: { state: 'done', at: 61_000 }, send: true });
    expect(ticked(done.next, 62_000).send).toBe(false);
  });
  it('sends nothing when the page slept through its end', () => {
    expect(ticked(begun(60_000, 0), 60_000 + LATE_MS + 1)).toEqual({
      next: { state: 'late', at: 60_000 },
      send: false,
    });
  });
  it('says what became of its end only once it is known, and keeps to it', () => {
    const after = (...phases: string[]): Outcome => phases.reduce<Outcome>(outcomeAfter, 'asked');
    expect(after('sending', 'pending', 'idle')).toBe('asked');
    expect(after('sending', 'sent', 'idle')).toBe('sent');
    expect(after('sending', 'pending', 'confirmed', 'pending', 'refused')).toBe('confirmed');
    expect([after('refused'), after('pending', 'unanswered', 'idle')]).toEqual(['failed', 'failed']);
    expect(outcomeAfter('locked', 'confirmed')).toBe('locked');
  });
  it('is one person’s', () => {
    const keys = [null, 'anna', 'ben'].map((name) => placeOf(name, '/dashboards/home', 'a'));
    expect(new Set(keys).size).toBe(3);
  });
  it('can be made longer, up to a day', () => {
    expect(left(extended(begun(60_000, 0), 60_000, 0), 0)).toBe(120_000);
    expect(left(extended(begun(60_000, 0), 1e12, 0), 0)).toBe(86_400_000);
    expect(extended({ state: 'idle' }, 60_000, 0)).toEqual({ state: 'idle' });
  });
  it('is taken over from before a reload only where it is one', () => {
    const running = begun(5, 0);
    expect(kept(JSON.stringify(running))).toEqual(running);
    for (const text of [
      null,
      '',
      '{',
      '{"state":"running","ends":"x"}',
      '{"state":"done","at":1}',
      '{"state":"running","ends":null}',
    ])
      expect(
        kept(text)?.state === 'running' && typeof (kept(text) as { ends?: unknown }).ends === 'number',
      ).toBe(false);
  });
});
