// What devices wanted people to be told, and how much of it somebody has seen in this browser.

export interface Notification {
  /** Counts up, and never comes twice. */
  id: number;
  time: string;
  /** Null for the hub itself. */
  device: string | null;
  kind: 'push' | 'email' | 'sms' | 'tweet' | 'event' | 'clear';
  code: string | null;
  to: string | null;
  title: string | null;
  text: string;
  /** Of a mail; null where the hub has no mail server. */
  mail: { state: 'waiting' | 'sent' | 'failed'; reason: string | null } | null;
}

/** Puts what came in the place of what was known, in order; the oldest go when there are too many. */
export function joined(
  known: readonly Notification[],
  came: readonly Notification[],
  most: number,
): Notification[] {
  const byId = new Map(known.map((one) => [one.id, one]));
  for (const one of came) byId.set(one.id, one);
  return [...byId.values()].sort((a, b) => a.id - b.id).slice(-most);
}

const KEY = 'housewire.notifications.seen';

/** The number of the newest that was seen here; `storage` is asked for each time, since even looking at it fails where it is off. */
export const seen = {
  read(storage: () => Storage): number {
    try {
      const id = Number(storage().getItem(KEY));
      return Number.isSafeInteger(id) && id > 0 ? id : 0;
    } catch {
      return 0;
    }
  },
  write(storage: () => Storage, id: number): void {
    try {
      storage().setItem(KEY, String(id));
    } catch {
      // Storage is off: they are new again at the next visit.
    }
  },
};
