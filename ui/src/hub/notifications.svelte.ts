// What devices wanted people to be told: how many are new in this browser, for everybody; the whole list for whoever looks at it. The hub
// says on a device's topic that there is something new; what it is, is asked for.
import { joined, seen, type Notification } from '../model/notification';
import { realTimers, type Timers } from '../model/throttle';
import { Problem, reasonOf, type Api } from './api';

const MOST = 1_000;
/** More are not counted. */
export const COUNTED_MAX = 99;
/** They come in bunches. */
const SETTLE_MS = 300;
/** For what nobody says anything of: what the hub itself has to tell. */
const EVERY_MS = 60_000;

interface Page {
  notifications: Notification[];
  next: number;
}

export class NotificationStore {
  /** The oldest first; null until somebody looked and the hub answered. */
  all: readonly Notification[] | null = $state.raw(null);
  problem: string | null = $state.raw(null);
  /** How many are new here; one more than is counted at most. */
  unread = $state.raw(0);

  readonly #api: Api;
  readonly #timers: Timers;
  readonly #storage: () => Storage;
  #seen: number;
  #looking = 0;
  #oldest: number | null = null;
  #cancel: () => void = () => {};
  #stopped = true;
  #turn = 0;

  constructor(api: Api, storage: () => Storage = () => localStorage, timers: Timers = realTimers) {
    this.#api = api;
    this.#timers = timers;
    this.#storage = storage;
    this.#seen = seen.read(storage);
  }

  start(): () => void {
    this.#stopped = false;
    void this.load();
    return () => {
      this.#stopped = true;
      this.#turn += 1;
      this.#cancel();
    };
  }

  /** Somebody looks at the list: what there is counts as seen. Returns what ends that. */
  look(): () => void {
    this.#looking += 1;
    void this.load();
    return () => (this.#looking -= 1);
  }

  /** The hub says that this one is new, or that something became of it. */
  hint(id: number): void {
    this.#oldest = Math.min(this.#oldest ?? id, id);
    if (!this.#stopped) this.#later(SETTLE_MS);
  }

  /** Asks for all that counts: after a line that was lost, too. */
  async load(): Promise<void> {
    await this.#ask(this.#looking > 0 || this.all !== null ? 0 : this.#seen);
  }

  async #ask(after: number): Promise<void> {
    const turn = ++this.#turn;
    let again = EVERY_MS;
    this.#oldest = null;
    try {
      const limit = this.all === null && this.#looking === 0 ? COUNTED_MAX + 1 : MOST;
      const page = await this.#api.json<Page>('GET', `/api/notifications?after=${after}&limit=${limit}`);
      if (turn !== this.#turn) return;
      this.problem = null;
      this.#take(page.notifications, after);
    } catch (error) {
      if (turn !== this.#turn) return;
      this.problem = reasonOf(error);
      // Whoever may not, or a hub without them: neither changes by asking.
      if (error instanceof Problem && [401, 403, 404].includes(error.status)) again = 0;
    }
    if (!this.#stopped && again > 0) this.#later(again);
  }

  #take(came: readonly Notification[], after: number): void {
    if (this.#looking > 0 || this.all !== null) {
      this.all = after === 0 ? came : joined(this.all ?? [], came, MOST);
      const newest = this.all.at(-1)?.id ?? 0;
      // Also back, for a hub that began anew.
      if (this.#looking > 0 && this.#visible() && newest !== this.#seen) {
        this.#seen = newest;
        seen.write(this.#storage, newest);
      }
      this.unread = this.all.filter(({ id }) => id > this.#seen).length;
    } else {
      this.unread = came.filter(({ id }) => id > this.#seen).length;
    }
  }

  /** The number of the newest that was seen here. */
  get seen(): number {
    return this.#seen;
  }

  #visible(): boolean {
    return globalThis.document?.visibilityState !== 'hidden';
  }

  #later(ms: number): void {
    this.#cancel();
    this.#cancel = this.#timers.later(ms, () => {
      const from = this.#oldest;
      if (this.all !== null && from !== null)
        void this.#ask(Math.max(0, Math.min(from - 1, this.all.at(-1)?.id ?? 0)));
      else void this.load();
    });
  }
}
