// Devices that announced themselves, for whoever may see everything: asked for from time to time, and whenever a
// device here comes, goes or changes.
import { covers } from '../model/filter';
import type { Session } from '../model/account';
import type { DiscoverySettings, Found } from '../model/found';
import { realTimers, type Timers } from '../model/throttle';
import type { Json } from '../model/types';
import { Problem, reasonOf, type Api } from './api';

const EVERY_MS = 15_000;
/** While somebody looks at the list. */
const WATCHED_MS = 3_000;
/** Changes come in bunches. */
const SETTLE_MS = 700;

const at = encodeURIComponent;

export interface Adoption {
  device?: string;
  name?: string;
  room?: string;
}

export class FoundStore {
  /** null until the hub answered. */
  all: readonly Found[] | null = $state.raw(null);
  problem: string | null = $state.raw(null);
  readonly fresh: readonly Found[] = $derived((this.all ?? []).filter(({ state }) => state === 'new'));

  readonly #api: Api;
  readonly #timers: Timers;
  #cancel: () => void = () => {};
  #turn = 0;
  #stopped = true;
  #watched = false;

  constructor(api: Api, timers: Timers = realTimers) {
    this.#api = api;
    this.#timers = timers;
  }

  /** Begins to ask. Returns what ends that. */
  start(): () => void {
    this.#stopped = false;
    void this.load();
    return () => {
      this.#stopped = true;
      this.#cancel();
      this.#turn += 1;
    };
  }

  /** Somebody looks at the list: asks more often. Returns what ends that. */
  watch(): () => void {
    this.#watched = true;
    if (!this.#stopped) void this.load();
    return () => (this.#watched = false);
  }

  /** Something changed: asks soon. */
  hint(): void {
    if (!this.#stopped && this.all !== null) this.#later(SETTLE_MS);
  }

  async load(): Promise<void> {
    const turn = ++this.#turn;
    let again = this.#watched ? WATCHED_MS : EVERY_MS;
    try {
      const all = await this.#api.list<Found>('/api/discovered');
      if (turn !== this.#turn) return;
      this.problem = null;
      if (JSON.stringify(all) !== JSON.stringify(this.all)) this.all = all;
    } catch (error) {
      if (turn !== this.#turn) return;
      this.problem = reasonOf(error);
      // A hub without discovery, or somebody who may not: neither changes by asking.
      if (error instanceof Problem && [403, 404, 405].includes(error.status)) again = 0;
    }
    if (!this.#stopped && again > 0) this.#later(again);
  }

  #later(ms: number): void {
    this.#cancel();
    this.#cancel = this.#timers.later(ms, () => {
      if (globalThis.document?.visibilityState !== 'hidden') void this.load();
      else this.#later(EVERY_MS);
    });
  }

  /** The one that became a device here. */
  of(device: string): Found | undefined {
    return this.all?.find((found) => found.device === device);
  }

  /** Gives back the id of the device it became. */
  async adopt(found: Found, adoption: Adoption): Promise<string> {
    const answer = await this.#api.json<{ device: string }>('POST', `${path(found)}/adopt`, adoption as Json);
    await this.load();
    return answer.device;
  }

  async change(found: Found, what: 'ignore' | 'restore' | 'remove' | 'forget'): Promise<void> {
    await this.#api.send('POST', `${path(found)}/${what}`);
    await this.load();
  }

  settings(): Promise<DiscoverySettings> {
    return this.#api.json('GET', '/api/discovery');
  }

  async changeSettings(settings: DiscoverySettings): Promise<void> {
    await this.#api.send('PUT', '/api/discovery', settings as unknown as Json);
    await this.load();
  }
}

function path(found: Found): string {
  return `/api/discovered/${at(found.id)}`;
}

/** Whether the hub tells this session what it found. */
export function maySeeFound(session: Session | null): boolean {
  if (session === null || session.administers) return session !== null;
  return session.deny.length === 0 && session.read.some((filter) => covers(filter, '#'));
}
