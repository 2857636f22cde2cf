import { beforeEach, expect, test } from 'vitest';
import type { Found } from '../model/found';
import { FakeHub, FakeTimers, refusal, session, settle } from '../testing/fixtures';
import { Api } from './api';
import { FoundStore, maySeeFound } from './found.svelte';

let timers: FakeTimers;
let hub: FakeHub;
let found: Partial<Found>[];

beforeEach(() => {
  timers = new FakeTimers();
  hub = new FakeHub();
  found = [
    { id: 'a', state: 'new', device: null },
    { id: 'b', state: 'adopted', device: 'lamp' },
  ];
  hub.override = (method, url) => {
    if (url === '/api/discovered') return Response.json(found);
    if (url.endsWith('/adopt')) return Response.json({ device: 'spot' }, { status: 201 });
    return method === 'POST' ? new Response(null, { status: 204 }) : undefined;
  };
});

async function come(ms = 0): Promise<void> {
  timers.pass(ms);
  await settle();
}

const asks = (): number => hub.requests.filter(({ url }) => url === '/api/discovered').length;

test('asks now and again, more often while somebody looks, and never after the end', async () => {
  const store = new FoundStore(new Api(hub.fetch), timers);
  const stop = store.start();
  await come();
  expect(store.fresh.map(({ id }) => id)).toEqual(['a']);
  expect(store.of('lamp')?.id).toBe('b');
  await come(14_000);
  expect(asks()).toBe(1);
  await come(1_000);
  expect(asks()).toBe(2);
  const leave = store.watch();
  await come();
  await come(3_000);
  expect(asks()).toBe(4);
  leave();
  stop();
  await come(60_000);
  expect(asks()).toBe(4);
});

test('an answer that says the same draws nothing anew', async () => {
  const store = new FoundStore(new Api(hub.fetch), timers);
  store.start();
  await come();
  const { all } = store;
  await store.load();
  expect(store.all).toBe(all);
  found = [];
  await store.load();
  expect(store.all).toEqual([]);
});

test('a change of a device makes it ask, once for many', async () => {
  const store = new FoundStore(new Api(hub.fetch), timers);
  store.hint();
  await come(2_000);
  expect(asks()).toBe(0);
  store.start();
  await come();
  store.hint();
  store.hint();
  await come(1_000);
  expect(asks()).toBe(2);
});

test.each([403, 404])('whoever is answered %d is left alone', async (status) => {
  hub.override = () => refusal(status, 'No.', 'no');
  const store = new FoundStore(new Api(hub.fetch), timers);
  store.start();
  await come();
  await come(120_000);
  expect(asks()).toBe(1);
  expect(store.problem).toBe('No.');
  expect(store.fresh).toEqual([]);
});

test('a hub that does not answer is asked again, and what was known stays', async () => {
  const store = new FoundStore(new Api(hub.fetch), timers);
  store.start();
  await come();
  const { override } = hub;
  hub.override = () => refusal(500, 'Broken.', 'internal');
  await come(15_000);
  expect([store.problem, store.fresh.length]).toEqual(['Broken.', 1]);
  hub.override = override;
  await come(15_000);
  expect(store.problem).toBeNull();
});

test('what is done with a find is said to the hub, and the list read anew', async () => {
  const store = new FoundStore(new Api(hub.fetch), timers);
  await store.load();
  const one = store.fresh[0] as Found;
  expect(await store.adopt(one, { device: 'spot', room: 'Hall' })).toBe('spot');
  await store.change(one, 'forget');
  expect(hub.asked('POST')).toEqual([
    { url: '/api/discovered/a/adopt', body: { device: 'spot', room: 'Hall' } },
    { url: '/api/discovered/a/forget', body: undefined },
  ]);
  expect(asks()).toBe(3);
});

test('only who may read everything is told of finds', () => {
  expect(maySeeFound(null)).toBe(false);
  const viewer = { administers: false, read: ['#'], deny: [] };
  expect(maySeeFound(session(viewer))).toBe(true);
  expect(maySeeFound(session({ ...viewer, read: ['devices/#'] }))).toBe(false);
  expect(maySeeFound(session({ ...viewer, deny: ['devices/lock/#'] }))).toBe(false);
  expect(maySeeFound(session({ ...viewer, read: [], administers: true }))).toBe(true);
});
