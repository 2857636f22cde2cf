// What the hub refuses while somebody waits for a first message: asked again and again, each answer waits at the hub.
import { Problem, type Api } from '../hub/api';

export interface Refusal {
  seq: number;
  time: string;
  transport: string;
  peer: string | null;
  client_id: string | null;
  user: string | null;
  device: string | null;
  topic: string | null;
  kind: string;
  /** Sentences of the hub: what happened, and what to do. */
  what: string;
  next: string;
}

interface Refusals {
  refusals: Refusal[];
  next: number;
}

/** Shorter than the patience of `Api`, which gives up after 10 s. */
const WAIT = '8s';
const AGAIN_MS = 3_000;
const SHOWN_MAX = 5;

/** Those that may be of this device: its own, and those of whom the hub does not know who it is. */
export function concerns(refusal: Refusal, device: string): boolean {
  const named = [refusal.device, refusal.client_id, refusal.user].filter(
    (name) => name !== null && name !== '',
  );
  if (named.includes(device) || refusal.topic?.split('/')[1] === device) return true;
  return refusal.device === null && ['credentials', 'tls', 'protocol'].includes(refusal.kind);
}

/** The newest first; what is alike stands once. */
export function gather(shown: readonly Refusal[], more: readonly Refusal[], device: string): Refusal[] {
  const all = [...more.filter((one) => concerns(one, device)).reverse(), ...shown];
  const firsts = all.filter(
    (one, i) => all.findIndex((other) => other.kind === one.kind && other.what === one.what) === i,
  );
  return firsts.slice(0, SHOWN_MAX);
}

export class Follow {
  list: Refusal[] = $state.raw([]);
  #stopped = false;

  constructor(
    readonly api: Api,
    readonly device: string,
    readonly pause: (ms: number) => Promise<void> = (ms) => new Promise((done) => setTimeout(done, ms)),
  ) {}

  stop(): void {
    this.#stopped = true;
  }

  clear(): void {
    this.list = [];
  }

  async run(): Promise<void> {
    // What was refused before concerns nobody here.
    let next: number | null = null;
    while (!this.#stopped) {
      try {
        const query = next === null ? 'after=0' : `after=${next}&wait=${WAIT}`;
        const answer: Refusals = await this.api.json('GET', `/api/refusals?${query}`);
        if (this.#stopped) return;
        if (next !== null) this.list = gather(this.list, answer.refusals, this.device);
        next = answer.next;
      } catch (error) {
        // Only admins are told: whoever may not know waits for the message alone.
        if (error instanceof Problem && [401, 403, 404].includes(error.status)) return;
        await this.pause(AGAIN_MS);
      }
    }
  }
}
