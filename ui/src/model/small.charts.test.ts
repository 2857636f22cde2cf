// Small rules around charts, found devices and what is set up: a few rows each.
import { describe, expect, test } from 'vitest';
import { split } from '../found/rules';
import { historyPath } from '../router.svelte';
import { bytesText } from '../strings.charts';
import { makeOf, safeUrl, someNames, titleOf, type Found } from './found';
import { isPlainTopic } from './filter';
import { codeText, emptyVirtual, kindOf, parseTrace, virtualWish } from './house';
import { freeId, idFrom } from './ids';
import { claimSnippet } from './snippets';
import { momentText, tickTexts } from './ticks';
import { barsOf, bytesPerDay, checkPolicy, queueTrouble, yearsOf, type Wear, type WearDay } from './wear';

describe('words along the time axis', () => {
  const at = (text: string): number => new Date(text).getTime() / 1000;

  test('get longer as the times come closer', () => {
    const day = at('2026-03-05T00:00:00');
    expect(tickTexts([day, day + 3_600], 3_600, 'en-GB')).toEqual(['5 Mar', '01:00']);
    expect(tickTexts([day + 5], 5, 'en-GB')).toEqual(['00:00:05']);
    expect(tickTexts([day], 86_400, 'en-GB')).toEqual(['5 Mar']);
    expect(tickTexts([at('2026-01-01T00:00:00'), at('2026-02-01T00:00:00')], 30 * 86_400, 'en-GB')).toEqual([
      '2026',
      'Feb',
    ]);
  });

  test('the crosshair says seconds within two days, and no time of day within years', () => {
    const time = at('2026-03-05T07:08:09');
    expect(momentText(time, 3_600, 'en-GB')).toContain('07:08:09');
    expect(momentText(time, 7 * 86_400, 'en-GB')).toContain('07:08');
    expect(momentText(time, 1_000 * 86_400, 'en-GB')).not.toContain(':');
  });
});

describe('wear', () => {
  const NOW = Date.parse('2026-11-22T12:00:00Z');
  const day = (name: string, bytes: number): WearDay => ({
    day: name,
    bytes,
    log: bytes / 2,
    chunks: bytes / 4,
    database: bytes / 2,
    points: 1,
  });
  const wear = (days: WearDay[], more: Partial<Wear> = {}): Wear => ({
    days,
    properties: [],
    bytes_per_point: null,
    on_disk: 0,
    written_today: 0,
    group_commit_s: 1,
    sd_card: false,
    queue: { bytes: 0, bytes_max: 100, dropped_points: 0, waiting: false },
    retention: { raw_days: 30, minute_days: null, hour_days: null },
    filesystem: null,
    ...more,
  });

  test('a day costs what whole days cost, newest or oldest first', () => {
    const days = [day('2026-11-22', 999), day('2026-11-21', 30), day('2026-11-20', 10)];
    expect(bytesPerDay(wear(days), NOW)).toBe(20);
    expect(bytesPerDay(wear([...days].reverse()), NOW)).toBe(20);
  });

  test('the first day is taken to its end, once there is some of it', () => {
    expect(bytesPerDay(wear([], { written_today: 50 }), NOW)).toBe(100);
    expect(bytesPerDay(wear([], { written_today: 50 }), Date.parse('2026-11-22T00:05:00Z'))).toBeNull();
    expect(bytesPerDay(wear([]), NOW)).toBeNull();
  });

  test('bars count each byte once and end today', () => {
    const bars = barsOf([day('2026-11-21', 40)], 3, NOW);
    expect(bars.map((bar) => bar.day)).toEqual(['2026-11-20', '2026-11-21', '2026-11-22']);
    expect(bars[1]).toEqual({ day: '2026-11-21', log: 20, chunks: 10, index: 10, bytes: 40 });
  });

  test('years of a card', () => {
    expect(yearsOf(1e9, 32e9)).toBeCloseTo(26.3, 1);
    expect(yearsOf(0, 32e9)).toBeNull();
  });

  test.each([
    [{}, null],
    [{ dropped_points: 1, waiting: true }, 'dropped'],
    [{ waiting: true }, 'waiting'],
    [{ bytes: 51 }, 'high'],
  ] as const)('a queue with %o', (queue, trouble) => {
    const usual = { bytes: 0, bytes_max: 100, dropped_points: 0, waiting: false };
    expect(queueTrouble(wear([], { queue: { ...usual, ...queue } }))).toBe(trouble);
  });

  test.each([
    [['all', '', ''], { keep: 'all', raw_days: null }],
    [['every', '2,5', '7'], { keep: 'every', raw_days: 7, every_s: 2.5 }],
    [['off', 'x', 'x'], { keep: 'off', raw_days: null }],
    [['every', '0', ''], null],
    [['every', 'soon', ''], null],
    [['all', '', '0'], null],
    [['all', '', '1.5'], null],
  ] as const)('the policy of %o', ([keep, every, days], policy) =>
    expect(checkPolicy(keep, every, days).policy).toEqual(policy),
  );

  test.each([
    [0, '0\u202fB'],
    [999, '999\u202fB'],
    [1_234, '1.23\u202fkB'],
    [12_345_678, '12.3\u202fMB'],
    [999_600, '1\u202fMB'],
    [3e12, '3\u202fTB'],
  ])('%d bytes', (bytes, text) => expect(bytesText(bytes)).toBe(text));
});

describe('found devices', () => {
  const found = (more: Partial<Found>): Found => ({
    id: 'ha-1',
    source: 'homeassistant',
    also: [],
    name: null,
    manufacturer: null,
    model: null,
    sw_version: null,
    hw_version: null,
    area: null,
    via: null,
    url: null,
    addresses: [],
    properties: [],
    state: 'new',
    device: null,
    ghost: false,
    announced_by: null,
    topics: { read: [], write: [] },
    problems: [],
    first_seen: '',
    last_seen: '',
    ...more,
  });
  const property = (category: 'config' | null, value: number | null): Found['properties'][number] => ({
    name: 'p',
    label: null,
    type: 'int',
    unit: null,
    role: null,
    access: ['read'],
    options: null,
    min: null,
    max: null,
    step: null,
    component: null,
    category,
    value,
  });

  test('are called by their name, else by what they are', () => {
    expect(titleOf(found({ name: 'Spot', model: 'X' }))).toBe('Spot');
    expect(titleOf(found({ model: 'X' }))).toBe('X');
    expect(titleOf(found({}))).toBe('ha-1');
  });

  test.each([
    ['IKEA', 'TRADFRI', 'IKEA TRADFRI'],
    ['Shelly', 'Shelly Plug S', 'Shelly Plug S'],
    [null, 'X', 'X'],
    [null, null, null],
  ])('%s and %s are %s', (manufacturer, model, text) => expect(makeOf({ manufacturer, model })).toBe(text));

  test('the main values stand apart from settings', () => {
    const { main, rest } = split([property(null, 1), property('config', 2)]);
    expect([main.length, rest.length]).toEqual([1, 1]);
  });

  test('an invitation names three', () => {
    const many = ['a', 'b', 'c', 'd'].map((name) => found({ name }));
    expect(someNames(many)).toEqual({ names: ['a', 'b', 'c'], more: 1 });
  });

  test.each([
    ['http://192.0.2.1/', true],
    ['https://plug.local', true],
    ['javascript:alert(1)', false],
    ['plug', false],
    [null, false],
  ])('%s may be a link: %s', (url, safe) => expect(safeUrl(url) !== null).toBe(safe));

  test.each([
    ['Küche, Lampe 2', 'kuche-lampe-2'],
    ['Großes Licht', 'grosses-licht'],
    ['温度', 'device'],
    ['--', 'device'],
    ['x'.repeat(80), 'x'.repeat(64)],
  ])('%s gets the id %s', (name, id) => expect(idFrom(name)).toBe(id));

  test('an id that is taken gets a number, and stays short enough', () => {
    const taken = new Set(['lamp', 'lamp-2', 'x'.repeat(64)]);
    expect(freeId('lamp', (id) => taken.has(id))).toBe('lamp-3');
    expect(freeId('x'.repeat(64), (id) => taken.has(id))).toBe(`${'x'.repeat(62)}-2`);
  });

  test.each([
    ['homeassistant', true],
    ['a/b', true],
    ['a/#', false],
    ['$SYS', false],
    ['a/', false],
    ['', false],
  ])('%s is a plain topic: %s', (text, plain) => expect(isPlainTopic(text)).toBe(plain));
});

describe('virtual devices', () => {
  test('the form as it stands is one that plays', () => {
    expect(virtualWish(emptyVirtual())).toEqual({
      door: 'mqtt',
      every_s: 2,
      running: true,
      properties: {
        temperature: {
          type: 'float',
          unit: '°C',
          wave: { shape: 'sine', min: 18, max: 24, period_s: 60, noise: 0.2 },
        },
      },
    });
  });

  test.each([
    [{ every: '0' }, 'every'],
    [{ every: '0.05' }, 'every'],
    [{ min: 'low' }, 'min'],
    [{ min: '30' }, 'max'],
    [{ period: '0' }, 'period'],
    [{ noise: '-1' }, 'noise'],
    [{ kind: 'walk', start: '90' }, 'start'],
    [{ kind: 'walk', step: '0' }, 'step'],
    [{ kind: 'script', script: ' ' }, 'script'],
    [{ kind: 'trace', trace: '1, 2\nx, 3' }, 'trace'],
  ])('%o points at the field %s', (fields, field) =>
    expect(virtualWish({ ...emptyVirtual(), ...fields })).toMatchObject({ field }),
  );

  test('a recording is read with its heading, and knows its type', () => {
    expect(parseTrace('time,value\n0,1\n\n# pause\n2.5;2')).toEqual({
      points: [
        [0, 1],
        [2.5, 2],
      ],
    });
    expect(parseTrace('0, true')).toEqual({ points: [[0, true]] });
    expect(parseTrace('5, 1\n4, 1')).toEqual({ line: 2 });
    expect(parseTrace('')).toEqual({ line: 1 });
    const wish = virtualWish({ ...emptyVirtual(), kind: 'trace', trace: '0 on\n1 off', unit: 'W' });
    expect(wish).toMatchObject({ properties: { temperature: { type: 'string' } } });
    expect(JSON.stringify(wish)).not.toContain('unit');
  });

  test('what a property plays', () => {
    expect(kindOf({ type: 'float', walk: {} })).toBe('walk');
    expect(kindOf({ type: 'float' })).toBeNull();
  });
});

test('a claim code reads as four and four, and stands in the lines that use it', () => {
  expect(codeText('k7qm2xrd')).toBe('K7QM-2XRD');
  const hub = { origin: 'http://h:1', host: 'h', port: 1, secure: false, ownCa: false, loopback: false };
  const line = claimSnippet('curl', hub, 'K7QM-2XRD');
  expect(line).toContain('http://h:1/api/claim');
  expect(line).toContain('"code":"K7QM-2XRD"');
  const sketch = claimSnippet('arduino', { ...hub, secure: true, ownCa: true }, 'K7QM-2XRD');
  expect(sketch).toContain('setCACert');
});

test('the address of the History page is one that people can read', () => {
  expect(historyPath([])).toBe('/history');
  expect(historyPath(['lamp/power', 'lamp/level'], '7d')).toBe(
    '/history?series=lamp/power,lamp/level&range=7d',
  );
});
