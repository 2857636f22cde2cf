// How long to wait before the next attempt. Pure: attempt and chance come from outside.

export interface BackoffOptions {
  first_ms: number;
  max_ms: number;
}

export const RECONNECT: BackoffOptions = { first_ms: 500, max_ms: 15_000 };

/** Doubles with each attempt; half of it is chance, so that fifty tablets do not return at once. */
export function backoffDelay(attempt: number, random: number, options: BackoffOptions = RECONNECT): number {
  const full = Math.min(options.max_ms, options.first_ms * 2 ** Math.min(attempt, 16));
  return Math.round(full / 2 + (full / 2) * random);
}
