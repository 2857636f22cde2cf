// The small pure parts: backoff, throttle, rhythm, colours, wire log, window of a list, order on a card.
import { describe, expect, test } from 'vitest';
import { FakeTimers, property } from '../testing/fixtures';
import { backoffDelay } from './backoff';
import { hexToHsv, hsvToHex, parseHex } from './color';
import { groupByRoom, orderProperties, packRooms } from './layout';
import { hubAddress, quote, reachLines } from './reach';
import { Rhythm } from './rhythm';
import { throttle } from './throttle';
import { parseTopic, type DeviceTopic } from './topic';
import { visibleSpan } from './window';
import { PAYLOAD_CHARS_MAX, WireLog } from './wire';

describe('backoff', () => {
  test('doubles up to its bound', () => {
    const delays = [0, 1, 2, 3, 4, 5, 6, 50].map((attempt) => backoffDelay(attempt, 1));
    expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  });

  test('leaves half to chance', () => {
    expect(backoffDelay(1, 0)).toBe(500);
    expect(backoffDelay(1, 0.5)).toBe(750);
  });
});

describe('throttle', () => {
  test('sends the first at once, then one per interval, and the last at the end', () => {
    const timers = new FakeTimers();
    const sent: number[] = [];
    const sender = throttle<number>(100, (value) => sent.push(value), timers);
    for (let i = 0; i <= 30; i += 1) {
      sender.move(i);
      timers.pass(10);
    }
    expect(sent).toEqual([0, 9, 19, 29]);
    sender.end(31);
    timers.pass(1000);
    expect(sent).toEqual([0, 9, 19, 29, 31]);
  });

  test('sends what waited when nothing more comes', () => {
    const timers = new FakeTimers();
    const sent: number[] = [];
    const sender = throttle<number>(100, (value) => sent.push(value), timers);
    sender.move(1);
    sender.move(2);
    timers.pass(100);
    expect(sent).toEqual([1, 2]);
  });

  test('sends nothing after cancel', () => {
    const timers = new FakeTimers();
    const sent: number[] = [];
    const sender = throttle<number>(100, (value) => sent.push(value), timers);
    sender.move(1);
    sender.move(2);
    sender.cancel();
    timers.pass(1000);
    expect(sent).toEqual([1]);
  });
});

describe('rhythm', () => {
  test('a steady reporter is late after three times its gap', () => {
    const rhythm = new Rhythm();
    for (let at = 0; at <= 600; at += 60) rhythm.beat(at);
    expect(rhythm.lateAfter).toBeCloseTo(180);
  });

  test('a quick one gets some grace', () => {
    const rhythm = new Rhythm();
    for (let at = 0; at < 20; at += 1) rhythm.beat(at);
    expect(rhythm.lateAfter).toBe(20);
  });

  test('a switch has no rhythm', () => {
    const rhythm = new Rhythm();
    for (const at of [0, 1, 2, 4000, 4001, 30_000, 30_002, 90_000]) rhythm.beat(at);
    expect(rhythm.lateAfter).toBeNull();
    expect(new Rhythm().lateAfter).toBeNull();
  });
});

describe('colours', () => {
  test('hex in every spelling', () => {
    expect(parseHex('#FF8800')).toBe('#ff8800');
    expect(parseHex(' f80 ')).toBe('#ff8800');
    expect(parseHex('#ff880')).toBeNull();
    expect(parseHex('orange')).toBeNull();
  });

  test('hsv and back', () => {
    for (const hex of [
      '#000000',
      '#ffffff',
      '#808080',
      '#ff0000',
      '#00ff00',
      '#0000ff',
      '#ff8800',
      '#123456',
    ]) {
      expect(hsvToHex(hexToHsv(hex))).toBe(hex);
    }
  });
});

describe('wire log', () => {
  const where = (topic: string): DeviceTopic => parseTopic(topic) as DeviceTopic;
  const add = (log: WireLog, topic: string, payload: string | { base64: string } = 'x'): void =>
    log.add(where(topic), { topic, payload, retain: false, time: null, via: null });

  test('keeps the last of each device', () => {
    const log = new WireLog(3, 100);
    for (let i = 0; i < 5; i += 1) add(log, 'devices/a/p', String(i));
    expect(log.of('a').map((entry) => entry.payload)).toEqual(['2', '3', '4']);
    expect(log.of('b')).toEqual([]);
  });

  test('a chatty device does not push out a quiet one', () => {
    const log = new WireLog(3, 10);
    add(log, 'devices/quiet/p');
    for (let i = 0; i < 1000; i += 1) add(log, 'devices/chatty/p');
    expect(log.of('quiet')).toHaveLength(1);
  });

  test('is bounded in total, oldest first', () => {
    const log = new WireLog(3, 100);
    for (let i = 0; i < 1000; i += 1) add(log, `devices/d${i}/p`);
    let kept = 0;
    for (let i = 0; i < 1000; i += 1) kept += log.of(`d${i}`).length;
    expect(kept).toBeLessThanOrEqual(125);
    expect(log.of('d999')).toHaveLength(1);
    expect(log.of('d0')).toEqual([]);
  });

  test('forgets', () => {
    const log = new WireLog();
    add(log, 'devices/a/p');
    log.forget('a');
    expect(log.of('a')).toEqual([]);
  });

  test('shortens long payloads and marks bytes', () => {
    const log = new WireLog();
    add(log, 'devices/a/p', 'y'.repeat(10_000));
    add(log, 'devices/a/p', { base64: 'AAE=' });
    const [long, bytes] = log.of('a');
    expect(long?.payload.length).toBe(PAYLOAD_CHARS_MAX + 1);
    expect(bytes).toMatchObject({ payload: 'AAE=', binary: true });
  });
});

describe('window of a list', () => {
  test('covers what is in view', () => {
    const heights = Array.from({ length: 10 }, () => 50);
    expect(visibleSpan(heights, 120, 260)).toEqual({ start: 2, end: 6, before_px: 100, after_px: 200 });
    expect(visibleSpan(heights, -100, 40)).toEqual({ start: 0, end: 1, before_px: 0, after_px: 450 });
    expect(visibleSpan(heights, 900, 1000)).toEqual({ start: 10, end: 10, before_px: 500, after_px: 0 });
    expect(visibleSpan([], 0, 100)).toEqual({ start: 0, end: 0, before_px: 0, after_px: 0 });
  });

  test('loses no height, wherever it stands', () => {
    const heights = [10, 200, 30, 44, 0, 99, 1];
    const whole = heights.reduce((a, b) => a + b, 0);
    for (let top = -50; top < 450; top += 7) {
      const span = visibleSpan(heights, top, top + 60);
      const drawn = heights.slice(span.start, span.end).reduce((a, b) => a + b, 0);
      expect(span.before_px + drawn + span.after_px).toBe(whole);
    }
  });
});

describe('order', () => {
  test('values first, then switches, finer controls, diagnostics last', () => {
    const cells = Object.entries({
      battery: property({ access: ['read'] }),
      brightness: property({ min: 0, max: 100 }),
      color: property({ type: 'color' }),
      humidity: property({ access: ['read'] }),
      night: property({ type: 'bool' }),
      power: property({ type: 'bool' }),
      pressure: property({ access: ['read'] }),
      temperature: property({ access: ['read'] }),
    }).map(([id, meta]) => ({ id, meta }));
    expect(orderProperties(cells).map((cell) => cell.id)).toEqual([
      'temperature',
      'humidity',
      'pressure',
      'power',
      'night',
      'brightness',
      'color',
      'battery',
    ]);
  });

  const place = (id: string, room: string | null): { id: string; name: string; room: string | null } => ({
    id,
    name: id,
    room,
  });

  test('rooms by name, the rest last', () => {
    const rooms = groupByRoom([
      place('b', null),
      place('z', 'Attic'),
      place('x10', 'Hall'),
      place('x9', 'Hall'),
    ]);
    expect(rooms.map((room) => [room.name, room.devices.map((d) => d.id)])).toEqual([
      ['Attic', ['z']],
      ['Hall', ['x9', 'x10']],
      [null, ['b']],
    ]);
  });

  test('small rooms share a line', () => {
    const room = (name: string, n: number): { name: string; devices: string[] } => ({
      name,
      devices: Array.from({ length: n }, (_, i) => `${name}${i}`),
    });
    const lines = packRooms([room('a', 2), room('b', 1), room('c', 2), room('d', 5), room('e', 1)], 4);
    const shown = lines.map((line) =>
      line.map((part) => `${part.room.name}${part.devices.length}${part.first ? '' : '+'}`),
    );
    expect(shown).toEqual([['a2', 'b1'], ['c2'], ['d4'], ['d1+'], ['e1']]);
  });
});

describe('reach', () => {
  const hub = hubAddress(new URL('http://10.0.0.7:8080/devices/lamp') as unknown as Location);
  const lines = (view: Parameters<typeof property>[0], value: Parameters<typeof reachLines>[4]): string[] =>
    reachLines(hub, 'lamp', 'power', property(view), value).map((line) => line.line);

  test('lines with the address of the hub', () => {
    expect(lines({ type: 'bool' }, true)).toEqual([
      'curl http://10.0.0.7:8080/api/devices/lamp/power',
      'mosquitto_sub -h 10.0.0.7 -p 8080 -t devices/lamp/power',
      `curl -X POST -H 'content-type: application/json' -d true http://10.0.0.7:8080/api/devices/lamp/power/set`,
      'mosquitto_pub -h 10.0.0.7 -p 8080 -t devices/lamp/power/set -m true',
      'curl -X PUT -d true http://10.0.0.7:8080/api/devices/lamp/power',
      'mosquitto_pub -h 10.0.0.7 -p 8080 -t devices/lamp/power -m true',
    ]);
  });

  test('who may not ask gets no line to ask', () => {
    expect(lines({ access: ['read'] }, 1).some((line) => line.includes('/set'))).toBe(false);
  });

  test('where nobody is let in without a token, the lines say who they are; the token is not in them', () => {
    const all = reachLines(hub, 'lamp', 'power', property({ type: 'bool' }), true, 'token');
    expect(all[0]?.line).toBe(
      'curl -H "Authorization: Bearer $TOKEN" http://10.0.0.7:8080/api/devices/lamp/power',
    );
    expect(all[1]?.line).toBe('mosquitto_sub -h 10.0.0.7 -p 8080 -u lamp -P "$TOKEN" -t devices/lamp/power');
    for (const { line } of all) expect(line).toContain('$TOKEN');
  });

  test('over TLS they trust the hub’s own authority, or the system where the hub was given a certificate', () => {
    const at = (localCa: boolean): string[] =>
      reachLines(
        hubAddress(new URL('https://10.0.0.7:8080/'), localCa),
        'lamp',
        'power',
        property({ access: ['read'] }),
        1,
      ).map(({ line }) => line);
    expect(at(true).slice(0, 2)).toEqual([
      'curl --cacert housewire-ca.crt https://10.0.0.7:8080/api/devices/lamp/power',
      'mosquitto_sub -h 10.0.0.7 -p 8080 --cafile housewire-ca.crt -t devices/lamp/power',
    ]);
    expect(at(false).slice(0, 2)).toEqual([
      'curl https://10.0.0.7:8080/api/devices/lamp/power',
      'mosquitto_sub -h 10.0.0.7 -p 8080 --tls-use-os-certs -t devices/lamp/power',
    ]);
  });

  test('text is quoted for the shell, and for JSON where JSON is wanted', () => {
    const [, , ask, publish] = lines({ type: 'string' }, "it's $HOME");
    expect(ask).toContain(`-d '"it'\\''s $HOME"'`);
    expect(publish).toContain(`-m 'it'\\''s $HOME'`);
    expect(lines({ type: 'string' }, '@file').some((line) => line.includes('--data-raw @file'))).toBe(true);
  });

  test('addresses', () => {
    const at = (url: string): ReturnType<typeof hubAddress> =>
      hubAddress(new URL(url) as unknown as Location);
    expect(at('http://[fe80::1]:8080/')).toMatchObject({ host: 'fe80::1', port: 8080, loopback: false });
    expect(at('https://hub.example/')).toMatchObject({ port: 443, secure: true });
    expect(at('http://localhost/')).toMatchObject({ port: 80, loopback: true });
    expect(at('http://[::1]:1/')).toMatchObject({ loopback: true });
  });

  test('quote', () => {
    expect(quote('21.5')).toBe('21.5');
    expect(quote('#ff8800')).toBe(`'#ff8800'`);
    expect(quote('')).toBe(`''`);
  });
});
