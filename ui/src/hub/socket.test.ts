import { beforeEach, describe, expect, test } from 'vitest';
import { FakeSocket, FakeTimers } from '../testing/fixtures';
import { ANSWER_MS, HubSocket, PING_MS, type LinkState } from './socket';

let timers: FakeTimers;
let sockets: FakeSocket[];
let states: LinkState['state'][];
let topics: string[];
let subscribed: number;
let hub: HubSocket;

const last = (): FakeSocket => sockets.at(-1) as FakeSocket;

beforeEach(() => {
  timers = new FakeTimers();
  sockets = [];
  states = [];
  topics = [];
  subscribed = 0;
  hub = new HubSocket({
    open: () => {
      sockets.push(new FakeSocket());
      return last();
    },
    filters: ['devices/#'],
    timers,
    random: () => 1,
    events: {
      state: ({ state }) => states.push(state),
      subscribed: () => (subscribed += 1),
      message: (frame) => topics.push(frame.topic),
    },
  });
  hub.start();
});

test('subscribes as soon as it is open, and is live when the hub says so', () => {
  last().open();
  expect(last().sent).toEqual([{ op: 'subscribe', id: 1, filter: 'devices/#' }]);
  expect(states).toEqual(['connecting']);
  last().frame({ op: 'ok', id: 1 });
  expect(states).toEqual(['connecting', 'live']);
  expect(subscribed).toBe(1);
});

test('hands on messages and survives what it does not understand', () => {
  last().accept();
  last().message('devices/lamp/power', true);
  for (const data of [
    '',
    'null',
    '[]',
    '{"op":1}',
    '{"op":"message"}',
    '{"op":"later"}',
    new ArrayBuffer(1),
  ]) {
    last().onmessage?.({ data });
  }
  last().message('devices/lamp/level', 3);
  expect(topics).toEqual(['devices/lamp/power', 'devices/lamp/level']);
});

describe('reconnecting', () => {
  test('waits longer each time while the hub is away', () => {
    const waits: number[] = [];
    for (let i = 0; i < 6; i += 1) {
      const before = timers.now();
      const count = sockets.length;
      last().breakOff();
      expect(states.at(-1)).toBe('waiting');
      while (sockets.length === count) timers.pass(100);
      waits.push(timers.now() - before);
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 15_000]);
  });

  test('starts anew after a good line, but not after one that broke at once', () => {
    last().breakOff();
    timers.pass(500);
    last().accept();
    last().breakOff();
    timers.pass(999);
    expect(sockets).toHaveLength(2);
    timers.pass(1);
    expect(sockets).toHaveLength(3);
    last().accept();
    timers.pass(6_000);
    last().breakOff();
    timers.pass(500);
    expect(sockets).toHaveLength(4);
  });

  test('can be hurried, but never doubles a line', () => {
    last().breakOff();
    hub.retryNow();
    expect(sockets).toHaveLength(2);
    hub.retryNow();
    last().accept();
    hub.retryNow();
    timers.pass(10_000);
    expect(sockets).toHaveLength(2);
  });

  test('subscribes again on each line', () => {
    last().accept();
    last().breakOff();
    timers.pass(500);
    last().accept();
    expect(subscribed).toBe(2);
  });

  test('a socket that cannot even be made is a broken line', () => {
    const failing = new HubSocket({
      open: () => {
        throw new Error('no');
      },
      filters: ['#'],
      timers,
      random: () => 1,
      events: { state: ({ state }) => states.push(state), subscribed: () => {}, message: () => {} },
    });
    states.length = 0;
    failing.start();
    expect(states).toEqual(['connecting', 'waiting']);
    failing.stop();
  });

  test('a refused subscription is a broken line', () => {
    last().open();
    last().frame({ op: 'error', id: 1, code: 'forbidden', message: 'no' });
    expect(states.at(-1)).toBe('waiting');
    expect(sockets[0]?.closed).toBe(true);
  });
});

describe('a line that says nothing', () => {
  test('is asked for a sign of life, and given up without one', () => {
    last().accept();
    timers.pass(PING_MS);
    expect(last().sent.at(-1)).toMatchObject({ op: 'ping' });
    timers.pass(ANSWER_MS - 1);
    expect(states.at(-1)).toBe('live');
    timers.pass(1);
    expect(states.at(-1)).toBe('waiting');
    expect(last().closed).toBe(true);
  });

  test('lives on with any answer', () => {
    last().accept();
    for (let i = 0; i < 5; i += 1) {
      timers.pass(PING_MS);
      last().frame({ op: 'ok', id: 2 + i });
    }
    expect(states).toEqual(['connecting', 'live']);
    expect(last().sent.filter((frame) => frame['op'] === 'ping')).toHaveLength(5);
  });

  test('is given up when it does not even open', () => {
    timers.pass(ANSWER_MS);
    expect(states).toEqual(['connecting', 'waiting']);
  });
});

test('stop ends everything', () => {
  last().accept();
  hub.stop();
  timers.pass(100_000);
  expect(sockets).toHaveLength(1);
  expect(last().closed).toBe(true);
});

test('an old socket has no say any more', () => {
  const old = last();
  const late = old.onmessage;
  old.breakOff();
  timers.pass(500);
  late?.({ data: JSON.stringify({ op: 'ok', id: 1 }) });
  expect(states.at(-1)).toBe('connecting');
});

describe('several filters', () => {
  const filters = ['devices/lamp/#', 'devices/+/temperature'];
  const withFilters = (filters: string[]): HubSocket => {
    hub.stop();
    sockets = [];
    states = [];
    subscribed = 0;
    const made = new HubSocket({
      open: () => {
        sockets.push(new FakeSocket());
        return last();
      },
      filters,
      timers,
      random: () => 1,
      events: {
        state: ({ state }) => states.push(state),
        subscribed: () => (subscribed += 1),
        message: (frame) => topics.push(frame.topic),
      },
    });
    made.start();
    return made;
  };

  test('it is live when all are answered', () => {
    withFilters(filters);
    last().open();
    expect(last().sent.map((frame) => frame['filter'])).toEqual(filters);
    last().frame({ op: 'ok', id: 2 });
    expect(states).toEqual(['connecting']);
    last().frame({ op: 'ok', id: 1 });
    expect(states).toEqual(['connecting', 'live']);
    expect(subscribed).toBe(1);
  });

  test('one that is refused leaves the other', () => {
    withFilters(filters);
    last().open();
    last().frame({ op: 'error', id: 1, code: 'forbidden', message: 'No.' });
    last().frame({ op: 'ok', id: 2 });
    expect(states).toEqual(['connecting', 'live']);
  });

  test('with all refused the line is given up, to be tried again', () => {
    withFilters(filters);
    last().open();
    for (const id of [1, 2]) last().frame({ op: 'error', id, code: 'forbidden', message: 'No.' });
    expect(states).toEqual(['connecting', 'waiting']);
    expect(last().closed).toBe(true);
  });

  test('who may read nothing is live all the same', () => {
    withFilters([]);
    last().open();
    expect(last().sent).toEqual([]);
    expect(states).toEqual(['connecting', 'live']);
    expect(subscribed).toBe(1);
  });
});
