import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Api } from '../hub/api';
import { clock } from '../hub/clock.svelte';
import { History } from '../hub/history';
import type { NumberSeries } from '../model/series';
import { FakeTimers, refusal, settle } from '../testing/fixtures';
import { Feed } from './feed.svelte';

const NOW_S = 1_800_000_000;
const iso = (time_s: number): string => new Date(time_s * 1000).toISOString();

/** Answers as the hub does for a value that is reported every ten seconds, since so many seconds. */
class FakeHistory {
  readonly asked: URL[] = [];
  age_s = 400 * 86_400;
  fail: Response | null = null;

  readonly fetch = (url: string): Promise<Response> => {
    const asked = new URL(url, 'http://hub');
    this.asked.push(asked);
    if (this.fail !== null) return Promise.resolve(this.fail);
    const keys = asked.searchParams.get('series')?.split(',') ?? [
      asked.pathname.split('/').slice(3, 5).join('/'),
    ];
    const series = keys.map((key) => this.#one(key, asked.searchParams));
    return Promise.resolve(Response.json(asked.pathname === '/api/history' ? { series } : series[0]));
  };

  #one(key: string, query: URLSearchParams): unknown {
    const [device, property = ''] = key.split('/');
    const from = Date.parse(query.get('from') ?? '') / 1000;
    const to = Date.parse(query.get('to') ?? '') / 1000;
    const begin = Math.max(from, NOW_S - this.age_s);
    const base = { device, property, unit: null, from: iso(from), to: iso(to) };
    if (property === 'door')
      return {
        ...base,
        type: 'bool',
        raw: true,
        points: [[iso(from), true]],
        time_in_state: { true: to - from },
      };
    const wanted = Number(query.get('points'));
    if (query.get('agg') === 'mean') {
      const step = (to - from) / wanted;
      const points = Array.from({ length: wanted }, (_, i) => [iso(from + i * step), 20]);
      return { ...base, type: 'float', raw: false, points };
    }
    const count = Math.floor((to - begin) / 10);
    if (count <= wanted) {
      const points = Array.from({ length: count }, (_, i) => [iso(begin + i * 10), 20 + (i % 2)]);
      return { ...base, type: 'float', raw: true, points };
    }
    const step = (to - from) / (wanted / 2);
    const points = Array.from({ length: wanted / 2 }, (_, i) => [
      [iso(from + i * step), 18],
      [iso(from + (i + 0.5) * step), 22],
    ]).flat();
    return { ...base, type: 'float', raw: false, points };
  }
}

let timers: FakeTimers;
let hub: FakeHistory;

function open(range: ConstructorParameters<typeof Feed>[1], keys = ['lamp/heat']): Feed {
  const feed = new Feed(new History(new Api(hub.fetch as never)), range, timers);
  feed.want(keys.map((key) => ({ key, type: key.endsWith('door') ? 'bool' : 'float' })));
  feed.resize(800);
  return feed;
}

async function come(ms = 0): Promise<void> {
  timers.pass(ms);
  await settle();
}

const first = (feed: Feed): NumberSeries => feed.series[0] as NumberSeries;

beforeEach(() => {
  timers = new FakeTimers();
  hub = new FakeHistory();
  clock.now = NOW_S * 1000;
});
afterEach(() => vi.restoreAllMocks());

describe('what is asked for', () => {
  test('as many points as there are pixels, and the means of what was condensed', async () => {
    const feed = open({ last_s: 365 * 86_400 });
    await come();
    expect(hub.asked.map((url) => url.pathname + (url.searchParams.get('agg') ?? ''))).toEqual([
      '/api/devices/lamp/heat/history',
      '/api/devices/lamp/heat/historymean',
    ]);
    expect(hub.asked[0]?.searchParams.get('points')).toBe('800');
    expect(hub.asked[1]?.searchParams.get('points')).toBe('400');
    // A year, and no more to draw than fits.
    expect(first(feed).times.length).toBeLessThanOrEqual(400);
    expect([first(feed).low[0], first(feed).line[0], first(feed).high[0]]).toEqual([18, 20, 22]);
  });

  test('several numbers in one question, states in another', async () => {
    const feed = open({ last_s: 3_600 }, ['lamp/heat', 'house/door', 'fan/heat']);
    await come();
    expect(hub.asked.map((url) => url.searchParams.get('series') ?? url.pathname)).toEqual([
      'lamp/heat,fan/heat',
      '/api/devices/house/door/history',
    ]);
    expect(hub.asked[1]?.searchParams.has('points')).toBe(false);
    expect(feed.series.map(({ key }) => key)).toEqual(['lamp/heat', 'house/door', 'fan/heat']);
  });

  test('a zoom asks for finer data, once the hand rests', async () => {
    const feed = open({ last_s: 86_400 });
    await come();
    const before = hub.asked.length;
    for (let i = 0; i < 5; i += 1) feed.zoom(0.5, NOW_S - 40_000);
    await come(100);
    expect(hub.asked.length).toBe(before);
    // What is there is shown meanwhile, over the new window.
    expect(feed.window.to - feed.window.from).toBe(86_400 / 32);
    expect(feed.live).toBe(false);
    await come(200);
    expect(hub.asked.length).toBe(before + 1);
    expect(first(feed).step).toBe(0);
  });

  test('a resize by a few pixels asks for nothing', async () => {
    const feed = open({ last_s: 86_400 });
    await come();
    const before = hub.asked.length;
    feed.resize(795);
    await come(1_000);
    expect(hub.asked.length).toBe(before);
    feed.resize(400);
    await come(1_000);
    expect(hub.asked.length).toBeGreaterThan(before);
  });

  test('nothing without room or without properties', async () => {
    const feed = open({ last_s: 60 }, []);
    await come(1_000);
    feed.want([{ key: 'lamp/heat', type: 'float' }]);
    feed.resize(0);
    feed.stop();
    await come(1_000);
    expect(hub.asked).toEqual([]);
  });
});

describe('the end that is now', () => {
  test('moves on by whole pixels, with what is reported', async () => {
    const feed = open({ last_s: 3_600 });
    await come();
    clock.now += 1_000;
    feed.tick();
    expect(feed.window.to).toBe(NOW_S);
    clock.now += 4_000;
    feed.tick();
    expect(feed.window.to).toBe(NOW_S + 5);
    const before = feed.version;
    feed.report('lamp/heat', NOW_S + 5, 30);
    expect(feed.version).toBe(before + 1);
    expect(first(feed).line.at(-1)).toBe(30);
    // It is to be seen at once, however little of the window a pixel is.
    feed.report('lamp/heat', NOW_S + 5.5, 30);
    expect(feed.window.to).toBe(NOW_S + 5.5);
    const { version } = feed;
    // What the hub answered already, what is of another property, what is no number.
    feed.report('lamp/heat', NOW_S - 5, 31);
    feed.report('lamp/other', NOW_S + 6, 31);
    feed.report('lamp/heat', NOW_S + 7, 'hot');
    expect(feed.version).toBe(version);
  });

  test('asks again when a good part of the window came live', async () => {
    const feed = open({ last_s: 400 });
    await come();
    const before = hub.asked.length;
    clock.now += 90_000;
    feed.tick();
    await come();
    expect(hub.asked.length).toBe(before);
    clock.now += 20_000;
    feed.tick();
    await come();
    expect(hub.asked.length).toBe(before + 1);
  });

  test('stays the present when one zooms at it, and comes back when one moves there', async () => {
    const feed = open({ last_s: 1_000 });
    await come();
    feed.zoom(0.5, NOW_S);
    expect(feed.range).toEqual({ last_s: 500 });
    feed.pan(-250);
    expect(feed.range).toEqual({ from: NOW_S - 750, to: NOW_S - 250 });
    feed.pan(400);
    expect(feed.range).toEqual({ last_s: 500 });
  });
});

test('a stretch that was chosen does not move', async () => {
  const feed = open({ from: NOW_S - 500, to: NOW_S - 100 });
  await come();
  clock.now += 100_000;
  feed.tick();
  expect(feed.window).toEqual({ from: NOW_S - 500, to: NOW_S - 100 });
});

describe('a proposed range', () => {
  test('gets shorter when there is only little', async () => {
    hub.age_s = 600;
    const feed = open(null);
    await come();
    expect(feed.range).toEqual({ last_s: 3_600 });
  });

  test('is a day when there is as much, and when somebody chose it', async () => {
    const feed = open(null);
    await come();
    expect(feed.range).toEqual({ last_s: 86_400 });
    hub.age_s = 600;
    const chosen = open({ last_s: 86_400 });
    await come();
    expect(chosen.range).toEqual({ last_s: 86_400 });
  });
});

test('a refusal stands beside what was there, until the next answer', async () => {
  const feed = open({ last_s: 3_600 });
  await come();
  hub.fail = refusal(503, 'The disk does not answer.', 'storage');
  feed.reload();
  await come();
  expect(feed.problem?.message).toBe('The disk does not answer.');
  expect(feed.series.length).toBe(1);
  expect(feed.busy).toBe(false);
  hub.fail = null;
  feed.reload();
  await come();
  expect(feed.problem).toBeNull();
});

test('an answer that was overtaken is thrown away', async () => {
  const waiting: ((response: Response) => void)[] = [];
  const slow = (url: string): Promise<Response> =>
    url.includes('points=800') ? new Promise((resolve) => waiting.push(resolve)) : hub.fetch(url);
  const feed = new Feed(new History(new Api(slow as never)), { last_s: 3_600 }, timers);
  feed.want([{ key: 'lamp/heat', type: 'float' }]);
  feed.resize(800);
  await come();
  feed.resize(400);
  await come(500);
  const shown = feed.series;
  expect(shown.length).toBe(1);
  waiting[0]?.(await hub.fetch(`/api/devices/late/heat/history?from=${iso(0)}&to=${iso(10)}&points=800`));
  await come();
  expect(feed.series).toBe(shown);
});
