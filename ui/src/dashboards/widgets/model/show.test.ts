import { describe, expect, it } from 'vitest';
import {
  distance,
  fitView,
  gridStep,
  onScreen,
  pannedBy,
  parsePlace,
  project,
  scaleBar,
  tilePath,
  tilesOf,
  unproject,
  zoomedAt,
} from './geo';
import { applied, blank, filled, fromLines, LCD_SIZES, print } from './lcd';
import { addressOf, pictureOf, renewed } from './picture';
import { Ring, visible } from './ring';
import { isNumeric, messageRows, tableOf } from './tabular';
import { compassIndex, conditionIn, guessCondition, rolesOf } from './weather';

const bytes = (n: number): string => `${n} bytes`;
const words = { key: 'Key', item: 'Value' };

describe('a terminal', () => {
  it('keeps so many lines, and knows how many went', () => {
    const ring = new Ring(10);
    for (let i = 0; i < 25; i += 1) ring.add('t', `line ${i}`, false, bytes);
    expect(ring.lines.map(({ text }) => text)).toEqual(
      Array.from({ length: 10 }, (_, i) => `line ${i + 15}`),
    );
    expect(ring.dropped).toBe(15);
    ring.clear();
    expect([ring.lines.length, ring.dropped]).toEqual([0, 0]);
  });
  it('cuts a megabyte, splits lines, and tells bytes', () => {
    const ring = new Ring(10);
    ring.add('t', 'x'.repeat(1_000_000), false, bytes);
    ring.add('t', 'a\r\nb\n', true, bytes);
    ring.add('t', { base64: 'aGk=' }, false, bytes);
    ring.add('t', { a: [1] }, false, bytes);
    expect(ring.lines[0]?.text.length).toBeLessThan(2_010);
    expect(ring.lines.slice(1).map(({ text }) => text)).toEqual(['a', 'b', '2 bytes', '{"a":[1]}']);
    expect(ring.text()).toContain('t > a');
  });
  it('hides no control character', () => {
    expect(visible('a\u0000b\u001b[31mred\u001b[0m\u0007')).toBe('a\u2400bred\u2407');
  });
  it('is never larger than it may be', () => {
    const ring = new Ring(1e9);
    for (let i = 0; i < 3_000; i += 1) ring.add('t', i, false, bytes);
    expect(ring.lines).toHaveLength(2_000);
  });
});

describe('a table', () => {
  it('has a column for each field, in the order of their first appearance', () => {
    expect(
      tableOf(
        [
          { a: 1, b: 'x' },
          { b: 'y', c: null },
        ],
        [],
        words,
      ),
    ).toEqual({
      columns: ['a', 'b', 'c'],
      rows: [
        ['1', 'x', ''],
        ['', 'y', ''],
      ],
      all: 2,
      wide: false,
    });
    expect(tableOf([{ a: 1, b: 2 }], ['b'], words)?.rows).toEqual([['2']]);
  });
  it('takes lists of lists, of values, objects, and what names its columns', () => {
    expect(tableOf([[1, 2], [3]], [], words)).toMatchObject({
      columns: ['1', '2'],
      rows: [
        ['1', '2'],
        ['3', ''],
      ],
    });
    expect(tableOf([1, 'x'], [], words)).toMatchObject({ columns: ['Value'], rows: [['1'], ['x']] });
    expect(tableOf({ a: 1, b: [2] }, [], words)).toMatchObject({
      columns: ['Key', 'Value'],
      rows: [
        ['a', '1'],
        ['b', '[2]'],
      ],
    });
    expect(tableOf({ columns: ['x'], rows: [[1]] }, [], words)).toMatchObject({
      columns: ['x'],
      rows: [['1']],
    });
    expect(tableOf('[{"a":1}]', [], words)?.columns).toEqual(['a']);
  });
  it('is none where there is none', () => {
    for (const value of [null, 5, true, 'words', '[broken']) expect(tableOf(value, [], words)).toBeNull();
    expect(tableOf([], [], words)?.rows).toEqual([]);
  });
  it('is bounded in rows, columns and cells', () => {
    const rows = Array.from({ length: 2_000 }, () =>
      Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`c${i}`, 'x'.repeat(1_000)])),
    );
    const table = tableOf(rows, [], words);
    expect([table?.rows.length, table?.columns.length, table?.all, table?.wide]).toEqual([
      500,
      20,
      2_000,
      true,
    ]);
    expect(table?.rows[0]?.[0]?.length).toBeLessThan(310);
  });
  it('has columns that are named like what every object has', () => {
    expect(tableOf([{ constructor: 1, ['__proto__x']: 2 }, {}], [], words)?.rows).toEqual([
      ['1', '2'],
      ['', ''],
    ]);
    expect(tableOf([{ a: 1 }], ['constructor', 'toString'], words)?.rows).toEqual([['', '']]);
  });
  it('makes rows of messages', () => {
    const heard = [
      { seq: 1, time: 't', payload: { a: 1 } },
      { seq: 2, time: 't', payload: 'plain' },
    ];
    expect(messageRows(heard, [], 'Value')).toMatchObject({
      columns: ['a', 'Value'],
      rows: [
        ['1', ''],
        ['', 'plain'],
      ],
    });
    expect(messageRows([{ seq: 1, time: 't', payload: 3 }], [], 'Value')).toMatchObject({
      columns: ['Value'],
      rows: [['3']],
    });
  });
  it('sets numbers to the right', () => {
    expect(isNumeric([['1'], ['2.5'], ['']], 0)).toBe(true);
    expect(isNumeric([['1'], ['x']], 0)).toBe(false);
    expect(isNumeric([['']], 0)).toBe(false);
  });
});

describe('a display', () => {
  const size = LCD_SIZES['2x16'];
  const shown = (value: Parameters<typeof applied>[2], from = blank(size)): string[] =>
    applied(from, size, value).map((line) => line.trimEnd());
  it('wraps text, and cuts what does not fit', () => {
    expect(shown('Hello\nWorld')).toEqual(['Hello', 'World']);
    expect(shown('A text that is longer than one line')).toEqual(['A text that is l', 'onger than one l']);
    expect(shown('x'.repeat(1_000_000))).toEqual(['x'.repeat(16), 'x'.repeat(16)]);
  });
  it('takes what Blynk sent', () => {
    const after = applied(applied(blank(size), size, ['p', 0, 0, 'Temp']), size, ['p', 4, 1, '21 C']);
    expect(after).toEqual(['Temp            ', '    21 C        ']);
    expect(applied(after, size, 'clr')).toEqual(blank(size));
    expect(applied(blank(size), size, 'p\u00000\u00001\u0000hi')[1]?.trim()).toBe('hi');
  });
  it('takes JSON in several forms', () => {
    expect(shown({ lines: ['a', 'b', 'c'] })).toEqual(['a', 'b']);
    expect(shown({ line2: 'two' })).toEqual(['', 'two']);
    expect(shown({ clear: true, x: 2, y: 1, text: 'hi' }, filled('old', size))).toEqual(['', '  hi']);
    expect(shown('["a","b"]')).toEqual(['a', 'b']);
    expect(shown(42)).toEqual(['42', '']);
    expect(shown(null, filled('stays', size))).toEqual(['stays', '']);
  });
  it('bears nonsense', () => {
    for (const value of [
      ['p', 'x', {}, null],
      ['p', 99, 99, 'x'],
      ['p', -1, 0, 'x'],
      { x: {}, text: [] },
      [[[[]]]],
    ] as never[])
      expect(applied(blank(size), size, value).map((line) => [...line].length)).toEqual([16, 16]);
    expect(print(blank(size), size, 14, 0, 'long')[0]).toBe('              lo');
    expect([...(filled('😀'.repeat(40), size)[0] ?? '')]).toHaveLength(16);
    expect(filled('a\u202eb\u200bc', size)[0]?.slice(0, 5)).toBe('a b c');
  });
  it('has a line for each of several sources', () => {
    expect(fromLines(['a', 5, null], LCD_SIZES['4x20']).map((line) => line.trim())).toEqual([
      'a',
      '5',
      '',
      '',
    ]);
  });
});

describe('a map', () => {
  const place = { lat: 53.5511, lon: 9.9937 };
  it('reads places however they are told', () => {
    for (const value of [
      { lat: 53.5511, lon: 9.9937 },
      { latitude: '53.5511', lng: '9.9937' },
      { location: { lat: 53.5511, long: 9.9937 } },
      { type: 'Point', coordinates: [9.9937, 53.5511] },
      [53.5511, 9.9937],
      '53.5511, 9.9937',
      'geo:53.5511,9.9937',
      '{"lat":53.5511,"lon":9.9937}',
    ])
      expect(parsePlace(value as never), JSON.stringify(value)).toEqual(place);
    for (const value of [
      null,
      5,
      'here',
      {},
      { lat: 91, lon: 0 },
      { lat: 'NaN', lon: 0 },
      [1],
      { lat: true, lon: false },
      '[[[[',
      { location: { location: { location: { lat: 1, lon: 1 } } } },
    ])
      expect(parsePlace(value as never), JSON.stringify(value)).toBeNull();
  });
  it('projects there and back', () => {
    for (const zoom of [0, 5.5, 19]) {
      const back = unproject(project(place, zoom), zoom);
      expect(back.lat).toBeCloseTo(place.lat, 6);
      expect(back.lon).toBeCloseTo(place.lon, 6);
    }
    expect(project({ lat: 0, lon: 0 }, 0)).toEqual({ x: 128, y: 128 });
    expect(Number.isFinite(project({ lat: 90, lon: 0 }, 3).y)).toBe(true);
  });
  it('keeps all places in sight', () => {
    const places = [place, { lat: 48.2, lon: 16.37 }, { lat: 41.9, lon: 12.5 }];
    const view = fitView(places, 400, 300);
    for (const one of places) {
      const { x, y } = onScreen(one, view, 400, 300);
      expect(x > 0 && x < 400 && y > 0 && y < 300).toBe(true);
    }
    expect(fitView([place], 400, 300).zoom).toBe(15);
    expect(fitView([], 400, 300).zoom).toBe(1);
  });
  it('keeps the place under the finger when it zooms, and follows the finger when it is moved', () => {
    const view = { center: place, zoom: 10 };
    const before = onScreen({ lat: 53.6, lon: 10.1 }, view, 400, 300);
    const after = onScreen(
      { lat: 53.6, lon: 10.1 },
      zoomedAt(view, 1, before.x - 200, before.y - 150),
      400,
      300,
    );
    expect(after.x).toBeCloseTo(before.x, 3);
    expect(after.y).toBeCloseTo(before.y, 3);
    const moved = onScreen(place, pannedBy(view, 30, -20), 400, 300);
    expect(moved.x).toBeCloseTo(230, 3);
    expect(moved.y).toBeCloseTo(130, 3);
  });
  it('covers the screen with tiles, never with too many, and wraps around the world', () => {
    const tiles = tilesOf({ center: { lat: 0, lon: 179.9 }, zoom: 3 }, 500, 300);
    expect(tiles.every(({ x, y, z }) => x >= 0 && x < 2 ** z && y >= 0 && y < 2 ** z)).toBe(true);
    expect(Math.min(...tiles.map(({ left }) => left))).toBeLessThanOrEqual(0);
    expect(Math.max(...tiles.map(({ left, size }) => left + size))).toBeGreaterThanOrEqual(500);
    expect(tilesOf({ center: place, zoom: 10.5 }, 100_000, 100_000).length).toBeLessThanOrEqual(120);
  });
  it('takes tiles from this hub only', () => {
    expect(tilePath('/tiles/{z}/{x}/{y}.png')).toBe('/tiles/{z}/{x}/{y}.png');
    for (const path of [
      'https://tile.example/{z}/{x}/{y}.png',
      '//tile.example/{z}/{x}/{y}',
      '/tiles/{z}',
      '',
      '/\\evil/{z}{x}{y}',
    ])
      expect(tilePath(path)).toBeNull();
  });
  it('measures', () => {
    expect(distance(place, { lat: 53.5511, lon: 9.9937 })).toBe(0);
    expect(distance({ lat: 0, lon: 0 }, { lat: 0, lon: 1 })).toBeCloseTo(111_319, -2);
    const bar = scaleBar({ center: place, zoom: 12 }, 100);
    expect(bar.px).toBeLessThanOrEqual(100);
    expect(String(bar.metres)).toMatch(/^[125]0*$/);
    expect(gridStep(0)).toBe(45);
    expect(gridStep(19)).toBeLessThan(0.001);
  });
});

describe('a picture', () => {
  const base = 'http://hub.local:8080/dashboards/a';
  const png = 'iVBORw0KGgo' + 'A'.repeat(60);
  it('comes from this host, or from bytes', () => {
    expect(addressOf('/a.png?x=1', base)).toEqual({ kind: 'address', src: '/a.png?x=1' });
    expect(addressOf('http://hub.local:8080/a.png', base)).toEqual({ kind: 'address', src: '/a.png' });
    expect(pictureOf('', { base64: png }, base)).toEqual({
      kind: 'bytes',
      src: `data:image/png;base64,${png}`,
    });
    expect(pictureOf('', `data:image/gif;base64,${png}`, base)).toMatchObject({
      src: expect.stringContaining('image/png'),
    });
    expect(pictureOf('', png, base).kind).toBe('bytes');
    expect(pictureOf('', { url: '/b.png' }, base)).toEqual({ kind: 'address', src: '/b.png' });
  });
  it('never comes from elsewhere, and runs nothing', () => {
    expect(addressOf('https://evil.example/a.png', base)).toEqual({ kind: 'foreign', host: 'evil.example' });
    expect(addressOf('//evil.example/a.png', base)).toEqual({ kind: 'foreign', host: 'evil.example' });
    expect(addressOf('\\\\evil.example/a', base).kind).toBe('foreign');
    for (const address of [
      'javascript:alert(1)',
      'data:text/html,x',
      'file:///etc/passwd',
      'http://',
      'blob:http://hub.local:8080/x',
    ])
      expect(addressOf(address, base).kind, address).toBe('wrong');
    expect(pictureOf('', 'data:image/svg+xml;base64,PHN2Zz4=', base).kind).toBe('wrong');
    expect(pictureOf('', 5, base).kind).toBe('wrong');
    expect(pictureOf('', null, base).kind).toBe('none');
    expect(pictureOf('', { base64: 'iVBORw0KGgo' + 'A'.repeat(12_000_000) }, base).kind).toBe('large');
    expect(pictureOf('', 'x'.repeat(1_000_000), base).kind).toBe('wrong');
  });
  it('is loaded again under another address', () => {
    expect([renewed('/a', 0), renewed('/a', 2), renewed('/a?b', 2), renewed('data:x', 2)]).toEqual([
      '/a',
      '/a?_=2',
      '/a?b&_=2',
      'data:x',
    ]);
  });
});

describe('weather', () => {
  const source = (property: string, unit: string | null = null, type = 'float') => ({
    source: { property },
    unit,
    type,
  });
  it('knows what is what', () => {
    expect(
      rolesOf(
        [
          source('w/temperature', '°C'),
          source('w/feels_like', '°C'),
          source('w/x', 'hPa'),
          source('w/wind_gust'),
          source('w/wind_dir'),
          source('w/sky', null, 'enum'),
          source('w/temp2', '°C'),
          source('w/zzz'),
        ],
        [],
      ),
    ).toEqual(['temperature', 'feels', 'pressure', 'gust', 'direction', 'condition', 'other', 'other']);
    expect(rolesOf([source('a/b'), source('a/temperature')], ['Rain', ''])).toEqual(['rain', 'temperature']);
  });
  it('reads the sky', () => {
    expect(['Partly cloudy', 'thunderstorm', 'Clear, Night', 'LIGHT RAIN', 'zzz'].map(conditionIn)).toEqual([
      'partly',
      'storm',
      'night',
      'drizzle',
      null,
    ]);
    expect(guessCondition({ rain: 2, clouds: null, temperature: -3 })).toBe('snow');
    expect(guessCondition({ rain: 0, clouds: 50, temperature: 20 })).toBe('partly');
    expect(guessCondition({ rain: null, clouds: null, temperature: null })).toBeNull();
    expect([0, 44, 359, -90, 720].map(compassIndex)).toEqual([0, 1, 0, 6, 0]);
  });
});
