// The one WebSocket: connects, subscribes, notices a dead line, and comes back by itself. Knows frames,
// not devices. Socket, time and chance are handed in, so that tests need none of them.
import { backoffDelay } from '../model/backoff';
import { realTimers, type Timers } from '../model/throttle';
import { t } from '../strings';
import type { Json, MessageFrame, ServerFrame } from '../model/types';

/** What we use of the browser's WebSocket. */
export interface SocketLike {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(): void;
}

export type LinkState =
  | { state: 'connecting' }
  /** Subscribed: whatever changes from here on arrives. */
  | { state: 'live' }
  /** Broken; the next attempt starts at `retryAt` (in the time of `Timers.now`). */
  | { state: 'waiting'; retryAt: number };

export interface SocketEvents<Payload = Json> {
  state(state: LinkState): void;
  /** The subscriptions stand: now is the time to fetch the registry. */
  subscribed(): void;
  message(frame: MessageFrame<Payload>): void;
  /** We did not keep up, and so many messages were left out. */
  lost?(count: number): void;
}

/** What the hub said to a subscription or a message of our own. */
export type Answer = { ok: true } | { ok: false; code: string; message: string };

/** How frames are written; JSON unless said otherwise. */
export interface Codec<Payload> {
  encode(operation: Record<string, Json>): string | Uint8Array<ArrayBuffer>;
  /** Null for what cannot be understood. */
  decode(data: unknown): ServerFrame<Payload> | null;
}

export interface SocketOptions<Payload = Json> {
  open: () => SocketLike;
  /** May be empty: who may read nothing is still told when the line breaks. */
  filters: readonly string[];
  events: SocketEvents<Payload>;
  codec?: Codec<Payload>;
  timers?: Timers;
  random?: () => number;
}

/** An idle line is asked for a sign of life after this time … */
export const PING_MS = 20_000;
/** … and given up when none came within this time. Also the limit for connecting. */
export const ANSWER_MS = 8_000;
/** A line that lasted this long was a good one: the next failure starts counting anew. */
const STEADY_MS = 5_000;

/** Subscriptions are numbered from here on. */
const SUBSCRIBE_ID = 1;
/** Messages of ours that the hub has not answered; more are refused here. */
const ASKED_MAX = 1_000;

export class HubSocket<Payload = Json> {
  readonly #options: SocketOptions<Payload>;
  readonly #codec: Codec<Payload>;
  readonly #timers: Timers;
  readonly #random: () => number;
  #socket: SocketLike | null = null;
  #cancelTimer: () => void = () => {};
  #attempt = 0;
  #liveSince: number | null = null;
  /** Subscriptions of this connection that are not answered, and whether one of them stands. */
  readonly #unanswered = new Set<number>();
  #stands = false;
  /** Filters that came later, with how many want them and what was answered. */
  readonly #extra = new Map<string, { wanted: number; answered: ((answer: Answer) => void)[] }>();
  /** Whoever waits for an answer, by the number of the question. */
  readonly #asked = new Map<number, (answer: Answer) => void>();
  #nextId: number;
  #stopped = true;

  constructor(options: SocketOptions<Payload>) {
    this.#options = options;
    // Without one, payloads are the JSON of the hub.
    this.#codec = options.codec ?? (JSON_CODEC as unknown as Codec<Payload>);
    this.#timers = options.timers ?? realTimers;
    this.#random = options.random ?? Math.random;
    this.#nextId = SUBSCRIBE_ID + options.filters.length;
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    this.#drop();
  }

  /** Ends the wait for the next attempt; does nothing while a line stands or is being opened. */
  retryNow(): void {
    if (this.#stopped || this.#socket !== null) return;
    this.#connect();
  }

  /**
   * One more filter, for as long as somebody wants it; several may want the same. What is stored comes first, for everybody who
   * has it already, too. `answered` is told each time that the hub took or refused it: after every reconnect.
   */
  subscribe(filter: string, answered: (answer: Answer) => void): () => void {
    const entry = this.#extra.get(filter) ?? { wanted: 0, answered: [] };
    entry.wanted += 1;
    entry.answered.push(answered);
    this.#extra.set(filter, entry);
    // Also when another wants it already: whoever came late gets what is stored, too.
    if (this.#liveSince !== null) this.#subscribeNow(filter, [answered]);
    let done = false;
    return () => {
      if (done) return;
      done = true;
      entry.wanted -= 1;
      entry.answered.splice(entry.answered.indexOf(answered), 1);
      if (entry.wanted > 0) return;
      this.#extra.delete(filter);
      if (this.#liveSince !== null && !this.#options.filters.includes(filter))
        this.#ask({ op: 'unsubscribe', filter }, () => {});
    };
  }

  /** Publishes; tells what the hub said, or that there is no line. */
  publish(topic: string, payload: Json, answered: (answer: Answer) => void): void {
    if (this.#liveSince === null || this.#asked.size >= ASKED_MAX) {
      answered({ ok: false, code: 'offline', message: t.link.bannerLost });
      return;
    }
    this.#ask({ op: 'publish', topic, payload }, answered);
  }

  #subscribeNow(filter: string, answered: readonly ((answer: Answer) => void)[]): void {
    const told = [...answered];
    this.#ask({ op: 'subscribe', filter }, (answer) => {
      // A line that broke says nothing of the subscription; it is asked for again.
      if (answer.ok || answer.code !== 'offline') for (const tell of told) tell(answer);
    });
  }

  #ask(question: Record<string, Json>, answered: (answer: Answer) => void): void {
    const id = this.#nextId++;
    this.#asked.set(id, answered);
    this.#socket?.send(this.#codec.encode({ ...question, id }));
  }

  #connect(): void {
    this.#cancelTimer();
    this.#options.events.state({ state: 'connecting' });
    let socket: SocketLike;
    try {
      socket = this.#options.open();
    } catch {
      this.#lost();
      return;
    }
    this.#socket = socket;
    this.#expectWithin(ANSWER_MS);
    socket.onopen = () => {
      const { filters } = this.#options;
      this.#stands = filters.length === 0;
      this.#unanswered.clear();
      filters.forEach((filter, i) => {
        this.#unanswered.add(SUBSCRIBE_ID + i);
        socket.send(this.#codec.encode({ op: 'subscribe', id: SUBSCRIBE_ID + i, filter }));
      });
      if (this.#stands) this.#live();
    };
    socket.onmessage = (event) => {
      if (this.#socket === socket) this.#received(event.data);
    };
    socket.onclose = () => {
      if (this.#socket === socket) this.#lost();
    };
  }

  #received(data: unknown): void {
    const frame = this.#codec.decode(data);
    if (this.#liveSince !== null) this.#watchIdle();
    if (frame === null) return;
    if (frame.op === 'message') {
      this.#options.events.message(frame);
    } else if (frame.op === 'lost') {
      this.#options.events.lost?.(frame.count);
    } else if (frame.id !== null && this.#asked.has(frame.id)) {
      const answered = this.#asked.get(frame.id);
      this.#asked.delete(frame.id);
      answered?.(frame.op === 'ok' ? { ok: true } : { ok: false, code: frame.code, message: frame.message });
    } else if (frame.id !== null && this.#unanswered.delete(frame.id)) {
      // One that is refused leaves the others: rights may have shrunk a moment ago.
      this.#stands ||= frame.op === 'ok';
      if (this.#unanswered.size > 0) return;
      if (this.#stands) this.#live();
      else this.#lost();
    }
  }

  #live(): void {
    this.#liveSince = this.#timers.now();
    this.#watchIdle();
    this.#options.events.state({ state: 'live' });
    for (const [filter, { answered }] of this.#extra) this.#subscribeNow(filter, answered);
    this.#options.events.subscribed();
  }

  #watchIdle(): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#timers.later(PING_MS, () => {
      this.#socket?.send(this.#codec.encode({ op: 'ping', id: this.#nextId++ }));
      this.#expectWithin(ANSWER_MS);
    });
  }

  #expectWithin(ms: number): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#timers.later(ms, () => this.#lost());
  }

  #lost(): void {
    const now = this.#timers.now();
    if (this.#liveSince !== null && now - this.#liveSince >= STEADY_MS) this.#attempt = 0;
    this.#drop();
    if (this.#stopped) return;
    const delay = backoffDelay(this.#attempt++, this.#random());
    this.#options.events.state({ state: 'waiting', retryAt: now + delay });
    this.#cancelTimer = this.#timers.later(delay, () => this.#connect());
  }

  #drop(): void {
    this.#cancelTimer();
    this.#liveSince = null;
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    for (const answered of asked) answered({ ok: false, code: 'offline', message: t.link.bannerLost });
  }
}

const JSON_CODEC: Codec<Json> = {
  encode: (operation) => JSON.stringify(operation),
  decode(data) {
    if (typeof data !== 'string') return null;
    try {
      return frameOf<Json>(JSON.parse(data));
    } catch {
      return null;
    }
  },
};

/** What was read as a frame, if it is one. */
export function frameOf<Payload>(read: unknown): ServerFrame<Payload> | null {
  const frame = read as Partial<ServerFrame<Payload>> | null;
  if (frame === null || typeof frame !== 'object' || typeof frame.op !== 'string') return null;
  if (frame.op === 'message' && typeof frame.topic !== 'string') return null;
  return frame as ServerFrame<Payload>;
}
