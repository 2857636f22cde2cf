// The live view's own line to the hub, and the tree that it fills. Open only while somebody looks. Messages go into the tree as they
// come; what is drawn of it changes once a frame at most.
import { Batch, type Schedule } from '../hub/batch';
import { Problem, type Api } from '../hub/api';
import { clock } from '../hub/clock.svelte';
import { frameOf, HubSocket, type Codec, type LinkState, type SocketLike } from '../hub/socket';
import type { Session } from '../model/account';
import { covers } from '../model/filter';
import { realTimers, type Timers } from '../model/throttle';
import type { Json, MessageFrame } from '../model/types';
import { decodeCbor, encodeCbor } from './cbor';
import { TopicTree, type TopicNode } from './tree';

/** Topics that are asked about at once; no more are ever in view. */
const ASKED_MAX = 200;
/** A topic that something was published to is asked about again, but not more often than this. */
const ASK_AGAIN_MS = 5_000;

export interface LineOptions {
  api: Api;
  filters: readonly string[];
  open?: () => SocketLike;
  schedule?: Schedule;
  timers?: Timers;
}

/** Of `#`, as much as somebody may read; what begins with `$` only if it is wanted. */
export function liveFilters({ read }: Pick<Session, 'read'>, system: boolean): string[] {
  const wanted = system ? ['#', '$SYS/#'] : ['#'];
  const filters = wanted.filter((filter) => read.some((granted) => covers(granted, filter)));
  const more = read.filter(
    (granted) => !filters.some((filter) => covers(filter, granted)) && (system || !granted.startsWith('$')),
  );
  return [...filters, ...more];
}

export const CBOR: Codec<Uint8Array> = {
  encode: (operation) => encodeCbor(operation),
  decode(data) {
    if (!(data instanceof ArrayBuffer)) return null;
    try {
      const frame = frameOf<Uint8Array>(decodeCbor(new Uint8Array(data)));
      return frame?.op === 'message' && !(frame.payload instanceof Uint8Array) ? null : frame;
    } catch {
      return null;
    }
  },
};

interface Got {
  status: number;
  body?: { retain?: boolean };
}

export class LiveLine {
  link: LinkState = $state.raw({ state: 'connecting' });
  /** Grows once a frame when something in view may have changed. */
  painted = $state.raw(0);
  /** Grows when rows came or went. */
  shape = $state.raw(0);
  paused = $state.raw(false);
  /** Messages that the hub left out because this page was too slow. */
  lost = $state.raw(0);
  /** Stored messages came, or it is known that there are none. */
  ready = $state.raw(false);
  readonly tree = new TopicTree();
  readonly #api: Api;
  readonly #socket: HubSocket<Uint8Array>;
  readonly #paint: Batch<null>;
  readonly #timers: Timers;
  readonly #askedAt = new WeakMap<TopicNode, number>();
  #asking = false;

  constructor({ api, filters, open = openSocket, schedule, timers = realTimers }: LineOptions) {
    this.#api = api;
    this.#timers = timers;
    this.#paint = new Batch(() => this.#painted(), schedule);
    this.#socket = new HubSocket<Uint8Array>({
      open,
      filters,
      codec: CBOR,
      timers,
      events: {
        state: (state) => (this.link = state),
        subscribed: () => (this.ready = true),
        message: (frame) => this.#heard(frame),
        lost: (count) => (this.lost += count),
      },
    });
  }

  start(): void {
    this.#socket.start();
  }

  stop(): void {
    this.#socket.stop();
  }

  retryNow(): void {
    this.#socket.retryNow();
  }

  pause(): void {
    this.tree.pause();
    this.paused = true;
  }

  resume(): void {
    this.tree.resume();
    this.paused = false;
    this.#painted();
  }

  clear(): void {
    this.tree.clear();
    this.lost = 0;
    this.#painted();
  }

  /** Asks the hub which of the topics in view it keeps as retained: no message says so. */
  async askRetained(nodes: readonly TopicNode[]): Promise<void> {
    const now = this.#timers.now();
    const due = nodes.filter((node) => this.#mayAsk(node, now)).slice(0, ASKED_MAX);
    if (this.#asking || due.length === 0) return;
    this.#asking = true;
    for (const node of due) {
      this.#askedAt.set(node, now);
      node.retainedAt = node.own;
    }
    try {
      const gets = due.map(({ topic }) => ({ op: 'get', topic }));
      const answers = await this.#api.json<Got[]>('POST', '/api/batch', gets as Json);
      due.forEach((node, i) => {
        const answer = answers[i];
        node.retained = answer?.status === 200 && answer.body?.retain === true ? 'yes' : 'no';
      });
      this.#painted();
    } catch (error) {
      // Nothing is marked then; it is asked again when something else comes.
      if (!(error instanceof Problem)) throw error;
    } finally {
      this.#asking = false;
    }
  }

  /** What it is now, whatever was known: after something was published or deleted from here. */
  async askAgain(node: TopicNode): Promise<void> {
    node.retained = 'unknown';
    this.#askedAt.delete(node);
    await this.askRetained([node]);
  }

  #mayAsk(node: TopicNode, now: number): boolean {
    if (!node.isTopic || node.retained === 'yes') return false;
    if (now - (this.#askedAt.get(node) ?? -Infinity) < ASK_AGAIN_MS) return false;
    return node.retained === 'unknown' || node.own > node.retainedAt;
  }

  #heard(frame: MessageFrame<Uint8Array>): void {
    if (!frame.retain) clock.observe(frame.time);
    this.tree.add(frame, this.#timers.now());
    if (!this.paused) this.#paint.add(null);
  }

  #painted(): void {
    this.painted += 1;
    if (this.shape !== this.tree.shape) this.shape = this.tree.shape;
  }
}

function openSocket(): SocketLike {
  const url = new URL('/api/ws', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  const socket = new WebSocket(url, 'housewire.v1.cbor');
  socket.binaryType = 'arraybuffer';
  return socket as SocketLike;
}
