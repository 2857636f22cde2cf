// A summary of the whole house, made anew now and then while it is looked at: a message does not wake it, however many there are.
import { untrack } from 'svelte';
import { realTimers, type Timers } from '../../model/throttle';

export const CALM_MS = 1_500;

export class Calm<T> {
  /** Replaced only when it says something else. */
  now: T = $state.raw() as T;
  readonly #make: () => T;
  readonly #timers: Timers;
  #text: string;

  constructor(make: () => T, timers: Timers = realTimers) {
    this.#make = make;
    this.#timers = timers;
    this.now = untrack(make);
    this.#text = JSON.stringify(this.now);
  }

  look(): void {
    const next = untrack(this.#make);
    const text = JSON.stringify(next);
    if (text === this.#text) return;
    this.#text = text;
    this.now = next;
  }

  /** From now on, until what it returns is called. */
  run(): () => void {
    let cancel = (): void => {};
    const again = (): void => {
      this.look();
      cancel = this.#timers.later(CALM_MS, again);
    };
    again();
    return () => cancel();
  }
}
