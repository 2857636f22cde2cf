// What the hub refuses while somebody waits for a first message: asked again and again, each answer waits at the hub.
import { Problem, type Api } from '../hub/api';
import type { Protocol } from './boards';

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

/** With whose it is. */
export interface Told extends Refusal {
  whose: 'own' | 'maybe';
}

/** An address without its port, which is another one each time. */
export function hostOf(peer: string | null): string | null {
  return peer?.replace(/:\d+$/, '') ?? null;
}

interface Refusals {
  refusals: Refusal[];
  next: number;
}

/** Shorter than the patience of `Api`, which gives up after 10 s. */
const WAIT = '8s';
const AGAIN_MS = 3_000;
const SHOWN_MAX = 5;

/** What somebody waits for. */
export interface Waited {
  device: string;
  protocol: Protocol;
}

/** What the hub calls what is spoken; before that it knows only what carries it. */
const SPOKEN: Record<Protocol, string> = { mqtt: 'mqtt', http: 'http', websocket: 'ws', blynk: 'blynk' };
const CARRIERS: readonly string[] = ['tcp', 'tls', 'unknown'];

/**
 * Whose a refusal is: `own` if it says so of itself; `maybe` if the hub does not know who it was and it may be, by what it spoke; null
 * if it is another's.
 */
export function concerns(refusal: Refusal, { device, protocol }: Waited): 'own' | 'maybe' | null {
  const named = [refusal.device, refusal.client_id, refusal.user].filter(
    (name) => name !== null && name !== '',
  );
  if (named.includes(device)) return 'own';
  const about = refusal.topic?.split('/')[1] === device;
  // Another device's token in the program, or another device that strayed.
  if (refusal.device !== null) return about ? 'maybe' : null;
  if (about) return 'own';
  if (!['credentials', 'tls', 'protocol'].includes(refusal.kind)) return null;
  const { transport } = refusal;
  return transport === SPOKEN[protocol] || CARRIERS.includes(transport) ? 'maybe' : null;
}

/** The newest first; what is alike stands once. */
export function gather(shown: readonly Told[], more: readonly Refusal[], waited: Waited): Told[] {
  const fresh = more.flatMap((one) => {
    const whose = concerns(one, waited);
    return whose === null ? [] : [{ ...one, whose }];
  });
  const all = [...fresh.reverse(), ...shown];
  const firsts = all.filter(
    (one, i) =>
      all.findIndex(
        (other) =>
          other.kind === one.kind &&
          other.what === one.what &&
          other.whose === one.whose &&
          (one.whose === 'own' || hostOf(other.peer) === hostOf(one.peer)),
      ) === i,
  );
  return firsts.slice(0, SHOWN_MAX);
}

export class Follow {
  list: Told[] = $state.raw([]);
  #stopped = false;

  constructor(
    readonly api: Api,
    readonly waited: Waited,
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
        if (next !== null) this.list = gather(this.list, answer.refusals, this.waited);
        next = answer.next;
      } catch (error) {
        // Only admins are told: whoever may not know waits for the message alone.
        if (error instanceof Problem && [401, 403, 404].includes(error.status)) return;
        await this.pause(AGAIN_MS);
      }
    }
  }
}
