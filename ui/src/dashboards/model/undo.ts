// What can be taken back: whole states, as they are never changed in place and share what is equal.

/** As many steps back as anybody remembers. */
export const STEPS_MAX = 100;

export interface Undo<T> {
  readonly past: readonly T[];
  readonly now: T;
  readonly future: readonly T[];
  /** What the last step was about: several in a row about the same are one. */
  readonly about: string | null;
}

export function begin<T>(now: T): Undo<T> {
  return { past: [], now, future: [], about: null };
}

/** A step. One `about` the same thing as the step before continues it, so that ten arrow keys are taken back at once. */
export function step<T>(undo: Undo<T>, now: T, about: string | null = null): Undo<T> {
  if (now === undo.now) return undo;
  const goesOn = about !== null && about === undo.about;
  const past = goesOn ? undo.past : [...undo.past, undo.now].slice(-STEPS_MAX);
  return { past, now, future: [], about };
}

export function back<T>(undo: Undo<T>): Undo<T> {
  const now = undo.past.at(-1);
  if (now === undefined) return undo;
  return { past: undo.past.slice(0, -1), now, future: [undo.now, ...undo.future], about: null };
}

export function again<T>(undo: Undo<T>): Undo<T> {
  const [now, ...future] = undo.future;
  if (now === undefined) return undo;
  return { past: [...undo.past, undo.now], now, future, about: null };
}
