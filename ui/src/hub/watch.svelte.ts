// Where widgets get their values: a property of a device from the store's cells, or any topic by a subscription on the store's one
// WebSocket. One source per address, however many widgets show it; what nobody shows any more is let go.
//
// A widget does not get the source itself but a `Pane` before it: closed while the widget is out of view, it stands still and costs
// nothing, whatever arrives. The store applies messages once per frame, so nothing here is painted more often.
import { mayRead, mayWrite } from '../model/account';
import { humanise } from '../model/format';
import { isFilter } from '../model/filter';
import type { Json, MessageFrame } from '../model/types';
import { sameValue, stepOf } from '../model/value';
import type { LiveSource, Source } from '../dashboards/types';
import { clock } from './clock.svelte';
import type { DeviceCell, PropertyCell } from './device.svelte';
import type { SessionStore } from './session.svelte';
import type { HubStore } from './store.svelte';

/** That a message was sent stays visible this long. */
const SENT_MS = 1_600;
/** Messages that wait for a widget to come back into view; the oldest go first. */
const WAITING_MAX = 500;
/** Own messages that have not come back yet. */
const OWN_MAX = 50;

type Message = { time: string; payload: Json; own: boolean };
type State = LiveSource['state'];
type Phase = LiveSource['phase'];

/** The last message of a topic. */
export type LastSaid = { value: Json; time: string | null };

export function keyOf(source: Source): string {
  return 'property' in source ? `p:${source.property}` : `t:${source.topic}`;
}

/** A source that can also forget how its last request ended. */
export interface Watched extends LiveSource {
  dismiss(): void;
}

class PropertySource implements Watched {
  readonly source: Source;
  readonly #store: HubStore;
  readonly #session: SessionStore;
  readonly #device: string;
  readonly #property: string;
  readonly #deviceCell: DeviceCell | undefined;
  readonly #cell: PropertyCell | undefined;
  readonly state: State;
  readonly maySet: boolean;

  constructor(store: HubStore, session: SessionStore, property: string) {
    this.source = { property };
    this.#store = store;
    this.#session = session;
    [this.#device, this.#property] = property.split('/') as [string, string];
    this.#deviceCell = $derived(store.device(this.#device));
    // Reading the list makes it notice when the property comes or goes.
    this.#cell = $derived(
      (this.#deviceCell?.properties.length ?? 0) > 0 ? this.#deviceCell?.property(this.#property) : undefined,
    );
    this.state = $derived(this.#stateNow());
    this.maySet = $derived(
      store.old === null &&
        (this.#cell?.meta.access.includes('set') ?? false) &&
        session.mayAsk(this.#device, this.#property),
    );
  }

  #stateNow(): State {
    const cell = this.#cell;
    if (cell === undefined) {
      const me = this.#session.current;
      if (me !== null && !mayRead(me, `devices/${this.#device}/${this.#property}`)) return 'forbidden';
      return this.#store.ready ? 'missing' : 'loading';
    }
    // Of then, whatever its device does now.
    if (this.#store.old !== null) return cell.time === null && cell.value === null ? 'missing' : 'stale';
    if (!cell.device.online) return 'offline';
    if (this.#store.wasLive && this.#store.link.state !== 'live') return 'stale';
    // What can be asked for is there, even if it was never reported.
    if (cell.time === null && cell.value === null && !cell.meta.access.includes('set')) return 'missing';
    const late = cell.lateAfter;
    if (late !== null && cell.time !== null && clock.now - Date.parse(cell.time) > late * 1000)
      return 'stale';
    return 'live';
  }

  get name(): string {
    return `${this.#deviceCell?.name ?? this.#device}, ${humanise(this.#property)}`;
  }
  get unit(): string | null {
    return this.#cell?.meta.unit ?? null;
  }
  get type(): string | null {
    return this.#cell?.meta.type ?? null;
  }
  get role(): string | null {
    return this.#cell?.meta.role ?? null;
  }
  get value(): Json {
    return this.#cell?.value ?? null;
  }
  get target(): Json {
    return this.#cell?.wanted ?? this.#cell?.target ?? null;
  }
  get time(): string | null {
    return this.#cell?.time ?? null;
  }
  get min(): number | null {
    return this.#cell?.meta.min ?? null;
  }
  get max(): number | null {
    return this.#cell?.meta.max ?? null;
  }
  get step(): number | null {
    const meta = this.#cell?.meta;
    if (meta === undefined) return null;
    return meta.type === 'int' || meta.type === 'float' ? stepOf(meta) : meta.step;
  }
  get options(): readonly string[] {
    return this.#cell?.meta.options ?? [];
  }
  get phase(): Phase {
    return this.#cell?.request?.phase ?? 'idle';
  }
  get reason(): string | null {
    return this.#cell?.request?.reason ?? null;
  }

  set(value: Json): void {
    if (this.#cell !== undefined) this.#store.ask(this.#cell, value);
  }

  dismiss(): void {
    this.#cell?.dismiss();
  }

  follow(heard: (message: Message) => void): () => void {
    const topic = `devices/${this.#device}/${this.#property}`;
    const ends = [
      this.#store.hear(topic, (frame) => heard(messageOf(frame, false))),
      this.#store.hear(`${topic}/set`, (frame) => heard(messageOf(frame, true))),
    ];
    return () => ends.forEach((end) => end());
  }
}

class TopicSource implements Watched {
  readonly source: Source;
  readonly unit = null;
  readonly min = null;
  readonly max = null;
  readonly step = null;
  readonly options: readonly string[] = [];
  value: Json = $state.raw(null);
  target: Json = $state.raw(null);
  time: string | null = $state.raw(null);
  phase: Phase = $state.raw('idle');
  reason: string | null = $state.raw(null);
  #answer: 'none' | 'ok' | 'refused' = $state.raw('none');
  /** Which press counts: the hub's answers to those before it say nothing any more. */
  #press = 0;
  readonly type: string | null = $derived(typeOf(this.value));

  readonly #store: HubStore;
  readonly #session: SessionStore;
  readonly #topic: string;
  readonly #end: () => void;
  readonly #followers = new Set<(message: Message) => void>();
  /** Published from here and not heard again yet. */
  readonly #own: Json[] = [];

  constructor(store: HubStore, session: SessionStore, topic: string, last?: LastSaid) {
    this.source = { topic };
    if (last !== undefined) this.recall(last);
    this.#store = store;
    this.#session = session;
    this.#topic = topic;
    this.#end = isFilter(topic)
      ? store.watch(
          topic,
          (frame) => this.#heard(frame),
          (answer) => (this.#answer = answer.ok ? 'ok' : 'refused'),
        )
      : (): void => {};
  }

  get name(): string {
    return this.#topic;
  }

  get state(): State {
    if (this.#answer === 'refused') return 'forbidden';
    if (this.#store.old !== null) return 'stale';
    if (this.#store.wasLive && this.#store.link.state !== 'live') return 'stale';
    if (this.#answer === 'none') return 'loading';
    // Nothing was said yet; what comes will be shown, and who may publish can begin.
    return this.time === null && this.value === null && !this.maySet ? 'missing' : 'live';
  }

  get maySet(): boolean {
    const me = this.#session.current;
    const known = me !== null && this.#store.old === null;
    return known && !this.#topic.startsWith('$') && mayWrite(me, this.#topic);
  }

  set(value: Json): void {
    const press = ++this.#press;
    this.phase = 'sending';
    this.reason = null;
    this.target = value;
    this.#own.push(value);
    if (this.#own.length > OWN_MAX) this.#own.shift();
    void this.#store.publish(this.#topic, value).then((answer) => {
      if (!answer.ok) this.#takeOwn(value);
      if (press !== this.#press) return;
      this.target = null;
      if (answer.ok) {
        // The hub has it. Whether anything heeds it, nobody says.
        this.phase = 'sent';
        setTimeout(() => {
          if (press === this.#press && this.phase === 'sent') this.phase = 'idle';
        }, SENT_MS);
      } else {
        this.phase = 'refused';
        this.reason = answer.message;
      }
    });
  }

  dismiss(): void {
    this.phase = 'idle';
    this.reason = null;
  }

  follow(heard: (message: Message) => void): () => void {
    this.#followers.add(heard);
    return () => void this.#followers.delete(heard);
  }

  end(): void {
    this.#end();
    this.#followers.clear();
  }

  /** What was said last, until something is heard. */
  recall(last: LastSaid): void {
    if (this.#answer !== 'none') return;
    this.value = last.value;
    this.time = last.time;
  }

  #heard(frame: MessageFrame): void {
    if (!sameValue(this.value, frame.payload)) this.value = frame.payload;
    this.time = frame.time;
    // What is stored was said before anybody followed.
    if (frame.retain) return;
    const message = messageOf(frame, this.#takeOwn(frame.payload));
    for (const heard of this.#followers) heard(message);
  }

  #takeOwn(payload: Json): boolean {
    const at = this.#own.findIndex((own) => sameValue(own, payload));
    if (at >= 0) this.#own.splice(at, 1);
    return at >= 0;
  }
}

function messageOf(frame: MessageFrame, own: boolean): Message {
  return { time: frame.time ?? new Date(clock.now).toISOString(), payload: frame.payload, own };
}

function typeOf(value: Json): string | null {
  if (value === null) return null;
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float';
  return typeof value === 'string' ? 'string' : 'json';
}

/** Open while its widget is in view. */
export class Gate {
  open = $state.raw(true);
  readonly #opened = new Set<() => void>();

  set(open: boolean): void {
    if (open === this.open) return;
    this.open = open;
    if (open) for (const run of this.#opened) run();
  }

  onOpen(run: () => void): () => void {
    this.#opened.add(run);
    return () => void this.#opened.delete(run);
  }
}

/** A source as one widget sees it: standing still while the gate is closed. */
export class Pane implements Watched {
  readonly source: Source;
  readonly name: string;
  readonly unit: string | null;
  readonly type: string | null;
  readonly role: string | null;
  readonly value: Json;
  readonly target: Json;
  readonly time: string | null;
  readonly min: number | null;
  readonly max: number | null;
  readonly step: number | null;
  readonly options: readonly string[];
  readonly state: State;
  readonly maySet: boolean;
  readonly phase: Phase;
  readonly reason: string | null;
  readonly #inner: Watched;
  readonly #gate: Gate;

  constructor(inner: Watched, gate: Gate) {
    this.#inner = inner;
    this.#gate = gate;
    this.source = inner.source;
    // Of a closed pane only the gate is looked at: no message wakes it.
    const still = <T>(read: () => T): (() => T) => {
      let last: { value: T } | null = null;
      return () => {
        if (gate.open || last === null) last = { value: read() };
        return last.value;
      };
    };
    const name = still(() => inner.name);
    const unit = still(() => inner.unit);
    const type = still(() => inner.type);
    const role = still(() => inner.role ?? null);
    const value = still(() => inner.value);
    const target = still(() => inner.target);
    const time = still(() => inner.time);
    const min = still(() => inner.min);
    const max = still(() => inner.max);
    const step = still(() => inner.step);
    const options = still(() => inner.options);
    const state = still(() => inner.state);
    const maySet = still(() => inner.maySet);
    const phase = still(() => inner.phase);
    const reason = still(() => inner.reason);
    this.name = $derived(name());
    this.unit = $derived(unit());
    this.type = $derived(type());
    this.role = $derived(role());
    this.value = $derived(value());
    this.target = $derived(target());
    this.time = $derived(time());
    this.min = $derived(min());
    this.max = $derived(max());
    this.step = $derived(step());
    this.options = $derived(options());
    this.state = $derived(state());
    this.maySet = $derived(maySet());
    this.phase = $derived(phase());
    this.reason = $derived(reason());
  }

  /** Something was asked for from here. */
  asked = $state.raw(false);

  /** Asks somebody first, where that was wished for. */
  guard: ((value: Json, go: () => void) => void) | null = null;

  set(value: Json): void {
    const go = (): void => {
      this.asked = true;
      this.#inner.set(value);
    };
    if (this.guard === null) go();
    else this.guard(value, go);
  }

  dismiss(): void {
    this.#inner.dismiss();
  }

  follow(heard: (message: Message) => void): () => void {
    const waiting: Message[] = [];
    const ends = [
      this.#inner.follow((message) => {
        if (this.#gate.open) {
          heard(message);
          return;
        }
        waiting.push(message);
        if (waiting.length > WAITING_MAX) waiting.shift();
      }),
      this.#gate.onOpen(() => waiting.splice(0).forEach(heard)),
    ];
    return () => ends.forEach((end) => end());
  }
}

/** All sources of a dashboard. */
export class Watch {
  readonly #open = new Map<string, { wanted: number; source: Watched; end: () => void }>();
  #last: Readonly<Record<string, LastSaid>> = {};

  constructor(
    readonly store: HubStore,
    readonly session: SessionStore,
  ) {}

  /** The source of an address, for as long as it is not let go. */
  take(source: Source): { source: Watched; release: () => void } {
    const key = keyOf(source);
    const entry = this.#open.get(key) ?? { wanted: 0, ...this.#make(source) };
    entry.wanted += 1;
    this.#open.set(key, entry);
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      entry.wanted -= 1;
      if (entry.wanted > 0) return;
      this.#open.delete(key);
      entry.end();
    };
    return { source: entry.source, release };
  }

  /** What the topics said last that are shown now, or were before. */
  topics(): Record<string, LastSaid> {
    const all = { ...this.#last };
    for (const { source } of this.#open.values())
      if (source instanceof TopicSource && source.time !== null)
        all[(source.source as { topic: string }).topic] = { value: source.value, time: source.time };
    return all;
  }

  /** Begins with what was said before, until the hub says what is. */
  recall(topics: Readonly<Record<string, LastSaid>>): void {
    this.#last = topics;
    for (const { source } of this.#open.values()) {
      if (!(source instanceof TopicSource)) continue;
      const last = topics[(source.source as { topic: string }).topic];
      if (last !== undefined) source.recall(last);
    }
  }

  #make(source: Source): { source: Watched; end: () => void } {
    let made: Watched | null = null;
    const make = (): Watched => {
      made =
        'property' in source
          ? new PropertySource(this.store, this.session, source.property)
          : new TopicSource(this.store, this.session, source.topic, this.#last[source.topic]);
      return made;
    };
    // A root of its own: the source outlives the widget that happened to be the first to want it. Without a browser there are no roots.
    const end = $effect.root(() => void make());
    const ready = (made as Watched | null) ?? make();
    return {
      source: ready,
      end: () => {
        if (ready instanceof TopicSource) ready.end();
        end();
      },
    };
  }

  /** How many addresses are open: for tests. */
  get size(): number {
    return this.#open.size;
  }
}

/** What the frame says of a widget: the state of its sources together. */
export function stateOf(sources: readonly Pick<LiveSource, 'state'>[]): State {
  const all = sources.map(({ state }) => state);
  if (all.length === 0) return 'live';
  // While one of several can be shown, the widget is; the rest is said by the widget itself.
  for (const state of ['loading', 'forbidden', 'missing', 'offline', 'stale'] as const)
    if (all.every((one) => one === state)) return state;
  if (all.includes('live')) return 'live';
  return all.includes('offline') ? 'offline' : all.includes('stale') ? 'stale' : 'missing';
}

/** The request that matters most among those of a widget. */
export function phaseOf(sources: readonly Pick<LiveSource, 'phase'>[]): Phase {
  const order: Phase[] = ['refused', 'unanswered', 'sending', 'pending', 'confirmed', 'sent'];
  return order.find((phase) => sources.some((source) => source.phase === phase)) ?? 'idle';
}
