// Gathers messages and hands them on once per frame, so that a burst paints once. A hidden tab gets no
// frames; there a slow timer takes over. A full batch is handed on at once: nothing is ever dropped.

const BATCH_MAX = 5_000;
const HIDDEN_MS = 250;

export type Schedule = (flush: () => void) => void;

const onNextFrame: Schedule = (flush) => {
  if (document.visibilityState === 'hidden') setTimeout(flush, HIDDEN_MS);
  else requestAnimationFrame(flush);
};

export class Batch<T> {
  #items: T[] = [];
  #due = false;

  constructor(
    readonly apply: (items: readonly T[]) => void,
    readonly schedule: Schedule = onNextFrame,
  ) {}

  add(item: T): void {
    this.#items.push(item);
    if (this.#items.length >= BATCH_MAX) this.flush();
    if (this.#due) return;
    this.#due = true;
    this.schedule(() => {
      this.#due = false;
      this.flush();
    });
  }

  flush(): void {
    if (this.#items.length === 0) return;
    const items = this.#items;
    this.#items = [];
    this.apply(items);
  }
}
