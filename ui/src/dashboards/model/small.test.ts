// Steps that are taken back, files, drafts, differences, finding, forms, and the dashboard that is made of the house.
import { describe, expect, test } from 'vitest';
import { property } from '../../testing/fixtures';
import type { PropertyView } from '../../model/types';
import type { Dashboard, OptionField, Widget, WidgetKind } from '../types';
import { difference, isNothing, same } from './conflict';
import { DRAFTS_MAX, Drafts, keptBy, type Kept } from './drafts';
import { textsOf, valuesOf } from './fields';
import { exported, fileName, FileTrouble, freshId, imported } from './file';
import { find } from './find';
import { overlaps } from './layout';
import { fromDevices } from './rooms';
import { again, back, begin, step, STEPS_MAX } from './undo';

function widget(id: string, more: Partial<Widget> = {}): Widget {
  const at = { desktop: { x: 0, y: 0, w: 2, h: 2 }, phone: null };
  return { id, kind: 'value', title: null, at, sources: [{ property: 'lamp/power' }], options: {}, ...more };
}

function dashboard(more: Partial<Dashboard> = {}): Dashboard {
  const { widgets = [widget('w1')], ...rest } = more;
  return { id: 'home', title: 'Home', icon: null, owner: 'anna', others: 'see', tabs: [], widgets, ...rest };
}

describe('undo', () => {
  test('there and back, and what is new ends what was taken back', () => {
    let undo = step(step(begin('a'), 'b'), 'c');
    undo = back(undo);
    expect(undo.now).toBe('b');
    expect(again(undo).now).toBe('c');
    undo = step(undo, 'd');
    expect(again(undo).now).toBe('d');
    expect(back(back(back(undo))).now).toBe('a');
  });

  test('steps about the same thing are one; going back ends that', () => {
    let undo = step(step(step(begin(0), 1, 'move a'), 2, 'move a'), 3, 'move b');
    undo = back(undo);
    expect(undo.now).toBe(2);
    undo = back(undo);
    expect(undo.now).toBe(0);
    undo = again(undo);
    expect(back(step(undo, 9, 'move a')).now).toBe(2);
  });

  test('it remembers so many and no more', () => {
    let undo = begin(0);
    for (let n = 1; n <= STEPS_MAX + 50; n += 1) undo = step(undo, n);
    expect(undo.past).toHaveLength(STEPS_MAX);
    expect(undo.past[0]).toBe(50);
  });
});

describe('a file', () => {
  const trouble = (text: string): string => {
    try {
      imported(text);
    } catch (error) {
      return (error as FileTrouble).trouble;
    }
    return 'none';
  };

  test('there and back is the same, without whose it was', () => {
    const made = dashboard({
      tabs: ['One', 'Two'],
      widgets: [
        widget('w1', { tab: 'Two', title: 'Küche', options: { unit: '°C', list: [1, { a: null }] } }),
        widget('w2', {
          at: { desktop: { x: 4, y: 3, w: 3, h: 2 }, phone: { x: 0, y: 9, w: 4, h: 2 } },
          sources: [{ topic: 'garden/gate' }],
        }),
      ],
    });
    const { dashboard: got, dropped } = imported(exported(made));
    expect(dropped).toBe(0);
    expect(got).toEqual({ ...made, id: '', owner: null });
  });

  test('an old one, of before there was a number, and what the API answers', () => {
    const { id: _id, owner: _owner, ...rest } = dashboard();
    expect(imported(JSON.stringify(rest)).dashboard.widgets).toEqual([widget('w1')]);
    expect(imported(JSON.stringify({ ...dashboard(), version: 3, may_edit: true })).dashboard.title).toBe(
      'Home',
    );
  });

  test.each([
    ['{', 'not-json'],
    ['[]', 'not-ours'],
    ['null', 'not-ours'],
    ['{"format":"housewire-dashboard","version":1}', 'not-ours'],
    ['{"format":"housewire-dashboard","version":2,"dashboard":{"widgets":[]}}', 'newer'],
    ['{"widgets":[{}, {"kind":"x"}]}', 'empty'],
    [`"${'x'.repeat(600_000)}"`, 'too-large'],
  ])('%.60s is refused as %s', (text, why) => {
    expect(trouble(text)).toBe(why);
  });

  test('what does not fit is left out or mended, and nothing else', () => {
    const at = { desktop: { x: 99, y: -4, w: 99, h: 1 }, phone: { x: 'a' } };
    const text = JSON.stringify({
      title: `a\n\u0000${'😀'.repeat(100)}`,
      others: 'everything',
      tabs: ['One', 'One', 7, ' '],
      widgets: [
        { id: 'a', kind: 'value', at, sources: [{ property: 'x' }, { property: 'a/b' }, { topic: 'x/#' }] },
        { id: 'a', kind: 'value', at, sources: 'no', options: [], tab: 'Two', more: 1 },
        { id: 'b', kind: '<img>', at },
        'nothing',
      ],
    });
    const { dashboard: got, dropped } = imported(text);
    expect(dropped).toBe(2);
    expect(got.others).toBe('nothing');
    expect(got.tabs).toEqual(['One']);
    expect(new TextEncoder().encode(got.title).length).toBeLessThanOrEqual(256);
    expect(got.title).toMatch(/^a 😀+$/u);
    const [first, second] = got.widgets as [Widget, Widget];
    expect(first.at).toEqual({ desktop: { x: 0, y: 0, w: 12, h: 1 }, phone: null });
    expect(first.sources).toEqual([{ property: 'a/b' }]);
    expect(second.id).not.toBe('a');
    expect(second).not.toHaveProperty('more');
    expect(overlaps(first.at.desktop, second.at.desktop)).toBe(false);
  });

  test('names of files', () => {
    expect(fileName('Küche & Flur')).toBe('ku-che-flur.dashboard.json');
    expect(fileName('مطبخ')).toBe('مطبخ.dashboard.json');
    expect(fileName('../..')).toBe('dashboard.dashboard.json');
  });

  test('ids are fresh', () => {
    const chances = [0.5, 0.5, 0.25];
    const first = freshId(new Set(), () => 0.5);
    expect(freshId(new Set([first]), () => chances.shift() ?? 0)).not.toBe(first);
    expect(first).toMatch(/^w[a-z0-9]{6}$/);
  });
});

describe('two versions', () => {
  const base = dashboard({ widgets: [widget('a'), widget('b'), widget('c')] });

  test('what was done to each', () => {
    const mine = dashboard({
      widgets: [widget('a', { title: 'A' }), widget('c'), widget('d')],
      title: 'Mine',
    });
    const found = difference(base, mine);
    expect(found.added.map(({ id }) => id)).toEqual(['d']);
    expect(found.removed.map(({ id }) => id)).toEqual(['b']);
    expect(found.changed.map(({ id }) => id)).toEqual(['a']);
    expect(found.frame).toBe(true);
    expect(isNothing(found)).toBe(false);
  });

  test('the order of fields is no difference, the order of values is', () => {
    expect(same({ a: 1, b: [1, 2] }, { b: [1, 2], a: 1, c: undefined })).toBe(true);
    expect(same({ b: [1, 2] }, { b: [2, 1] })).toBe(false);
    expect(isNothing(difference(base, structuredClone(base)))).toBe(true);
  });
});

class Memory implements Kept {
  readonly all = new Map<string, string>();
  room = true;
  get length(): number {
    return this.all.size;
  }
  key(index: number): string | null {
    return [...this.all.keys()][index] ?? null;
  }
  getItem(key: string): string | null {
    return this.all.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    if (!this.room) throw new Error('QuotaExceededError');
    this.all.set(key, value);
  }
  removeItem(key: string): void {
    this.all.delete(key);
  }
}

describe('drafts', () => {
  const draft = (id: string, at = 1) => ({
    dashboard: dashboard({ id }),
    base: dashboard({ id }),
    version: 1,
    at,
  });

  test('are kept for who made them', () => {
    const kept = new Memory();
    expect(new Drafts(kept, 'anna').keep(draft('home'))).toBe(true);
    expect(new Drafts(kept, 'anna').of('home')?.version).toBe(1);
    expect(new Drafts(kept, 'ben').of('home')).toBeNull();
    new Drafts(kept, 'anna').drop('home');
    expect(kept.length).toBe(0);
  });

  test('the oldest go, and other things of the page stay', () => {
    const kept = new Memory();
    kept.setItem('theme', 'dark');
    const drafts = new Drafts(kept, null);
    for (let n = 0; n < DRAFTS_MAX + 5; n += 1) drafts.keep(draft(`d${n}`, n));
    expect(kept.length).toBe(DRAFTS_MAX + 1);
    expect(drafts.of('d4')).toBeNull();
    expect(drafts.of('d5')).not.toBeNull();
    expect(kept.getItem('theme')).toBe('dark');
  });

  test('no room and nonsense are no failure', () => {
    const kept = new Memory();
    const drafts = new Drafts(kept, null);
    kept.setItem('housewire.draft..home', '{"dashboard":7}');
    expect(drafts.of('home')).toBeNull();
    kept.room = false;
    expect(drafts.keep(draft('home'))).toBe(false);
  });

  test('a browser that keeps nothing is said to be so, and breaks nothing', () => {
    const blocked = keptBy(() => {
      throw new DOMException('denied', 'SecurityError');
    });
    for (const kept of [blocked, keptBy(() => null)]) {
      const drafts = new Drafts(kept, 'anna');
      expect([drafts.of('home'), drafts.keep(draft('home'))]).toEqual([null, false]);
      drafts.drop('home');
    }
  });
});

function kind(name: string, more: Partial<WidgetKind> = {}): WidgetKind {
  return {
    kind: name,
    name,
    about: '',
    group: 'show',
    icon: null as unknown as WidgetKind['icon'],
    size: { w: 2, h: 2, minW: 1, minH: 1 },
    sources: { min: 1, max: 1, types: null, topics: true, settable: false },
    fields: [],
    canConfirm: false,
    load: () => Promise.reject(new Error('not here')),
    ...more,
  };
}

const KINDS = [
  kind('switch', { sources: { min: 1, max: 1, types: ['bool'], topics: true, settable: true } }),
  kind('value', { fields: [{ key: 'decimals', label: '', kind: 'number', fallback: 1 }] }),
];
const WORDS = { title: 'My home', noRoom: 'No room', rest: 'More' };

function house(rooms: number, perRoom: number, values = 2) {
  const view = (more: Partial<PropertyView>) => property(more);
  return Array.from({ length: rooms * perRoom }, (_, n) => ({
    id: `d${n}`,
    name: `Device ${n}`,
    room: `Room ${Math.floor(n / perRoom)}`,
    properties: [
      { id: 'power', meta: view({ type: 'bool' }) },
      ...Array.from({ length: values - 1 }, (_v, v) => ({
        id: `heat${v}`,
        meta: view({ type: 'float', access: ['read'] }),
      })),
      { id: 'rssi', meta: view({ type: 'int', access: ['read'] }) },
    ],
  }));
}

describe('a dashboard made of the house', () => {
  test('switches for what can be switched, values for what can be read, nothing of the radio', () => {
    const { dashboard: made, left } = fromDevices(house(1, 2), KINDS, WORDS);
    expect(left).toBe(0);
    expect(made.tabs).toEqual([]);
    expect(made.widgets.map(({ kind: k, sources }) => [k, sources[0]])).toEqual([
      ['switch', { property: 'd0/power' }],
      ['value', { property: 'd0/heat0' }],
      ['switch', { property: 'd1/power' }],
      ['value', { property: 'd1/heat0' }],
    ]);
    expect(made.widgets[1]?.options).toEqual({ decimals: 1 });
  });

  test('rooms under headings as long as one page holds them, else on tabs', () => {
    const note = kind('note', { sources: { min: 0, max: 8, types: null, topics: true, settable: false } });
    const few = fromDevices(house(3, 2), [...KINDS, note], WORDS).dashboard;
    expect(few.tabs).toEqual([]);
    expect(few.widgets.filter(({ kind: k }) => k === 'note').map(({ options }) => options['text'])).toEqual([
      '## Room 0',
      '## Room 1',
      '## Room 2',
    ]);
    expect(fromDevices(house(3, 20), [...KINDS, note], WORDS).dashboard.tabs).toHaveLength(3);
    expect(fromDevices(house(3, 2), KINDS, WORDS).dashboard.tabs).toHaveLength(3);
  });

  test('of ten thousand devices as much as a dashboard holds, and how much was left', () => {
    const { dashboard: made, left } = fromDevices(house(100, 100), KINDS, WORDS);
    expect(made.widgets).toHaveLength(300);
    expect(left).toBe(19_700);
    expect(made.tabs).toHaveLength(32);
    expect(made.tabs.at(-1)).toBe('More');
    expect(new Set(made.widgets.map(({ id }) => id)).size).toBe(300);
  });
});

describe('finding', () => {
  const devices = house(10, 10);
  const all = (query: string, most = 5): string[] =>
    find(
      devices,
      query,
      () => true,
      () => false,
      most,
    ).hits.map(({ key }) => key);

  test('by words of device, room and property, in any order', () => {
    expect(all('power d17')).toEqual(['d17/power']);
    expect(all('room 3 heat device 31')).toContain('d31/heat0');
    expect(all('nothing of that')).toEqual([]);
  });

  test('stops when the list is full, and says so', () => {
    let looked = 0;
    const found = find(
      devices,
      '',
      () => {
        looked += 1;
        return true;
      },
      () => false,
      5,
    );
    expect(found.hits).toHaveLength(5);
    expect(found.more).toBe(true);
    expect(looked).toBe(6);
  });
});

describe('the form', () => {
  const fields: OptionField[] = [
    { key: 'n', label: '', kind: 'number', fallback: null, min: 0, max: 10 },
    { key: 't', label: '', kind: 'toggle', fallback: true },
    { key: 'l', label: '', kind: 'list', fallback: ['a'] },
    { key: 'c', label: '', kind: 'choice', fallback: 'x', choices: [{ value: 'x', text: '' }] },
    { key: 'k', label: '', kind: 'color', fallback: '#000000' },
  ];
  const words = { number: 'no number', atLeast: (n: number) => `>= ${n}`, atMost: (n: number) => `<= ${n}` };

  test('begins with what was chosen, where it still makes sense', () => {
    const texts = textsOf(fields, { n: 'seven', t: false, l: ['b', 3], c: 'gone', k: 'red' });
    expect(texts).toEqual({ n: '', t: 'false', l: 'b\n3', c: 'x', k: '#000000' });
  });

  test('says what is wrong with a number', () => {
    const problem = (n: string): string | undefined => valuesOf(fields, { n }, words).problems['n'];
    expect(problem('many')).toBe('no number');
    expect(problem('-1')).toBe('>= 0');
    expect(problem('11')).toBe('<= 10');
    expect(valuesOf(fields, { n: ' 2,5 ', l: ' a \n\n b' }, words).values).toMatchObject({
      n: 2.5,
      l: ['a', 'b'],
    });
    expect(valuesOf(fields, { n: '' }, words).values['n']).toBeNull();
  });
});
