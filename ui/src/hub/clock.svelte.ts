// One ticking clock for every age on the page, in the hub's time: a Raspberry Pi without a battery may
// be hours off, and "4 min ago" has to be right all the same.

const TOLERANCE_MS = 2_000;

class Clock {
  /** Hub time in milliseconds, renewed once a second while the page is visible. */
  now = $state(Date.now());
  #skew_ms = 0;

  start(): () => void {
    const tick = (): void => {
      if (document.visibilityState === 'visible') this.now = Date.now() + this.#skew_ms;
    };
    const id = setInterval(tick, 1000);
    document.addEventListener('visibilitychange', tick);
    return () => {
      clearInterval(id);
      document.removeEventListener('visibilitychange', tick);
    };
  }

  /** Learns from the time of a message that was sent just now. */
  observe(time: string | null): void {
    if (time === null) return;
    const skew = Date.parse(time) - Date.now();
    if (!Number.isFinite(skew) || Math.abs(skew - this.#skew_ms) < TOLERANCE_MS) return;
    this.#skew_ms = Math.abs(skew) < TOLERANCE_MS ? 0 : skew;
    this.now = Date.now() + this.#skew_ms;
  }
}

export const clock = new Clock();
