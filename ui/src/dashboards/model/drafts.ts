// Changes that are not saved yet, kept in this browser: a lost line, a closed tab or an empty battery takes nothing.
// Bounded: the youngest few, and none that is larger than the hub would take.
import type { Dashboard } from '../types';
import { BYTES_MAX } from './file';

const PREFIX = 'housewire.draft.';
export const DRAFTS_MAX = 10;

export interface Draft {
  dashboard: Dashboard;
  /** What it was made from: without it nobody can tell what was changed. */
  base: Dashboard;
  /** The version of the base. */
  version: number;
  /** When it was changed last, in milliseconds. */
  at: number;
  /** Whose it is: another person at this browser does not see it. */
  by: string | null;
  /** Which open page wrote it: another one of the same person leaves it alone. */
  editor?: string;
}

export interface Kept {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** Keeps nothing, and says so: where a browser gives pages no storage. */
const NOWHERE: Kept = {
  length: 0,
  key: () => null,
  getItem: () => null,
  setItem: () => {
    throw new Error('This browser keeps nothing.');
  },
  removeItem: () => {},
};

/** Where drafts are kept. Blocked storage throws as soon as it is looked at. */
export function keptBy(storage: () => Kept | null | undefined): Kept {
  try {
    return storage() ?? NOWHERE;
  } catch {
    return NOWHERE;
  }
}

export class Drafts {
  constructor(
    readonly kept: Kept,
    readonly by: string | null,
  ) {}

  /** Returns false when the browser had no room, or keeps nothing. */
  keep(draft: Omit<Draft, 'by'>): boolean {
    const text = JSON.stringify({ ...draft, by: this.by });
    if (text.length > 2 * BYTES_MAX + 1_000) return false;
    try {
      this.kept.setItem(this.#key(draft.dashboard.id), text);
      this.#prune();
      return true;
    } catch {
      return false;
    }
  }

  of(id: string): Draft | null {
    const draft = this.#read(this.#key(id));
    return draft !== null && draft.by === this.by && draft.dashboard.id === id ? draft : null;
  }

  /** Takes it away; with `editors` only what one of these wrote. */
  drop(id: string, editors?: ReadonlySet<string | undefined>): void {
    try {
      if (editors !== undefined && !editors.has(this.of(id)?.editor)) return;
      this.kept.removeItem(this.#key(id));
    } catch {
      // A browser that keeps nothing has nothing to drop.
    }
  }

  #key(id: string): string {
    return `${PREFIX}${this.by ?? ''}.${id}`;
  }

  #read(key: string): Draft | null {
    try {
      const draft = JSON.parse(this.kept.getItem(key) ?? 'null') as Draft | null;
      const whole =
        Array.isArray(draft?.dashboard.widgets) &&
        Array.isArray(draft.base.widgets) &&
        typeof draft.at === 'number';
      return whole ? draft : null;
    } catch {
      return null;
    }
  }

  #prune(): void {
    const keys: string[] = [];
    for (let i = 0; i < this.kept.length; i += 1) {
      const key = this.kept.key(i);
      if (key?.startsWith(PREFIX)) keys.push(key);
    }
    if (keys.length <= DRAFTS_MAX) return;
    const byAge = keys.map((key) => ({ key, at: this.#read(key)?.at ?? 0 })).sort((a, b) => b.at - a.at);
    for (const { key } of byAge.slice(DRAFTS_MAX)) this.kept.removeItem(key);
  }
}
