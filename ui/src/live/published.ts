// What was published from this page, to do it again: kept in this browser, for one person, bounded, and without what looks like a secret.

export type Mode = 'text' | 'json' | 'hex';

export interface Published {
  topic: string;
  payload: string;
  mode: Mode;
  qos: 0 | 1 | 2;
  retain: boolean;
}

export const PUBLISHED_MAX = 20;
/** Longer ones are not kept: this is a memory for hands, no archive. */
export const PAYLOAD_CHARS_MAX = 2_000;

const SECRET =
  /pass(word|wd|phrase|code)?\b|secret|token|api[_-]?key|private|credential|\bpin\b|\bpsk\b|authorization/i;

/** Whether it had better not be left in a browser's storage. */
export function looksSecret({ topic, payload }: Pick<Published, 'topic' | 'payload'>): boolean {
  return SECRET.test(topic) || SECRET.test(payload);
}

export class PublishedLog {
  readonly #key: string;

  /** `storage` is asked for each time, since even looking at it fails where it is off. */
  constructor(
    readonly storage: () => Storage,
    who: string,
  ) {
    this.#key = `housewire.published.${who}`;
  }

  /** Newest first. */
  list(): Published[] {
    try {
      const read: unknown = JSON.parse(this.storage().getItem(this.#key) ?? '[]');
      return Array.isArray(read) ? read.filter(isPublished).slice(0, PUBLISHED_MAX) : [];
    } catch {
      return [];
    }
  }

  /** Returns whether it was kept. */
  add(entry: Published): boolean {
    if (looksSecret(entry) || entry.payload.length > PAYLOAD_CHARS_MAX) return false;
    const same = (other: Published): boolean => JSON.stringify(other) === JSON.stringify(entry);
    return this.#store([entry, ...this.list().filter((other) => !same(other))].slice(0, PUBLISHED_MAX));
  }

  clear(): void {
    this.#store([]);
  }

  #store(entries: readonly Published[]): boolean {
    try {
      if (entries.length === 0) this.storage().removeItem(this.#key);
      else this.storage().setItem(this.#key, JSON.stringify(entries));
      return true;
    } catch {
      // Storage is off or full: what was published is published all the same.
      return false;
    }
  }
}

function isPublished(read: unknown): read is Published {
  const { topic, payload, mode, qos, retain } = (read ?? {}) as Partial<Published>;
  return (
    typeof topic === 'string' &&
    typeof payload === 'string' &&
    (mode === 'text' || mode === 'json' || mode === 'hex') &&
    (qos === 0 || qos === 1 || qos === 2) &&
    typeof retain === 'boolean'
  );
}
