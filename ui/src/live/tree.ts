// The topics of a hub as a tree, with what flows below each. Plain data: the page asks for rows once a frame and draws them.
//
// Bounds and what happens there: there are no more than `nodes` levels, messages to further topics are counted and nothing else. Of a topic
// the last `history` messages are kept, of a message the first `payload_bytes`. All payloads together take `total_bytes`: beyond
// that the oldest messages of all go, and a topic's only one is cut to its first bytes.
import { locale } from '../language';
import type { MessageFrame } from '../model/types';

export interface Limits {
  /** Levels of topics: `a/b` and `a/c` are three. */
  nodes: number;
  /** Messages of one topic. */
  history: number;
  payload_bytes: number;
  total_bytes: number;
  /** What is left of an only message when all of them together take too much. */
  stub_bytes: number;
}

export const LIMITS: Limits = {
  nodes: 50_000,
  history: 100,
  payload_bytes: 16_384,
  total_bytes: 32 * 1024 * 1024,
  stub_bytes: 256,
};

/** What an entry costs beside its payload; a guess that keeps many small ones from being free. */
const ENTRY_BYTES = 96;
/** Seconds over which a rate is a mean. */
const RATE_S = 5;

/** One message, as far as it is kept. */
export interface Entry {
  seq: number;
  /** Milliseconds since 1970, by the hub's clock; null if it did not say. */
  time: number | null;
  bytes: Uint8Array;
  /** Of the whole payload, in bytes; more than `bytes` has if it was cut. */
  size: number;
  /** Was there when the page subscribed. */
  stored: boolean;
  via: string | null;
}

/** Whether the hub keeps a topic's last message as retained; it says so only when asked. */
export type Retained = 'unknown' | 'yes' | 'no';

export class TopicNode {
  readonly children: TopicNode[] = [];
  readonly byName = new Map<string, TopicNode>();
  /** Oldest first; empty for a level that is no topic itself. */
  readonly entries: Entry[] = [];
  /** What came while the view stood still; joins `entries` when it moves again. */
  held: Entry | null = null;
  isTopic = false;
  retained: Retained = 'unknown';
  /** `own` when it was asked for `retained`; asked again when more has come. */
  retainedAt = -1;
  /** Messages to this very topic since the page was opened, without those that were stored. */
  own = 0;
  /** Messages to it and to all below. */
  messages = 0;
  /** Topics below, itself included. */
  topics = 0;
  /** When the last message came, to it or to one below; in milliseconds of the page's own clock. */
  heard_ms = -Infinity;
  #rate = 0;
  #rateAt_ms = 0;

  constructor(
    readonly name: string,
    readonly topic: string,
    readonly parent: TopicNode | null,
    readonly depth: number,
  ) {}

  get last(): Entry | undefined {
    return this.entries[this.entries.length - 1];
  }

  /** Messages a second, to it and to all below. */
  rate(now_ms: number): number {
    return this.#rate * Math.exp((this.#rateAt_ms - now_ms) / 1000 / RATE_S);
  }

  beat(now_ms: number): void {
    this.#rate = this.rate(now_ms) + 1 / RATE_S;
    this.#rateAt_ms = now_ms;
    this.heard_ms = now_ms;
    this.messages += 1;
  }
}

export class TopicTree {
  root = new TopicNode('', '', null, -1);
  /** Grows when topics come or go: only then the rows are others. */
  shape = 0;
  /** Messages to topics that there was no room for. */
  overflow = 0;
  /** Bytes that are kept, as far as they are counted. */
  kept = 0;
  /** Messages that came while the view stood still. */
  heldCount = 0;
  #heldBytes = 0;
  #nodes = 0;
  #paused = false;
  #seq = 0;
  readonly #holding = new Set<TopicNode>();
  /** Everything kept, oldest first; what was let go in between is skipped when its turn comes. */
  #queue: { node: TopicNode; entry: Entry }[] = [];
  #queueAt = 0;

  constructor(readonly limits: Limits = LIMITS) {}

  get paused(): boolean {
    return this.#paused;
  }

  /** While it stands still, messages are counted and only the last of each topic is held. */
  pause(): void {
    this.#paused = true;
    this.heldCount = 0;
  }

  resume(): void {
    this.#paused = false;
    for (const node of this.#holding) {
      const { held } = node;
      node.held = null;
      if (held !== null) this.#keep(node, held);
    }
    this.#holding.clear();
    this.#heldBytes = 0;
    this.heldCount = 0;
    this.shape += 1;
  }

  clear(): void {
    this.root = new TopicNode('', '', null, -1);
    this.#holding.clear();
    this.#queue = [];
    this.#queueAt = 0;
    this.#nodes = 0;
    this.#heldBytes = 0;
    this.kept = 0;
    this.overflow = 0;
    this.heldCount = 0;
    this.shape += 1;
  }

  /** Returns its topic's node, or undefined when there is no room for another topic. */
  add(frame: MessageFrame<Uint8Array>, now_ms: number): TopicNode | undefined {
    const node = this.node(frame.topic) ?? this.#grow(frame.topic);
    if (node === undefined) {
      this.overflow += 1;
      return undefined;
    }
    const { payload, retain, via } = frame;
    if (!retain) {
      node.own += 1;
      for (let at: TopicNode | null = node; at !== null; at = at.parent) at.beat(now_ms);
    }
    // Below `devices/` the hub shows last values as stored, too, and anybody may clear: such topics are asked about.
    if (retain && !frame.topic.startsWith('devices/')) node.retained = 'yes';
    else if (!retain && payload.length === 0) node.retained = 'unknown';
    const cut = payload.length > this.limits.payload_bytes;
    const time = frame.time === null ? NaN : Date.parse(frame.time);
    const entry: Entry = {
      seq: ++this.#seq,
      time: Number.isNaN(time) ? null : time,
      bytes: cut ? payload.slice(0, this.limits.payload_bytes) : payload,
      size: payload.length,
      stored: retain,
      via,
    };
    // What is stored comes again after each reconnect.
    const { last } = node;
    if (retain && last !== undefined && last.time === entry.time && sameBytes(last, entry)) return node;
    if (this.#paused) this.#hold(node, entry);
    else this.#keep(node, entry);
    return node;
  }

  #hold(node: TopicNode, entry: Entry): void {
    this.#heldBytes -= node.held?.bytes.length ?? 0;
    // Half of what may be kept may wait; beyond that only the beginnings do.
    if (this.#heldBytes > this.limits.total_bytes / 2 && entry.bytes.length > this.limits.stub_bytes)
      entry.bytes = entry.bytes.slice(0, this.limits.stub_bytes);
    this.#heldBytes += entry.bytes.length;
    node.held = entry;
    this.#holding.add(node);
    if (!entry.stored) this.heldCount += 1;
  }

  /** The node of a topic, or of a level above topics. */
  node(topic: string): TopicNode | undefined {
    let node: TopicNode | undefined = this.root;
    for (const level of topic.split('/')) {
      node = node.byName.get(level);
      if (node === undefined) return undefined;
    }
    return node;
  }

  #grow(topic: string): TopicNode | undefined {
    if (this.#nodes >= this.limits.nodes) return undefined;
    let node = this.root;
    topic.split('/').forEach((level, depth) => {
      let child = node.byName.get(level);
      if (child === undefined) {
        child = new TopicNode(level, depth === 0 ? level : `${node.topic}/${level}`, node, depth);
        this.#nodes += 1;
        node.byName.set(level, child);
        node.children.splice(placeOf(node.children, level), 0, child);
      }
      node = child;
    });
    return node;
  }

  #keep(node: TopicNode, entry: Entry): void {
    if (!node.isTopic) {
      node.isTopic = true;
      for (let at: TopicNode | null = node; at !== null; at = at.parent) at.topics += 1;
      this.shape += 1;
    }
    node.entries.push(entry);
    this.kept += ENTRY_BYTES + entry.bytes.length;
    this.#queue.push({ node, entry });
    if (node.entries.length > this.limits.history) this.#drop(node);
    while (this.kept > this.limits.total_bytes && this.#queueAt < this.#queue.length) this.#dropOldest();
    // What is in front has had its turn.
    if (this.#queueAt > 1_000 && this.#queueAt * 2 > this.#queue.length) this.#compact();
    if (this.#queue.length > 4_000 && this.#queue.length > 4 * (this.kept / ENTRY_BYTES)) this.#compact();
  }

  #drop(node: TopicNode): void {
    const gone = node.entries.shift();
    if (gone !== undefined) this.kept -= ENTRY_BYTES + gone.bytes.length;
  }

  #dropOldest(): void {
    const { node, entry } = this.#queue[this.#queueAt++] as { node: TopicNode; entry: Entry };
    // Let go already, by the bound of its topic.
    if (node.entries[0] !== entry) return;
    if (node.entries.length > 1) {
      this.#drop(node);
    } else if (entry.bytes.length > this.limits.stub_bytes) {
      this.kept -= entry.bytes.length - this.limits.stub_bytes;
      entry.bytes = entry.bytes.slice(0, this.limits.stub_bytes);
    }
  }

  #compact(): void {
    this.#queue = this.#queue
      .slice(this.#queueAt)
      .filter(({ node, entry }) => entry.seq >= (node.entries[0]?.seq ?? Infinity));
    this.#queueAt = 0;
  }
}

function sameBytes(a: Entry, b: Entry): boolean {
  return a.size === b.size && a.bytes.every((byte, i) => byte === b.bytes[i]);
}

const collator = new Intl.Collator(locale, { numeric: true });

/** Names in their order, `lamp2` before `lamp10`; what differs only in case by its code. */
function compare(a: string, b: string): number {
  return collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);
}

function placeOf(children: readonly TopicNode[], name: string): number {
  let low = 0;
  let high = children.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare((children[middle] as TopicNode).name, name) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
