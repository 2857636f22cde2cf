// At most one call per interval while something moves, and always the last value at the end.

export interface Timers {
  now(): number;
  later(ms: number, run: () => void): () => void;
}

export const realTimers: Timers = {
  now: () => performance.now(),
  later(ms, run) {
    const id = setTimeout(run, ms);
    return () => clearTimeout(id);
  },
};

export interface Throttled<T> {
  /** Called while moving. */
  move(value: T): void;
  /** Called once at the end: sends at once, and nothing after it. */
  end(value: T): void;
  cancel(): void;
}

export function throttle<T>(
  interval_ms: number,
  send: (value: T) => void,
  timers = realTimers,
): Throttled<T> {
  let lastAt = -Infinity;
  let waiting: { value: T; cancel: () => void } | null = null;

  function fire(value: T): void {
    waiting = null;
    lastAt = timers.now();
    send(value);
  }

  function cancel(): void {
    waiting?.cancel();
    waiting = null;
  }

  return {
    move(value) {
      if (waiting !== null) {
        waiting.value = value;
        return;
      }
      const rest = lastAt + interval_ms - timers.now();
      if (rest <= 0) {
        fire(value);
        return;
      }
      const entry = { value, cancel: () => {} };
      entry.cancel = timers.later(rest, () => fire(entry.value));
      waiting = entry;
    },
    end(value) {
      cancel();
      fire(value);
    },
    cancel,
  };
}
