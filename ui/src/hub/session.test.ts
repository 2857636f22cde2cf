// Who is signed in, against a made-up hub: sign-in, sign-out, sessions that end by themselves.
import { beforeEach, describe, expect, test } from 'vitest';
import { FakeTimers, refusal, session, settle } from '../testing/fixtures';
import type { Session } from '../model/account';
import type { Json } from '../model/types';
import { Api, Problem } from './api';
import type { Last } from './last';
import { SessionStore } from './session.svelte';

let timers: FakeTimers;
let store: SessionStore;
let api: Api;
/** What the hub says of whoever asks. */
let here: Session;
let asked: { method: string; url: string; body: Json | undefined }[];
let answer: (method: string, url: string) => Response | Promise<Response> | undefined;

const nobody = session({ signed_in: false, kind: null, name: null, role: null, read: [], write: [] });
const anna = session({});
const questions = (): number =>
  asked.filter(({ method, url }) => method === 'GET' && url === '/api/session').length;

beforeEach(() => {
  timers = new FakeTimers();
  here = nobody;
  asked = [];
  answer = () => undefined;
  api = new Api(async (url, init) => {
    const method = init.method ?? 'GET';
    asked.push({
      method,
      url,
      body: typeof init.body === 'string' ? (JSON.parse(init.body) as Json) : undefined,
    });
    const taken = await answer(method, url);
    if (taken !== undefined) return taken;
    if (method === 'DELETE') {
      here = nobody;
      return new Response(null, { status: 204 });
    }
    if (method === 'POST') here = anna;
    return Response.json(here);
  });
  store = new SessionStore(api, timers);
});

test('the first answer says who is here', async () => {
  expect(store.current).toBeNull();
  here = anna;
  store.start();
  await settle();
  expect(store.current?.name).toBe('anna');
  expect(store.sight).toBe(1);
  expect(store.ended).toBe(false);
});

test.each([
  ['local', true],
  ['own', false],
])('over TLS it learns who signed the certificate: %s', async (issued_by, expected) => {
  here = session({ secure: true });
  answer = (_, url) =>
    url === '/api/tls' ? Response.json({ mode: 'on', certificate: { issued_by } }) : undefined;
  await store.check();
  await settle();
  expect(store.localCa).toBe(expected);
});

test('in the clear nobody asks for certificates', async () => {
  here = anna;
  await store.check();
  await settle();
  expect(asked.map(({ url }) => url)).toEqual(['/api/session']);
});

test('no answer is a problem until one comes, and it is asked again', async () => {
  answer = () => Promise.reject(new TypeError('fetch failed'));
  store.start();
  await settle();
  expect(store.current).toBeNull();
  expect(store.problem?.code).toBe('network');
  answer = () => undefined;
  timers.pass(3_000);
  await settle();
  expect(store.current).toEqual(nobody);
  expect(store.problem).toBeNull();
});

test('a hub that is gone for a while signs nobody out', async () => {
  here = anna;
  await store.check();
  answer = () => Promise.reject(new TypeError('fetch failed'));
  await store.check();
  expect(store.current?.name).toBe('anna');
  expect(store.problem).toBeNull();
  expect(store.sight).toBe(1);
});

describe('signing in and out', () => {
  test('sends name and password, and begins to look anew', async () => {
    await store.check();
    await store.signIn('anna', 'a b c d e f');
    expect(asked.at(-1)).toEqual({
      method: 'POST',
      url: '/api/session',
      body: { name: 'anna', password: 'a b c d e f' },
    });
    expect(store.current?.name).toBe('anna');
    expect(store.sight).toBe(2);
  });

  test('a refusal leaves everything as it was, with the hub’s words and its wait', async () => {
    await store.check();
    answer = (method) =>
      method === 'POST'
        ? new Response(JSON.stringify({ detail: 'Wait a moment.' }), {
            status: 429,
            headers: { 'retry-after': '7' },
          })
        : undefined;
    const problem = await store.signIn('anna', 'x').catch((error: unknown) => error);
    expect(problem).toBeInstanceOf(Problem);
    expect(problem).toMatchObject({ message: 'Wait a moment.', status: 429, retryAfter_s: 7 });
    expect(store.current).toEqual(nobody);
    expect(store.sight).toBe(1);
  });

  test('signing out ends it on the hub, and is no surprise', async () => {
    here = anna;
    await store.check();
    await store.signOut();
    expect(asked.map(({ method }) => method)).toEqual(['GET', 'DELETE', 'GET']);
    expect(store.current?.kind).toBeNull();
    expect(store.current?.name).toBeNull();
    expect(store.sight).toBe(2);
    expect(store.ended).toBe(false);
  });

  test('a sign-out that the hub did not hear is not pretended', async () => {
    here = anna;
    await store.check();
    answer = (method) => (method === 'DELETE' ? Promise.reject(new TypeError('fetch failed')) : undefined);
    await expect(store.signOut()).rejects.toThrow(Problem);
    expect(store.current?.name).toBe('anna');
  });

  test('a sign-out of what has ended already is one', async () => {
    here = anna;
    await store.check();
    here = nobody;
    answer = (method) => (method === 'DELETE' ? refusal(401, 'Who are you?', 'unauthorized') : undefined);
    await store.signOut();
    expect(store.current?.kind).toBeNull();
  });

  test('an answer from before the sign-in does not undo it', async () => {
    let late: (response: Response) => void = () => {};
    answer = (method) =>
      method === 'GET' ? new Promise<Response>((resolve) => (late = resolve)) : undefined;
    const check = store.check();
    await store.signIn('anna', 'x');
    late(Response.json(nobody));
    await check;
    expect(store.current?.name).toBe('anna');
  });
});

describe('what this browser kept', () => {
  let kept: Last | null;
  const away = (): Promise<Response> => Promise.reject(new TypeError('fetch failed'));
  const of = (who: Session, saved = Date.now()): Last => ({ session: who, saved, devices: [] });

  beforeEach(() => {
    kept = null;
    store = new SessionStore(api, timers, {
      load: async () => kept,
      save: async (last) => void (kept = last),
      clear: async () => void (kept = null),
    });
  });

  test('is shown while the hub is away', async () => {
    kept = of(anna);
    answer = away;
    await store.check();
    expect(store.current?.name).toBe('anna');
    expect(store.last).not.toBeNull();
  });

  test.each([
    ['a session that has ended', of(session({ expires: '2020-01-01T00:00:00Z' }))],
    ['a month ago and longer', of(session({}), Date.now() - 31 * 86_400_000)],
  ])('is not shown when it is of %s', async (_, last) => {
    kept = last;
    answer = away;
    await store.check();
    expect(store.current).toBeNull();
    expect(kept).toBeNull();
  });

  test('goes with a sign-out that the hub did not hear', async () => {
    here = anna;
    await store.check();
    kept = of(anna);
    answer = away;
    await expect(store.signOut()).rejects.toThrow(Problem);
    expect(kept).toBeNull();
  });

  test('goes when the page opens for somebody else, or for less', async () => {
    for (const other of [
      session({ kind: 'guest', name: null }),
      session({ name: 'ben' }),
      session({ read: [] }),
    ]) {
      kept = of(session({ name: 'anna', read: ['#'] }));
      here = other;
      const fresh = new SessionStore(api, timers, {
        load: async () => kept,
        save: async () => {},
        clear: async () => void (kept = null),
      });
      await fresh.check();
      await settle();
      expect(kept).toBeNull();
    }
  });

  test('stays when the page opens for the same person', async () => {
    kept = of(anna);
    here = anna;
    await store.check();
    await settle();
    expect(kept).not.toBeNull();
  });
});

test('another link in the same browser leads to another dashboard', async () => {
  here = session({ kind: 'share', name: null, dashboard: 'hall' });
  await store.check();
  here = session({ kind: 'share', name: null, dashboard: 'attic' });
  await store.renew();
  expect(store.current?.dashboard).toBe('attic');
  expect(store.sight).toBe(2);
});

test('an answer from before a link was taken means nothing', async () => {
  let late: (response: Response) => void = () => {};
  answer = () => new Promise<Response>((resolve) => (late = resolve));
  const before = store.check();
  const answerLate = late;
  answer = () => undefined;
  here = session({ kind: 'share', name: null, dashboard: 'hall' });
  await store.renew();
  answerLate(Response.json(nobody));
  await before;
  expect(store.current?.dashboard).toBe('hall');
});

describe('set-up', () => {
  test('gives the key of the link, once', async () => {
    await store.check();
    store.setupKey = 'K';
    await store.setup('anna', 'a b c d e f');
    expect(asked.at(-1)).toEqual({
      method: 'POST',
      url: '/api/setup',
      body: { key: 'K', name: 'anna', password: 'a b c d e f' },
    });
    expect(store.setupKey).toBeNull();
    expect(store.current?.name).toBe('anna');
  });

  test('needs no key on the hub’s own machine', async () => {
    await store.setup('anna', 'a b c d e f');
    expect(asked.at(-1)?.body).toEqual({ name: 'anna', password: 'a b c d e f' });
  });

  test('keeps the key when it did not work', async () => {
    store.setupKey = 'K';
    answer = () => refusal(422, 'Too short.', 'weak_password');
    await expect(store.setup('anna', 'x')).rejects.toThrow('Too short.');
    expect(store.setupKey).toBe('K');
  });
});

describe('a session that changes by itself', () => {
  beforeEach(async () => {
    here = anna;
    await store.check();
    timers.pass(60_000);
  });

  test('a refused request makes the page ask who it is', async () => {
    answer = (_, url) => (url === '/api/devices' ? refusal(401, 'Who are you?', 'unauthorized') : undefined);
    here = nobody;
    await expect(api.devices()).rejects.toThrow('Who are you?');
    await settle();
    expect(store.current?.kind).toBeNull();
    expect(store.ended).toBe(true);
    expect(store.sight).toBe(2);
  });

  test('many refusals are one question, and one more a second later', async () => {
    answer = (_, url) => (url === '/api/devices' ? refusal(403, 'No.', 'forbidden') : undefined);
    const before = questions();
    for (let i = 0; i < 5; i += 1) await api.devices().catch(() => {});
    await settle();
    expect(questions()).toBe(before + 1);
    timers.pass(1_000);
    await settle();
    expect(questions()).toBe(before + 2);
  });

  test('is asked for from time to time', async () => {
    const stop = store.start();
    await settle();
    const before = questions();
    timers.pass(30_000);
    await settle();
    expect(questions()).toBe(before + 1);
    stop();
    timers.pass(120_000);
    await settle();
    expect(questions()).toBe(before + 1);
  });

  test('fewer rights to write keep what is on the screen and lock the controls', async () => {
    expect(store.mayAsk('lamp', 'power')).toBe(true);
    here = session({ role: 'viewer', write: [] });
    await store.check();
    expect(store.sight).toBe(1);
    expect(store.mayAsk('lamp', 'power')).toBe(false);
  });

  test('fewer rights to read begin anew', async () => {
    here = session({ read: ['devices/lamp/#'] });
    await store.check();
    expect(store.sight).toBe(2);
    expect(store.ended).toBe(false);
  });

  test('signing in again is no longer an end', async () => {
    here = nobody;
    await store.check();
    expect(store.ended).toBe(true);
    await store.signIn('anna', 'x');
    expect(store.ended).toBe(false);
  });
});

describe('lists', () => {
  test('are followed page by page', async () => {
    answer = (_, url) => {
      if (url === '/api/users')
        return Response.json([{ name: 'anna' }], {
          headers: { link: '</api/users?after=anna&limit=1>; rel="next"' },
        });
      return Response.json([{ name: 'ben' }]);
    };
    const people = await store.accounts.people();
    expect(people.map(({ name }) => name)).toEqual(['anna', 'ben']);
  });

  test('no link to another hub is followed', async () => {
    answer = () =>
      Response.json([], { headers: { link: '<https://elsewhere.example/api/users>; rel="next"' } });
    expect(await store.accounts.people()).toEqual([]);
    expect(asked).toHaveLength(1);
  });

  test('what is no list is refused', async () => {
    answer = () => Response.json({ users: [] });
    await expect(store.accounts.people()).rejects.toThrow(Problem);
  });
});
