// Something read from the hub for one page: what came, or why it did not, and the way to ask again.
import { reasonOf } from '../hub/api';

export class Resource<T> {
  data: T | null = $state.raw(null);
  problem: string | null = $state.raw(null);
  readonly #read: () => Promise<T>;
  #turn = 0;

  constructor(read: () => Promise<T>) {
    this.#read = read;
  }

  /** Asks; what was there stays until the answer comes, and when none does. The last question counts. */
  async load(): Promise<void> {
    const turn = ++this.#turn;
    try {
      const data = await this.#read();
      if (turn !== this.#turn) return;
      this.data = data;
      this.problem = null;
    } catch (error) {
      if (turn === this.#turn) this.problem = reasonOf(error);
    }
  }
}
