// One dashboard, two people, a line that breaks: nothing is overwritten unseen and nothing is lost.
import { beforeEach, expect, test } from 'vitest';
import { Api } from '../../hub/api';
import { FakeTimers, refusal, settle } from '../../testing/fixtures';
import { Drafts, type Kept } from '../model/drafts';
import type { DashboardView } from '../types';
import { Dashboards } from './dashboards';
import { Editor } from './editor.svelte';

let kept: Map<string, string>;
let onHub: DashboardView;
let asked: { method: string; match: string | undefined; body: unknown }[];
let down: boolean;
let timers: FakeTimers;

const storage: Kept = {
  get length() {
    return kept.size;
  },
  key: (index) => [...kept.keys()][index] ?? null,
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, value) => void kept.set(key, value),
  removeItem: (key) => void kept.delete(key),
};

const api = new Api(async (url, init) => {
  if (down) throw new TypeError('fetch failed');
  const method = init.method ?? 'GET';
  const body = typeof init.body === 'string' ? (JSON.parse(init.body) as DashboardView) : undefined;
  const match = (init.headers as Record<string, string>)['if-match'];
  asked.push({ method, match, body });
  if (method === 'PUT') {
    if (match !== `"${onHub.version}"`) return refusal(412, 'Changed meanwhile.', 'changed');
    onHub = { ...onHub, ...body, version: onHub.version + 1, updated_by: 'anna' };
    return Response.json(onHub);
  }
  if (method === 'POST') return Response.json({ ...onHub, ...body, id: 'copy', version: 1 }, { status: 201 });
  if (url.endsWith('/gone')) return refusal(404, 'No such dashboard.', 'not_found');
  return Response.json(onHub);
});

function editor(): Editor {
  return new Editor({
    id: onHub.id,
    api: new Dashboards(api),
    drafts: new Drafts(storage, 'anna'),
    timers,
  });
}

function saveAsBen(title: string): void {
  onHub = { ...onHub, title, version: onHub.version + 1, updated_by: 'ben' };
}

beforeEach(() => {
  kept = new Map();
  asked = [];
  down = false;
  timers = new FakeTimers();
  const at = { desktop: { x: 0, y: 0, w: 2, h: 2 }, phone: null };
  onHub = {
    id: 'home',
    title: 'Home',
    icon: null,
    owner: 'anna',
    others: 'see',
    tabs: [],
    widgets: [{ id: 'a', kind: 'value', title: null, at, sources: [], options: {} }],
    version: 5,
    updated: '2026-01-01T00:00:00Z',
    updated_by: 'anna',
    may_edit: true,
  };
});

async function begun(): Promise<Editor> {
  const one = editor();
  await one.load();
  one.edit();
  return one;
}

test('a change is saved with the version it was made of, and the draft goes', async () => {
  const one = await begun();
  one.add({ kind: 'value', title: null, sources: [], options: {} }, { w: 2, h: 2 }, undefined);
  expect(one.dirty).toBe(true);
  timers.pass(1_000);
  expect(kept.size).toBe(1);
  expect(await one.save()).toBe(true);
  expect(asked.at(-1)).toMatchObject({ method: 'PUT', match: '"5"' });
  expect(one.view?.version).toBe(6);
  expect([one.editing, one.dirty, kept.size]).toEqual([false, false, 0]);
});

test('undone to what it was, there is nothing to save', async () => {
  const one = await begun();
  one.remove('a');
  one.undo();
  expect(one.dirty).toBe(false);
  one.redo();
  expect(one.shown?.widgets).toEqual([]);
  one.undo();
  await one.save();
  expect(asked.some(({ method }) => method === 'PUT')).toBe(false);
});

test('ten arrow keys are one step', async () => {
  const one = await begun();
  for (let n = 1; n <= 10; n += 1)
    one.place('desktop', new Map([['a', { x: n, y: 0, w: 2, h: 2 }]]), 'move a desktop');
  one.undo();
  expect(one.shown?.widgets[0]?.at.desktop.x).toBe(0);
});

test('another was faster: both are there, and the choice is mine', async () => {
  const one = await begun();
  one.remove('a');
  saveAsBen('Of Ben');
  expect(await one.save()).toBe(false);
  expect(one.theirs?.title).toBe('Of Ben');
  expect(one.shown?.widgets).toEqual([]);
  expect(onHub.title).toBe('Of Ben');
  expect(kept.size).toBe(1);
  one.takeTheirs();
  expect(one.shown?.title).toBe('Of Ben');
  expect(one.dirty).toBe(false);
});

test('mine as a copy leaves theirs alone', async () => {
  const one = await begun();
  one.remove('a');
  saveAsBen('Of Ben');
  await one.save();
  await one.keepCopy('Mine');
  expect(asked.at(-1)).toMatchObject({ method: 'POST', body: { title: 'Mine', widgets: [] } });
  expect(onHub).toMatchObject({ title: 'Of Ben', version: 6 });
  expect(one.view?.title).toBe('Of Ben');
});

test('over theirs only once theirs was shown, and not over a third', async () => {
  const one = await begun();
  one.remove('a');
  saveAsBen('First');
  await one.save();
  saveAsBen('Second');
  expect(await one.overwrite()).toBe(false);
  expect(one.theirs?.title).toBe('Second');
  expect(await one.overwrite()).toBe(true);
  expect(onHub.widgets).toEqual([]);
});

test('told of a change: at once while editing, taken over while not', async () => {
  const one = await begun();
  one.remove('a');
  saveAsBen('Of Ben');
  one.heard({ version: 6, by: 'ben', deleted: false });
  await settle();
  expect(one.theirs?.title).toBe('Of Ben');
  const other = editor();
  await other.load();
  saveAsBen('Again');
  other.heard({ version: 7, by: 'ben', deleted: false });
  await settle();
  expect(other.view?.title).toBe('Again');
});

test('told of one’s own change while it is being saved: no conflict', async () => {
  const one = await begun();
  one.remove('a');
  const saving = one.save();
  one.heard({ version: 6, by: 'anna', deleted: false });
  expect(await saving).toBe(true);
  await settle();
  expect(one.theirs).toBeNull();
});

test('the line breaks while saving: nothing is lost, and the next page goes on', async () => {
  const one = await begun();
  one.remove('a');
  down = true;
  expect(await one.save()).toBe(false);
  expect(one.saveProblem).not.toBeNull();
  expect(one.shown?.widgets).toEqual([]);
  down = false;
  const later = editor();
  await later.load();
  expect(later.draft).not.toBeNull();
  later.resume();
  expect([later.editing, later.dirty, later.theirs]).toEqual([true, true, null]);
  expect(await later.save()).toBe(true);
  expect(onHub.widgets).toEqual([]);
});

test('Edit goes on with what waits, and a page that is hidden does not throw it away', async () => {
  const one = await begun();
  one.remove('a');
  one.keepNow();
  const later = await begun();
  expect([later.dirty, later.draft]).toEqual([true, null]);
  later.keepNow();
  expect(kept.size).toBe(1);
  later.discard();
  expect(kept.size).toBe(0);
});

test('a second page of the same person leaves the draft of the first alone', async () => {
  const second = await begun();
  const first = await begun();
  first.remove('a');
  first.keepNow();
  second.keepNow();
  second.discard();
  expect(kept.size).toBe(1);
  // It was left there after this page had looked: Edit goes on with it all the same.
  second.edit();
  expect(second.shown?.widgets).toEqual([]);
});

test('a draft of an older version meets what was saved since', async () => {
  const one = await begun();
  one.remove('a');
  one.keepNow();
  saveAsBen('Of Ben');
  const later = editor();
  await later.load();
  later.resume();
  expect(later.theirs?.title).toBe('Of Ben');
  expect(later.shown?.widgets).toEqual([]);
  expect(later.view?.version).toBe(5);
});

test('deleted while it was edited: it can be kept as another', async () => {
  const one = await begun();
  one.remove('a');
  one.heard({ version: 6, by: 'ben', deleted: true });
  expect([one.gone, one.editing]).toEqual([true, true]);
  await one.keepCopy('Home');
  expect(asked.at(-1)?.method).toBe('POST');
});

test('copies stand below, and what is in the way goes down', async () => {
  const one = await begun();
  const copy = one.duplicate('a') as string;
  const again = one.duplicate('a') as string;
  const places = one.places('desktop', undefined);
  expect(places.get(again)).toEqual({ x: 0, y: 2, w: 2, h: 2 });
  expect(places.get(copy)).toEqual({ x: 0, y: 4, w: 2, h: 2 });
});

test('tabs: renamed with what stands on them, removed to the first', async () => {
  onHub = { ...onHub, tabs: ['One', 'Two'], widgets: [{ ...onHub.widgets[0]!, tab: 'Two' }] };
  const one = await begun();
  const frame = { title: 'Home', icon: null, others: 'see' as const };
  one.rename({ ...frame, tabs: ['One', 'Zwei'] }, { One: 'One', Two: 'Zwei' });
  expect(one.shown?.widgets[0]?.tab).toBe('Zwei');
  one.rename({ ...frame, tabs: ['One'] }, { One: 'One' });
  expect(one.shown?.widgets[0]?.tab).toBeUndefined();
});
