import { describe, expect, it } from 'vitest';
import { alertsOf, knownAs, summarise, toldAlerts, type Seen } from './house';
import { linkOf, parseInline, parseNote } from './markdown';

const text = (words: string) => ({ kind: 'text', text: words });

describe('a note', () => {
  it('has headings, words, lists, quotes, code and rules', () => {
    const blocks = parseNote(
      '# One\n\nTwo *three*\nfour\n\n- a\n  - b\n- [x] c\n\n3. d\n\n> q\n\n```\n<b>\n```\n---',
    );
    expect(blocks.map(({ kind }) => kind)).toEqual([
      'heading',
      'words',
      'list',
      'list',
      'quote',
      'code',
      'rule',
    ]);
    expect(blocks[2]).toMatchObject({
      ordered: false,
      items: [{ done: null, list: { items: [{ inside: [text('b')] }] } }, { done: true }],
    });
    expect(blocks[3]).toMatchObject({ ordered: true, start: 3 });
    expect(blocks[5]).toEqual({ kind: 'code', text: '<b>' });
  });
  it('has strong, slanted, struck, code, links and values within words', () => {
    expect(parseInline('a **b *c*** `d` ~~e~~ [f](/g) {{2}}')).toEqual([
      text('a '),
      { kind: 'strong', inside: [text('b '), { kind: 'slanted', inside: [text('c')] }] },
      text(' '),
      { kind: 'code', text: 'd' },
      text(' '),
      { kind: 'struck', inside: [text('e')] },
      text(' '),
      { kind: 'link', href: '/g', own: true, inside: [text('f')] },
      text(' '),
      { kind: 'value', index: 1 },
    ]);
    expect(parseInline('snake_case_name and 2*3*4')).toEqual([
      text('snake_case_name and 2'),
      { kind: 'slanted', inside: [text('3')] },
      text('4'),
    ]);
    expect(parseInline('\\*no\\*').every(({ kind }) => kind === 'text')).toBe(true);
  });
  it('keeps markup as text', () => {
    expect(parseInline('<script>alert(1)</script>')).toEqual([text('<script>alert(1)</script>')]);
    expect(parseNote('<img src=x onerror=alert(1)>')).toEqual([
      { kind: 'words', inside: [text('<img src=x onerror=alert(1)>')] },
    ]);
  });
  it('links to nothing that runs', () => {
    for (const href of [
      'javascript:alert(1)',
      'JaVaScRiPt:x',
      'data:text/html,x',
      '//evil.example',
      'vbscript:x',
      '/\\evil.example',
      'java\tscript:x',
      ' ',
      'file:///x',
    ])
      expect(linkOf(href), href).toBeNull();
    expect(linkOf('/history')).toEqual({ href: '/history', own: true });
    expect(linkOf('https://example.org/a')).toEqual({ href: 'https://example.org/a', own: false });
    expect(JSON.stringify(parseInline('[x](javascript:alert`1`)'))).not.toContain('"link"');
  });
  it('ends, whatever it is given', () => {
    const nasty = [
      '*'.repeat(20_000),
      '['.repeat(20_000),
      '> '.repeat(5_000),
      `${'- a\n'.repeat(5_000)}`,
      '`'.repeat(9_999),
      '_'.repeat(20_000),
      '{{'.repeat(9_000),
      `${'  '.repeat(300)}- x`,
      '**a'.repeat(6_000),
      '\n'.repeat(1_000_000),
    ];
    for (const one of nasty) expect(Array.isArray(parseNote(one))).toBe(true);
  });
});

const meta = (more: object): Seen['properties'][number]['meta'] => ({
  type: 'float',
  unit: null,
  min: null,
  max: null,
  step: null,
  options: null,
  access: ['read'],
  role: null,
  declared: false,
  ...more,
});
const device = (id: string, properties: Seen['properties'], more: Partial<Seen> = {}): Seen => ({
  id,
  name: id,
  room: 'A',
  online: true,
  rejected: { count: 0, last: null },
  lastReport: null,
  properties,
  ...more,
});

describe('a house', () => {
  it('says what goes on in a room', () => {
    const summary = summarise('A', [
      device('climate', [
        { id: 'temperature', meta: meta({ unit: '°C' }), value: 20 },
        { id: 'humidity', meta: meta({ unit: '%' }), value: 50 },
      ]),
      device('sensor', [
        { id: 'temperature', meta: meta({ unit: '°C' }), value: 22 },
        { id: 'temperature', meta: meta({ unit: '°F' }), value: 70 },
      ]),
      device('lamp', [{ id: 'power', meta: meta({ type: 'bool', access: ['read', 'set'] }), value: true }]),
      device('fridge', [
        { id: 'contact', meta: meta({ type: 'bool' }), value: true },
        { id: 'power', meta: meta({ type: 'bool' }), value: true },
      ]),
      device('hall', [
        { id: 'x', meta: meta({ type: 'bool', role: 'motion' }), value: true },
        { id: 'temperature', meta: meta({}), value: 'abc' },
      ]),
      device('away lamp', [{ id: 'power', meta: meta({ type: 'bool' }), value: true }], { online: false }),
    ]);
    expect(summary).toEqual({
      name: 'A',
      devices: 6,
      offline: 1,
      temperature: { value: 21, unit: '°C' },
      humidity: 50,
      lights: 1,
      open: 1,
      motion: true,
    });
    expect(summarise(null, [])).toMatchObject({ devices: 0, temperature: null, humidity: null });
  });
  it('says what needs somebody, the worst first', () => {
    const alerts = alertsOf(
      [
        device('a', [], { online: false, lastReport: '2026-01-01T00:00:00Z' }),
        device('b', [{ id: 'battery', meta: meta({ unit: '%' }), value: 5 }]),
        device('c', [{ id: 'battery_level', meta: meta({ unit: '%' }), value: '15' }]),
        device('d', [
          { id: 'battery', meta: meta({ type: 'bool' }), value: true },
          { id: 'battery_voltage', meta: meta({}), value: 3 },
        ]),
        device('e', [], { rejected: { count: 2, last: { reason: 'why', time: null } } }),
        device('f', [{ id: 'battery', meta: meta({}), value: 90 }]),
      ],
      20,
    );
    expect(alerts.map(({ kind, device: of }) => `${kind} ${of}`)).toEqual([
      'battery b',
      'offline a',
      'battery c',
      'rejected e',
    ]);
    expect(new Set(alerts.map(({ key }) => key)).size).toBe(4);
  });
  it('takes the hub’s notifications, and nothing that is none', () => {
    expect(
      toldAlerts([{ id: 7, title: 'Leak', level: 'alarm', device: 'cellar', time: 't' }])[0],
    ).toMatchObject({ key: 'told 7', tone: 'bad', name: 'Leak', device: 'cellar' });
    expect(toldAlerts({ notifications: [{ text: 'x' }] })).toHaveLength(1);
    for (const answer of [null, 5, 'x', {}, [null, 5, [], {}]])
      expect(toldAlerts(answer as never)).toEqual([]);
  });
});

describe('how far the house is known', () => {
  const hub = { ready: true, old: null, problem: null, link: { state: 'live' } };
  it('is well only where the hub said so, on a line that is there', () => {
    expect(knownAs(hub)).toBe('known');
    expect(knownAs({ ...hub, ready: false, link: { state: 'connecting' } })).toBe('loading');
    expect(knownAs({ ...hub, ready: false, problem: new Error('away') })).toBe('failed');
    for (const more of [{ old: 1 }, { problem: new Error('away') }, { link: { state: 'waiting' } }])
      expect(knownAs({ ...hub, ...more })).toBe('old');
  });
});
