// The store against a made-up hub: the registry, live messages, requests and their ends.
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { device, FakeHub, FakeSocket, FakeTimers, property, refusal, settle } from '../testing/fixtures';
import type { Json, PropertyView } from '../model/types';
import { Api } from './api';
import type { DeviceCell, PropertyCell } from './device.svelte';
import { HubStore } from './store.svelte';

let timers: FakeTimers;
let hub: FakeHub;
let sockets: FakeSocket[];
let store: HubStore;

const socket = (): FakeSocket => sockets.at(-1) as FakeSocket;
const lamp = (): DeviceCell => store.device('lamp') as DeviceCell;
const prop = (id: string): PropertyCell => lamp().property(id) as PropertyCell;
const phase = (id: string): string | undefined => prop(id).request?.phase;

function lampWith(properties: Record<string, Partial<PropertyView>>): void {
  const views = Object.entries(properties).map(([id, view]) => [id, property(view)]);
  hub.devices.set('lamp', device({ name: 'Lamp', properties: Object.fromEntries(views) }));
}

async function start(): Promise<void> {
  store.start();
  socket().accept();
  await settle();
}

beforeEach(() => {
  timers = new FakeTimers();
  hub = new FakeHub();
  sockets = [];
  store = new HubStore({
    api: new Api(hub.fetch),
    open: () => {
      sockets.push(new FakeSocket());
      return socket();
    },
    timers,
    schedule: (flush) => flush(),
    random: () => 1,
  });
  lampWith({ power: { type: 'bool', value: false }, level: { type: 'int', value: 10, min: 0, max: 100 } });
});

describe('the registry', () => {
  test('is read once the subscription stands', async () => {
    store.start();
    expect(hub.requests).toEqual([]);
    socket().accept();
    await settle();
    expect(store.ready).toBe(true);
    expect(store.devices.map((d) => d.name)).toEqual(['Lamp']);
    expect(prop('level').value).toBe(10);
  });

  test('messages that arrive while it loads win over it', async () => {
    store.start();
    socket().accept();
    socket().message('devices/lamp/level', 40);
    socket().message('devices/lamp/level', 42);
    socket().message('devices/lamp/level/target', 50);
    await settle();
    expect(prop('level').value).toBe(42);
    expect(prop('level').target).toBe(50);
  });

  test('says why it cannot be read, and tries again', async () => {
    hub.override = () => refusal(401, 'Only this machine may look.', 'forbidden');
    await start();
    expect(store.ready).toBe(false);
    expect(store.problem?.message).toBe('Only this machine may look.');
    hub.override = () => undefined;
    timers.pass(3_000);
    await settle();
    expect(store.problem).toBeNull();
    expect(store.ready).toBe(true);
  });

  test('is read even when no line can be had', async () => {
    store.start();
    socket().breakOff();
    await settle();
    expect(store.ready).toBe(true);
    expect(store.link.state).toBe('waiting');
  });

  test('is read again after the line was broken', async () => {
    await start();
    hub.devices.delete('lamp');
    hub.devices.set('fan', device({ id: 'fan' }));
    socket().breakOff();
    expect(store.link.state).toBe('waiting');
    expect(store.retryIn()).toBe(500);
    expect(store.devices.map((d) => d.id)).toEqual(['lamp']);
    timers.pass(500);
    socket().accept();
    await settle();
    expect(store.devices.map((d) => d.id)).toEqual(['fan']);
  });

  test('keeps the cell of a device over reconnects, so that nothing is drawn anew', async () => {
    await start();
    const before = prop('level');
    socket().breakOff();
    timers.pass(500);
    socket().accept();
    await settle();
    expect(prop('level')).toBe(before);
  });
});

describe('messages', () => {
  beforeEach(start);

  test('a report moves value, time and door', () => {
    socket().message('devices/lamp/level', 11, { time: '2026-05-01T10:00:00Z', via: 'ws' });
    expect(prop('level')).toMatchObject({ value: 11, time: '2026-05-01T10:00:00Z', via: 'ws' });
    expect(lamp().via).toBe('ws');
  });

  test('online and refused', () => {
    socket().message('devices/lamp/$online', false);
    expect(lamp().online).toBe(false);
    const payload = { property: 'level', value: 'abc', reason: 'not a number', time: 'T', count: 3 };
    socket().message('devices/lamp/$rejected', payload);
    expect(lamp().rejected).toMatchObject({
      count: 3,
      last: { value: 'abc', reason: 'not a number', time: 'T' },
    });
    socket().message('devices/lamp/$rejected', { reason: 'no' }, { time: 'frame time' });
    expect(lamp().rejected).toMatchObject({ count: 4, last: { reason: 'no', time: 'frame time' } });
  });

  test('junk changes nothing', () => {
    for (const topic of ['weather', 'devices/lamp', 'devices/lamp/level/x', 'devices/lamp/$odd']) {
      socket().message(topic, 99);
    }
    socket().message('devices/lamp/$rejected', 'text');
    expect(prop('level').value).toBe(10);
    expect(lamp().rejected.count).toBe(0);
  });

  test('a changed device is fetched, once for many announcements', async () => {
    hub.requests.length = 0;
    (hub.devices.get('lamp') as { name: string }).name = 'Reading lamp';
    for (let i = 0; i < 5; i += 1) socket().message('devices/lamp/$changed', 'updated');
    timers.pass(200);
    await settle();
    expect(hub.asked('GET').map((r) => r.url)).toEqual(['/api/devices/lamp']);
    expect(lamp().name).toBe('Reading lamp');
  });

  test('an unknown device or property that reports is fetched', async () => {
    hub.devices.set('fan', device({ id: 'fan', properties: { speed: property({ value: 2 }) } }));
    socket().message('devices/fan/speed', 2);
    lampWith({ power: { type: 'bool', value: false }, color: { type: 'color', value: '#ffffff' } });
    socket().message('devices/lamp/color', '#ffffff');
    timers.pass(200);
    await settle();
    expect(store.device('fan')?.property('speed')?.value).toBe(2);
    expect(prop('color').value).toBe('#ffffff');
  });

  test('a flood of new devices reads the registry instead', async () => {
    hub.requests.length = 0;
    for (let i = 0; i < 50; i += 1) {
      hub.devices.set(`n${i}`, device({ id: `n${i}` }));
      socket().message(`devices/n${i}/$changed`, 'registered');
    }
    timers.pass(200);
    await settle();
    expect(hub.asked('GET').map((r) => r.url)).toEqual(['/api/devices']);
    expect(store.devices).toHaveLength(51);
  });

  test('a removed device goes at once', () => {
    socket().message('devices/lamp/$changed', 'removed');
    expect(store.devices).toEqual([]);
    expect(store.device('lamp')).toBeUndefined();
  });

  test('an answer that is older than a live message does not undo it', async () => {
    let release = (_: Response): void => {};
    hub.override = (_method, url) =>
      url === '/api/devices/lamp' ? new Promise<Response>((resolve) => (release = resolve)) : undefined;
    const old = Response.json(hub.devices.get('lamp'));
    socket().message('devices/lamp/$changed', 'updated');
    timers.pass(200);
    socket().message('devices/lamp/level', 77);
    socket().message('devices/lamp/level/target', 80);
    release(old);
    await settle();
    expect(prop('level').value).toBe(77);
    expect(prop('level').target).toBe(80);
  });

  test('texts that look like numbers keep their spelling', async () => {
    lampWith({ firmware: { type: 'string', value: '1.10' } });
    await store.load();
    socket().message('devices/lamp/firmware', 1.1, { retain: true });
    expect(prop('firmware').value).toBe('1.10');
    lampWith({ firmware: { type: 'string', value: '1.20' } });
    socket().message('devices/lamp/firmware', 1.2);
    timers.pass(200);
    await settle();
    expect(prop('firmware').value).toBe('1.20');
  });

  test('an empty payload is no report', async () => {
    socket().message('devices/lamp/level', '');
    expect(prop('level').value).toBe(10);
  });

  test('numbers remember their decimals', () => {
    lampWith({ t: { value: 21.5, access: ['read'] } });
    socket().message('devices/lamp/$changed', 'updated');
    return settle().then(async () => {
      timers.pass(200);
      await settle();
      socket().message('devices/lamp/t', 21);
      expect(prop('t')).toMatchObject({ value: 21, decimals: 1 });
    });
  });

  test('every message of a device is on its wire', () => {
    const before = lamp().wireVersion;
    socket().message('devices/lamp/level', 1);
    socket().message('devices/lamp/level/set', 2);
    expect(store.wire.of('lamp').map((entry) => entry.kind)).toEqual(['report', 'request']);
    expect(lamp().wireVersion).toBe(before + 2);
  });
});

describe('a request', () => {
  beforeEach(start);

  async function ask(id: string, value: Json): Promise<void> {
    store.ask(prop(id), value);
    await settle();
  }

  test('shows at once, waits for the device, and is confirmed by its report', async () => {
    store.ask(prop('power'), true);
    expect(phase('power')).toBe('sending');
    expect(prop('power').wanted).toBe(true);
    await settle();
    expect(phase('power')).toBe('pending');
    expect(prop('power').value).toBe(false);
    socket().message('devices/lamp/power/target', true);
    socket().message('devices/lamp/power', true);
    expect(phase('power')).toBe('confirmed');
    socket().message('devices/lamp/power/target', '');
    expect(phase('power')).toBe('confirmed');
    timers.pass(2_000);
    expect(prop('power').request).toBeNull();
    expect(prop('power').target).toBeNull();
  });

  test('may be confirmed before the hub has answered it', async () => {
    store.ask(prop('power'), true);
    socket().message('devices/lamp/power/target', true);
    socket().message('devices/lamp/power', true);
    socket().message('devices/lamp/power/target', '');
    await settle();
    expect(phase('power')).toBe('confirmed');
  });

  test('is confirmed even if the target goes just before the report', async () => {
    await ask('power', true);
    socket().message('devices/lamp/power/target', true);
    socket().message('devices/lamp/power/target', '');
    timers.pass(100);
    socket().message('devices/lamp/power', true);
    timers.pass(1_000);
    expect(phase('power')).toBe('confirmed');
  });

  test('is refused with the reason of the hub', async () => {
    hub.override = (method) =>
      method === 'POST' ? refusal(422, 'level 140 is above the maximum 100.', 'rejected') : undefined;
    await ask('level', 140);
    expect(prop('level').request).toMatchObject({
      phase: 'refused',
      reason: 'level 140 is above the maximum 100.',
    });
    expect(prop('level').wanted).toBeUndefined();
    expect(store.announcement).toContain('Lamp, Level');
    prop('level').dismiss();
    expect(prop('level').request).toBeNull();
  });

  test('is refused with a plain sentence when the hub is away', async () => {
    hub.override = (method) =>
      method === 'POST' ? Promise.reject(new TypeError('fetch failed')) : undefined;
    await ask('level', 50);
    expect(prop('level').request?.reason).toContain('The hub did not answer');
  });

  test('that nobody confirms says so', async () => {
    await ask('level', 50);
    socket().message('devices/lamp/level/target', 50);
    socket().message('devices/lamp/level/target', '');
    timers.pass(1_000);
    expect(phase('level')).toBe('unanswered');
    expect(prop('level').request?.reason).toContain('did not confirm');
  });

  test('that gets another answer says which', async () => {
    await ask('level', 50);
    socket().message('devices/lamp/level/target', 50);
    socket().message('devices/lamp/level', 30);
    expect(phase('level')).toBe('pending');
    socket().message('devices/lamp/level/target', '');
    timers.pass(1_000);
    expect(prop('level').request?.reason).toContain('reported 30');
  });

  test('to an offline device says that it is offline', async () => {
    socket().message('devices/lamp/$online', false);
    await ask('level', 50);
    socket().message('devices/lamp/level/target', 50);
    socket().message('devices/lamp/level/target', '');
    timers.pass(1_000);
    expect(prop('level').request?.reason).toContain('offline');
  });

  test('of somebody else shows too', () => {
    socket().message('devices/lamp/level/target', 70);
    expect(prop('level').request).toMatchObject({ phase: 'pending', value: 70, own: false });
    socket().message('devices/lamp/level', 70);
    expect(phase('level')).toBe('confirmed');
  });

  test('that was pending before the page was opened shows too', async () => {
    lampWith({ level: { type: 'int', value: 10, target: 20 } });
    await store.load();
    expect(phase('level')).toBe('pending');
  });

  test('that ended while the line was broken ends here too', async () => {
    await ask('level', 50);
    socket().message('devices/lamp/level/target', 50);
    socket().breakOff();
    lampWith({ power: { type: 'bool', value: false }, level: { type: 'int', value: 50 } });
    timers.pass(500);
    socket().accept();
    await settle();
    expect(phase('level')).toBe('confirmed');
  });

  test('never overtakes the one before: one is on its way, the latest waits', async () => {
    const gates: (() => void)[] = [];
    hub.override = (method) =>
      method === 'POST'
        ? new Promise<Response>((resolve) =>
            gates.push(() => resolve(Response.json({ value: 10, target: null }, { status: 202 }))),
          )
        : undefined;
    for (const value of [20, 30, 40, 50]) store.ask(prop('level'), value);
    await settle();
    expect(hub.asked('POST').map((r) => r.body)).toEqual([20]);
    gates.shift()?.();
    await settle();
    expect(hub.asked('POST').map((r) => r.body)).toEqual([20, 50]);
    expect(phase('level')).toBe('sending');
    gates.shift()?.();
    await settle();
    socket().message('devices/lamp/level', 50);
    expect(phase('level')).toBe('confirmed');
  });

  test('for an event is done when the hub took it', async () => {
    lampWith({ ring: { type: 'string', access: ['set', 'event'] } });
    await store.load();
    await ask('ring', 'press');
    expect(phase('ring')).toBe('confirmed');
  });

  test('goes to a relative address with a JSON body', async () => {
    const seen = vi.fn(hub.fetch);
    const api = new Api(seen);
    await api.ask('lamp', 'power', 'text');
    expect(seen.mock.calls[0]?.[0]).toBe('/api/devices/lamp/power/set');
    const init = seen.mock.calls[0]?.[1];
    expect(init?.headers).toEqual({ 'content-type': 'application/json' });
    expect(init?.body).toBe('"text"');
  });
});

describe('changes by a person', () => {
  beforeEach(start);

  test('rename', async () => {
    await store.patch(lamp(), { name: 'Reading lamp', room: 'Study' });
    expect(hub.asked('PATCH')).toEqual([
      { url: '/api/devices/lamp', body: { name: 'Reading lamp', room: 'Study' } },
    ]);
    expect(lamp()).toMatchObject({ name: 'Reading lamp', room: 'Study' });
  });

  test('a device made a moment ago is there with the answer', async () => {
    hub.devices.set('new', device({ id: 'new' }));
    const before = hub.requests.length;
    await store.patch({ id: 'new' }, { name: 'Attic', properties: {} });
    expect(store.device('new')?.name).toBe('Attic');
    expect(hub.requests).toHaveLength(before + 1);
  });

  test('delete', async () => {
    await store.remove(lamp());
    expect(store.devices).toEqual([]);
  });

  test('a delete that fails leaves the device', async () => {
    hub.override = (method) => (method === 'DELETE' ? refusal(500, 'The disk is full.', 'disk') : undefined);
    await expect(store.remove(lamp())).rejects.toThrow('The disk is full.');
    expect(store.devices).toHaveLength(1);
  });

  test('the demo house goes, own devices stay', async () => {
    hub.devices.set('demo', device({ id: 'demo', demo: true }));
    await store.load();
    hub.override = (method) => (method === 'DELETE' ? new Response(null, { status: 204 }) : undefined);
    await store.removeDemo();
    expect(store.devices.map((d) => d.id)).toEqual(['lamp']);
  });
});
