// Where widgets get their values: from a made-up hub, through one socket.
import { beforeEach, expect, test } from 'vitest';
import { device, FakeHub, FakeSocket, FakeTimers, property, session, settle } from '../testing/fixtures';
import type { Session } from '../model/account';
import { Api } from './api';
import type { SessionStore } from './session.svelte';
import { HubStore } from './store.svelte';
import { Gate, Pane, phaseOf, stateOf, Watch, type Watched } from './watch.svelte';

let hub: FakeHub;
let socket: FakeSocket;
let sockets: FakeSocket[];
let timers: FakeTimers;
let store: HubStore;
let me: Session;
let watch: Watch;

beforeEach(async () => {
  hub = new FakeHub();
  timers = new FakeTimers();
  sockets = [];
  const heat = property({
    type: 'float',
    unit: '°C',
    access: ['read'],
    value: 20,
    time: '2026-01-01T00:00:00Z',
  });
  const power = property({ type: 'bool' });
  const silent = property({ access: ['read'] });
  hub.devices.set('lamp', device({ id: 'lamp', name: 'Lamp', properties: { heat, power, silent } }));
  store = new HubStore({
    api: new Api(hub.fetch),
    open: () => {
      socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    timers,
    schedule: (flush) => flush(),
    random: () => 1,
  });
  me = session();
  const mayAsk = (): boolean => me.write.length > 0;
  watch = new Watch(store, {
    get current() {
      return me;
    },
    mayAsk,
  } as unknown as SessionStore);
});

async function start(): Promise<void> {
  store.start();
  socket.accept();
  await settle();
}

const take = (property: string): Watched => watch.take({ property }).source;
const sent = (op: string): Record<string, unknown>[] => socket.sent.filter((frame) => frame['op'] === op);
function answer(op: string, topic: string, ok = true): void {
  const frame = sent(op).find((one) => one['filter'] === topic || one['topic'] === topic);
  const id = frame?.['id'] as number;
  socket.frame(ok ? { op: 'ok', id } : { op: 'error', id, code: 'forbidden', message: 'Not for you.' });
}

test('a property before, while and after it is known', async () => {
  const heat = take('lamp/heat');
  const gone = take('lamp/nothing');
  expect(heat.state).toBe('loading');
  await start();
  expect([heat.state, heat.value, heat.unit, heat.name]).toEqual(['live', 20, '°C', 'Lamp, Heat']);
  expect([gone.state, take('lamp/silent').state, take('lamp/power').state]).toEqual([
    'missing',
    'missing',
    'live',
  ]);
  socket.message('devices/lamp/heat', 21.5);
  expect(heat.value).toBe(21.5);
  socket.message('devices/lamp/$online', false);
  expect(heat.state).toBe('offline');
});

test('what may not be read is said to be so', async () => {
  me = session({ read: ['devices/lamp/#'] });
  await start();
  expect(take('safe/door').state).toBe('forbidden');
  expect(take('lamp/gone').state).toBe('missing');
});

test('without a line every value may be old', async () => {
  await start();
  const heat = take('lamp/heat');
  socket.breakOff();
  expect(heat.state).toBe('stale');
});

test('a request and its end', async () => {
  await start();
  const power = take('lamp/power');
  expect(power.maySet).toBe(true);
  power.set(true);
  expect(power.phase).toBe('sending');
  await settle();
  expect([power.phase, power.target]).toEqual(['pending', true]);
  socket.message('devices/lamp/power', true);
  expect([power.phase, power.value]).toEqual(['confirmed', true]);
});

test('one subscription per topic, however many look, and none when nobody does', async () => {
  await start();
  const one = watch.take({ topic: 'garden/gate' });
  const two = watch.take({ topic: 'garden/gate' });
  expect(two.source).toBe(one.source);
  expect(sent('subscribe').filter((frame) => frame['filter'] === 'garden/gate')).toHaveLength(1);
  expect(one.source.state).toBe('loading');
  answer('subscribe', 'garden/gate');
  socket.message('garden/gate', 'open', { retain: true });
  expect([one.source.state, one.source.value]).toEqual(['live', 'open']);
  one.release();
  one.release();
  expect(sent('unsubscribe')).toHaveLength(0);
  two.release();
  expect(sent('unsubscribe').map((frame) => frame['filter'])).toEqual(['garden/gate']);
  expect(watch.size).toBe(0);
});

test('a topic that may not be read, and one after a reconnect', async () => {
  await start();
  const safe = watch.take({ topic: 'safe/code' }).source;
  answer('subscribe', 'safe/code', false);
  expect(safe.state).toBe('forbidden');
  socket.breakOff();
  store.retryNow();
  socket.accept();
  await settle();
  expect(sockets.length).toBeGreaterThan(1);
  answer('subscribe', 'safe/code');
  socket.message('safe/code', 7);
  expect([safe.state, safe.value]).toEqual(['live', 7]);
});

test('publishing to a topic: heard as one’s own, refused, and without a line', async () => {
  await start();
  const gate = watch.take({ topic: 'garden/gate' }).source;
  const heard: [unknown, boolean][] = [];
  gate.follow(({ payload, own }) => heard.push([payload, own]));
  answer('subscribe', 'garden/gate');
  gate.set('open');
  expect(gate.phase).toBe('sending');
  answer('publish', 'garden/gate');
  socket.message('garden/gate', 'open');
  socket.message('garden/gate', 'open');
  await settle();
  // No device said anything: nothing is confirmed.
  expect(gate.phase).toBe('sent');
  expect(heard).toEqual([
    ['open', true],
    ['open', false],
  ]);
  socket.sent.length = 0;
  gate.set('shut');
  answer('publish', 'garden/gate', false);
  await settle();
  expect([gate.phase, gate.reason]).toEqual(['refused', 'Not for you.']);
  gate.dismiss();
  socket.breakOff();
  gate.set('shut');
  await settle();
  expect(gate.phase).toBe('refused');
});

test('two quick presses: only the answer to the latest counts', async () => {
  await start();
  const gate = watch.take({ topic: 'garden/gate' }).source;
  answer('subscribe', 'garden/gate');
  gate.set('open');
  gate.set('shut');
  const [first, second] = sent('publish').map(({ id }) => id) as [number, number];
  socket.frame({ op: 'error', id: first, code: 'forbidden', message: 'Not for you.' });
  await settle();
  expect([gate.phase, gate.target, gate.reason]).toEqual(['sending', 'shut', null]);
  socket.frame({ op: 'ok', id: second });
  await settle();
  expect([gate.phase, gate.target]).toEqual(['sent', null]);
});

test('out of view everything stands still, and nothing is lost of what was said', async () => {
  await start();
  const gate = new Gate();
  const pane = new Pane(take('lamp/heat'), gate);
  const heard: unknown[] = [];
  pane.follow(({ payload }) => heard.push(payload));
  expect(pane.value).toBe(20);
  gate.set(false);
  for (let n = 0; n < 600; n += 1) socket.message('devices/lamp/heat', n);
  expect(pane.value).toBe(20);
  expect(heard).toEqual([]);
  gate.set(true);
  expect(pane.value).toBe(599);
  expect(heard).toHaveLength(500);
  expect(heard.at(-1)).toBe(599);
});

test('a guard is asked first', async () => {
  await start();
  const pane = new Pane(take('lamp/power'), new Gate());
  let go: (() => void) | null = null;
  pane.guard = (_value, run) => (go = run);
  pane.set(true);
  expect(pane.phase).toBe('idle');
  (go as unknown as () => void)();
  expect(pane.phase).toBe('sending');
});

test('several sources together', () => {
  const of = (...states: Watched['state'][]) => stateOf(states.map((state) => ({ state })));
  expect(of()).toBe('live');
  expect(of('offline', 'live')).toBe('live');
  expect(of('forbidden', 'forbidden')).toBe('forbidden');
  expect(of('missing', 'stale')).toBe('stale');
  expect(phaseOf([{ phase: 'confirmed' }, { phase: 'refused' }])).toBe('refused');
  expect(phaseOf([{ phase: 'idle' }])).toBe('idle');
});
