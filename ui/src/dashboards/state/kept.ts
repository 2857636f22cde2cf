// The dashboards that were seen last, as this browser keeps them for a time without the hub.
import { clock } from '../../hub/clock.svelte';
import type { Boards, KeptBoard } from '../../hub/last';
import { isOver, type SessionStore } from '../../hub/session.svelte';
import { sameSight } from '../../model/account';
import { pwa } from '../../pwa.svelte';
import type { DashboardView } from '../types';
import type { Listed } from './dashboards';

export class Kept {
  constructor(readonly session: SessionStore) {}

  /** The hub does not answer, and what is shown is what was kept. */
  get old(): boolean {
    return this.session.last !== null;
  }

  async list(): Promise<Listed[] | null> {
    return (await this.#boards())?.list ?? null;
  }

  /** Those that were opened, the latest first. */
  async opened(): Promise<KeptBoard[]> {
    return (await this.#boards())?.opened ?? [];
  }

  async board(id: string): Promise<KeptBoard | null> {
    return (await this.opened()).find(({ view }) => view.id === id) ?? null;
  }

  async keepList(list: Listed[]): Promise<void> {
    await this.#change((was) => {
      const there = new Set(list.map(({ id }) => id));
      // What is not in the list is gone, or no longer to be seen.
      return { ...was, list, opened: was.opened.filter(({ view }) => there.has(view.id)) };
    });
  }

  async keep(view: DashboardView, topics: KeptBoard['topics'] | null = null): Promise<void> {
    await this.#change((was) => {
      const before = was.opened.find((one) => one.view.id === view.id);
      const others = was.opened.filter((one) => one !== before);
      const board = { saved: clock.now, view, topics: topics ?? before?.topics ?? {} };
      return { ...was, opened: [board, ...others] };
    });
  }

  async forget(id: string): Promise<void> {
    await this.#change((was) => ({ ...was, opened: was.opened.filter(({ view }) => view.id !== id) }));
  }

  async #boards(): Promise<Boards | null> {
    const me = this.session.current;
    if (!pwa.possible || me === null) return null;
    try {
      const boards = await (await import('../../hub/last')).loadBoards();
      return boards !== null && sameSight(boards.session, me) && !isOver(boards, Date.now()) ? boards : null;
    } catch {
      return null;
    }
  }

  async #change(change: (was: Boards) => Boards): Promise<void> {
    if (!pwa.possible) return;
    await this.session.keepBy(async (me) => {
      const { changeBoards } = await import('../../hub/last');
      await changeBoards(me, (was) => ({ ...change(was), saved: clock.now }));
    });
  }
}
