// What this browser keeps for a time without the hub: bounded, of one person, and gone when that person is.
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { session, settle } from '../testing/fixtures';
import type { Session } from '../model/account';
import type { DashboardView } from '../dashboards/types';
import { Api } from './api';
import { boundedBoards, type Boards, type Last } from './last';
import { SessionStore, type Memory } from './session.svelte';

const anna = session({});
const nobody = session({ signed_in: false, kind: null, name: null, role: null, read: [], write: [] });

function board(id: string, more: Partial<Boards['opened'][number]> = {}): Boards['opened'][number] {
  const view = { id, title: id, version: 1, widgets: [], tabs: [] } as unknown as DashboardView;
  return { saved: 1, view, topics: {}, ...more };
}

describe('dashboards that are kept', () => {
  const boards = (opened: Boards['opened']): Boards => ({ session: anna, saved: 1, list: null, opened });

  test('are the latest thirty', () => {
    const many = Array.from({ length: 40 }, (_, i) => board(`b${i}`));
    const kept = boundedBoards(boards(many)).opened.map(({ view }) => view.id);
    expect(kept).toHaveLength(30);
    expect(kept[0]).toBe('b0');
  });

  test('are no more than two million characters together', () => {
    const large = (id: string): Boards['opened'][number] =>
      board(id, { view: { id, title: 'x'.repeat(900_000) } as unknown as DashboardView });
    const kept = boundedBoards(boards([large('a'), large('b'), large('c')])).opened;
    expect(kept.map(({ view }) => view.id)).toEqual(['a', 'b']);
  });

  test('leave out long messages of their topics', () => {
    const topics = { a: { value: 'x'.repeat(2_000), time: null }, b: { value: 1, time: null } };
    expect(boundedBoards(boards([board('a', { topics })])).opened[0]?.topics).toEqual({ b: topics.b });
  });
});

describe('whose it is', () => {
  let here: Session;
  let memory: { [Name in keyof Memory]: ReturnType<typeof vi.fn> };
  let store: SessionStore;

  beforeEach(() => {
    here = anna;
    memory = {
      load: vi.fn(async () => null),
      save: vi.fn(async () => {}),
      clear: vi.fn(async () => {}),
    };
    const api = new Api(async (_url, init) => {
      if (init.method === 'DELETE') {
        here = nobody;
        return new Response(null, { status: 204 });
      }
      return Response.json(here);
    });
    store = new SessionStore(api, undefined, memory as unknown as Memory);
  });

  test('nothing is kept for nobody', async () => {
    here = nobody;
    await store.check();
    const write = vi.fn(async () => {});
    await store.keepBy(write);
    expect(write).not.toHaveBeenCalled();
  });

  test('what is written while somebody signs out is cleared again', async () => {
    await store.check();
    let written: () => void = () => {};
    const keeping = store.keepBy(() => new Promise((done) => (written = done)));
    await settle();
    await store.signOut();
    memory.clear.mockClear();
    written();
    await keeping;
    expect(memory.clear).toHaveBeenCalledTimes(1);
  });

  test('what another person saw is gone before anything new is kept', async () => {
    const steps: string[] = [];
    const other: Last = { session: session({ name: 'ben' }), saved: 1, devices: [] };
    memory.load.mockImplementation(async () => other);
    memory.clear.mockImplementation(async () => {
      steps.push('clear');
    });
    await store.check();
    await store.keepBy(async () => {
      steps.push('write');
    });
    expect(steps).toEqual(['clear', 'write']);
  });
});
