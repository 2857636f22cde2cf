// The connections of the hub as a list that is read again and again: one question at a time, however long an answer takes.
import { Problem, reasonOf, type Api } from '../hub/api';
import type { ConnectionInfo } from './frames';

export class ConnectionsStore {
  /** null until the hub answered. */
  all: ConnectionInfo[] | null = $state.raw(null);
  problem: Problem | null = $state.raw(null);
  readonly #api: Pick<Api, 'list'>;
  #asking: Promise<void> | null = null;

  constructor(api: Pick<Api, 'list'>) {
    this.#api = api;
  }

  /** Asks, unless an answer is awaited already: so none comes after a newer one. */
  load(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => (this.#asking = null));
    return this.#asking;
  }

  async #ask(): Promise<void> {
    try {
      this.all = await this.#api.list<ConnectionInfo>('/api/connections');
      this.problem = null;
    } catch (error) {
      this.problem = error instanceof Problem ? error : new Problem(reasonOf(error), 0, 'unknown');
    }
  }
}
