// The one store: every device of the hub, fed by one WebSocket and the registry. Pages read it and call
// its actions; nothing else talks to the hub.
//
// Order: the subscription stands before the registry is fetched, and messages that arrive meanwhile are
// held (the latest of each topic) and applied on top of it. So nothing falls between the two.
import { t } from '../strings';
import { formatWithUnit, humanise } from '../model/format';
import { compareText } from '../model/layout';
import { parseTopic, type DeviceTopic } from '../model/topic';
import { realTimers, type Timers } from '../model/throttle';
import type { DeviceView, Json, MessageFrame, Rejected } from '../model/types';
import { WireLog } from '../model/wire';
import { Api, Problem, reasonOf, type DevicePatch } from './api';
import { Batch, type Schedule } from './batch';
import { clock } from './clock.svelte';
import { DeviceCell, type PropertyCell } from './device.svelte';
import { HubSocket, type Answer, type LinkState, type SocketLike } from './socket';

const EVERYTHING = ['devices/#'];
/** A confirmation stays visible this long. */
const CONFIRMED_MS = 1_600;
/** A target may be announced as gone just before the report that ended it. */
const SETTLE_MS = 600;
/** Devices to refetch are gathered for this long; beyond the limit the whole registry is fetched. */
const REFETCH_MS = 150;
const REFETCH_MAX = 12;
/** The hub withstands as many, so the page holds as many topics while the registry loads. */
const HELD_MAX = 200_000;

export interface StoreOptions {
  api?: Api;
  /** What to subscribe to; everything of all devices unless somebody may read less. */
  filters?: readonly string[];
  /** Told when the line broke or could not be opened: perhaps the hub no longer wants this session. */
  onlost?: () => void;
  /** Told when the hub has something to tell people, by number; `null` when that may have been missed. */
  onnotified?: (id: number | null) => void;
  open?: () => SocketLike;
  timers?: Timers;
  schedule?: Schedule;
  random?: () => number;
}

export class HubStore {
  /** Sorted by name. Replaced only when a device comes, goes or is renamed. */
  devices: DeviceCell[] = $state.raw([]);
  /** False until the registry was read once. */
  ready = $state.raw(false);
  /** The values are of then (milliseconds since 1970), from this browser: the hub has not answered yet. */
  old: number | null = $state.raw(null);
  /** Why the registry cannot be read, while it cannot. */
  problem: Problem | null = $state.raw(null);
  link: LinkState = $state.raw({ state: 'connecting' });
  /** True once the line was live: only then a broken one is worth a banner. */
  wasLive = $state.raw(false);
  /** Counts devices that came, went or were declared anew. */
  changes = $state.raw(0);
  /** The last sentence for screen readers. */
  announcement = $state.raw('');

  readonly api: Api;
  readonly wire = new WireLog();
  readonly #socket: HubSocket;
  readonly #onlost: () => void;
  readonly #onnotified: (id: number | null) => void;
  readonly #timers: Timers;
  readonly #batch: Batch<MessageFrame>;
  readonly #byId = new Map<string, DeviceCell>();
  /** While the registry is being fetched: the latest message of each topic. */
  #held: Map<string, MessageFrame> | null = new Map();
  #seq = 0;
  #loading: Promise<void> | null = null;
  readonly #stale = new Set<string>();
  #refetchDue = false;
  /** One request per property is on its way at a time, so that none overtakes another. */
  readonly #busy = new Map<PropertyCell, { next: Json | undefined }>();

  /** Whoever wants the messages of a topic one by one. */
  readonly #heard = new Map<string, Set<(frame: MessageFrame) => void>>();

  constructor(options: StoreOptions = {}) {
    this.api = options.api ?? new Api();
    this.#onlost = options.onlost ?? (() => {});
    this.#onnotified = options.onnotified ?? (() => {});
    this.#timers = options.timers ?? realTimers;
    this.#batch = new Batch((frames) => this.#apply(frames), options.schedule);
    this.#socket = new HubSocket({
      open: options.open ?? openSocket,
      filters: options.filters ?? EVERYTHING,
      timers: this.#timers,
      ...(options.random === undefined ? {} : { random: options.random }),
      events: {
        state: (state) => this.#linkChanged(state),
        subscribed: () => {
          this.#onnotified(null);
          void this.load();
        },
        message: (frame) => this.#batch.add(frame),
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
    if (this.problem !== null) void this.load();
  }

  device(id: string): DeviceCell | undefined {
    // Reading the list makes whoever asks notice when the device comes or goes.
    return this.devices.length >= 0 ? this.#byId.get(id) : undefined;
  }

  /** Milliseconds until the next attempt to connect, or null while none is planned. */
  retryIn(): number | null {
    return this.link.state === 'waiting' ? Math.max(0, this.link.retryAt - this.#timers.now()) : null;
  }

  // --- single topics --------------------------------------------------------------------------------

  /** Messages of one topic as they come, at most once per frame in a bunch; subscribed to already. Returns what ends it. */
  hear(topic: string, heard: (frame: MessageFrame) => void): () => void {
    const all = this.#heard.get(topic) ?? new Set();
    this.#heard.set(topic, all.add(heard));
    return () => {
      all.delete(heard);
      if (all.size === 0 && this.#heard.get(topic) === all) this.#heard.delete(topic);
    };
  }

  /** Subscribes to a topic, and hears it. `answered` is told what the hub said, after each reconnect. */
  watch(
    topic: string,
    heard: (frame: MessageFrame) => void,
    answered: (answer: Answer) => void = () => {},
  ): () => void {
    const deaf = this.hear(topic, heard);
    const end = this.#socket.subscribe(topic, answered);
    return () => {
      deaf();
      end();
    };
  }

  publish(topic: string, payload: Json): Promise<Answer> {
    return new Promise((resolve) => this.#socket.publish(topic, payload, resolve));
  }

  // --- the registry ---------------------------------------------------------------------------------

  /** Reads the whole registry. Calls that come while one runs wait for a fresh one after it. */
  load(): Promise<void> {
    this.#batch.flush();
    this.#held ??= new Map();
    const run = (this.#loading ?? Promise.resolve()).then(() => this.#loadOnce());
    const done = run.finally(() => {
      if (this.#loading === done) this.#loading = null;
    });
    this.#loading = done;
    return done;
  }

  async #loadOnce(): Promise<void> {
    this.#held ??= new Map();
    try {
      const views = await this.api.devices();
      this.#batch.flush();
      this.#takeAll(views);
      this.old = null;
      this.problem = null;
      this.ready = true;
    } catch (error) {
      this.problem = error instanceof Problem ? error : new Problem(reasonOf(error), 0, 'unknown');
      // Without a live line the next attempt to connect asks again; with one nobody else would.
      if (this.link.state === 'live')
        this.#timers.later(3_000, () => this.problem !== null && void this.load());
    }
    if (this.ready && this.problem === null) {
      const held = this.#held;
      this.#held = null;
      if (held !== null) this.#apply([...held.values()]);
    }
  }

  /** Begins with what was seen then, until the hub says what is. */
  restore(views: readonly DeviceView[], saved: number): void {
    this.#takeAll(views);
    this.old = saved;
    this.ready = true;
  }

  /** What is seen of so many devices, as the registry would say it; nobody knows who is online later. */
  views(most: number): DeviceView[] {
    return this.devices.slice(0, most).map((device) => device.view());
  }

  #takeAll(views: readonly DeviceView[]): void {
    const known = new Set(views.map((view) => view.id));
    for (const id of this.#byId.keys()) if (!known.has(id)) this.#forget(id);
    for (const view of views) this.#take(view, this.#seq);
    this.#sort();
  }

  #take(view: DeviceView, asOf: number): void {
    const cell = this.#byId.get(view.id);
    if (cell !== undefined) cell.merge(view, asOf);
    else {
      this.#byId.set(
        view.id,
        new DeviceCell(view, {
          onTargetLost: (property) => this.#targetLost(property),
          onConfirmed: (property) => this.#confirmed(property),
        }),
      );
    }
  }

  #forget(id: string): void {
    this.#byId.delete(id);
    this.wire.forget(id);
  }

  #sort(): void {
    const sorted = [...this.#byId.values()].sort(
      (a, b) => compareText(a.name, b.name) || compareText(a.id, b.id),
    );
    const same = sorted.length === this.devices.length && sorted.every((d, i) => d === this.devices[i]);
    if (!same) this.devices = sorted;
  }

  /** Gathers devices whose registry entry changed and fetches them together. */
  #refetch(id: string): void {
    this.#stale.add(id);
    if (this.#refetchDue) return;
    this.#refetchDue = true;
    this.#timers.later(REFETCH_MS, () => {
      this.#refetchDue = false;
      const ids = [...this.#stale];
      this.#stale.clear();
      if (ids.length > REFETCH_MAX) void this.load();
      else for (const stale of ids) void this.#refetchOne(stale);
    });
  }

  async #refetchOne(id: string): Promise<void> {
    const asOf = this.#seq;
    try {
      this.#take(await this.api.device(id), asOf);
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 404) return;
      this.#forget(id);
    }
    this.#sort();
  }

  // --- messages -------------------------------------------------------------------------------------

  #apply(frames: readonly MessageFrame[]): void {
    for (const frame of frames) {
      if (!frame.retain) clock.observe(frame.time);
      if (frame.topic.endsWith('/$notification')) this.#notified(frame.payload);
      if (this.#heard.size > 0) for (const heard of this.#heard.get(frame.topic) ?? []) heard(frame);
      if (this.#held !== null) {
        if (this.#held.size < HELD_MAX || this.#held.has(frame.topic)) {
          // Deleting first keeps the order of the latest messages.
          this.#held.delete(frame.topic);
          this.#held.set(frame.topic, frame);
        }
        continue;
      }
      const where = parseTopic(frame.topic);
      if (where !== null) this.#applyOne(where, frame);
    }
  }

  #notified(payload: Json): void {
    if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return;
    const id = payload['id'];
    if (typeof id === 'number') this.#onnotified(id);
  }

  #applyOne(where: DeviceTopic, frame: MessageFrame): void {
    const seq = ++this.#seq;
    const device = this.#byId.get(where.device);
    if (where.kind === 'changed') {
      if (!frame.retain) this.changes += 1;
      if (frame.payload === 'removed' && device !== undefined) {
        this.#forget(where.device);
        this.#sort();
      } else if (frame.payload !== 'removed') this.#refetch(where.device);
    }
    if (device === undefined) {
      // A retained leftover of a deleted device must not bring it back.
      if (where.kind === 'report' && !frame.retain) this.#refetch(where.device);
      return;
    }
    this.wire.add(where, frame);
    device.wireVersion += 1;
    switch (where.kind) {
      case 'online':
        device.setOnline(frame.payload === true, seq);
        break;
      case 'rejected':
        this.#rejected(device, frame, seq);
        break;
      case 'report':
      case 'target':
        this.#applyProperty(device, where.property, where.kind, frame, seq);
        break;
      case 'request':
      case 'changed':
        break;
    }
  }

  #applyProperty(
    device: DeviceCell,
    id: string,
    kind: 'report' | 'target',
    frame: MessageFrame,
    seq: number,
  ): void {
    const property = device.property(id);
    if (property === undefined) {
      if (frame.payload !== '') this.#refetch(device.id);
      return;
    }
    if (kind === 'target') {
      property.retarget(frame.payload, seq);
      return;
    }
    // An empty payload clears what is retained and is no report; only the registry knows what is left.
    const exact =
      frame.payload !== '' && property.report(frame.payload, frame.time, frame.via, frame.retain, seq);
    if (!exact) this.#refetch(device.id);
    else if (!frame.retain && frame.via !== null) device.via = frame.via;
  }

  #rejected(device: DeviceCell, frame: MessageFrame, seq: number): void {
    const { payload } = frame;
    if (payload === null || typeof payload !== 'object' || Array.isArray(payload)) return;
    const { property, value, reason, time, count } = payload;
    const rejected: Rejected = {
      count: typeof count === 'number' ? count : device.rejected.count + 1,
      last: {
        property: String(property ?? ''),
        value: value ?? null,
        reason: String(reason ?? ''),
        time: typeof time === 'string' ? time : frame.time,
      },
    };
    device.setRejected(rejected, seq);
  }

  #linkChanged(state: LinkState): void {
    const before = this.link.state;
    this.link = state;
    if (state.state === 'live') this.wasLive = true;
    // Messages may be missing from now on: hold what still comes until the registry was read again.
    if (before === 'live' && state.state !== 'live') this.#batch.flush();
    if (state.state === 'waiting') this.#onlost();
    // Without a line the page can at least show what the registry says, or why it does not.
    if (state.state === 'waiting' && !this.ready && this.#loading === null) void this.load();
  }

  // --- requests -------------------------------------------------------------------------------------

  /** Asks a device for a value. The answer shows at the property itself. */
  ask(property: PropertyCell, value: Json): void {
    const busy = this.#busy.get(property);
    property.sending(value);
    if (busy !== undefined) {
      busy.next = value;
      return;
    }
    this.#busy.set(property, { next: undefined });
    void this.#askNow(property, value);
  }

  async #askNow(property: PropertyCell, value: Json): Promise<void> {
    for (let current: Json | undefined = value; current !== undefined;) {
      const request = { phase: 'sending' as const, value: current, reason: null, own: true, answered: false };
      const asOf = this.#seq;
      try {
        const view = await this.api.ask(property.device.id, property.id, current);
        this.#batch.flush();
        const superseded = this.#busy.get(property)?.next !== undefined;
        if (!superseded) property.accepted(request, view.target ?? null, asOf);
      } catch (error) {
        property.refused(request, reasonOf(error));
        this.#announce(property, reasonOf(error));
      }
      const busy = this.#busy.get(property);
      current = busy?.next;
      if (busy !== undefined) busy.next = undefined;
    }
    this.#busy.delete(property);
  }

  #confirmed(property: PropertyCell): void {
    const shown = property.request;
    if (shown?.own) this.#announce(property, property.isEvent ? t.request.sent : t.request.confirmed);
    this.#timers.later(CONFIRMED_MS, () => {
      if (property.request === shown) property.dismiss();
    });
  }

  #targetLost(property: PropertyCell): void {
    this.#timers.later(SETTLE_MS, () => {
      const request = property.request;
      if (request === null || request.phase !== 'pending' || property.target !== null) return;
      const text = (value: Json): string => formatWithUnit(property.meta, value, property.decimals);
      const asked = text(request.value);
      const reason = request.answered
        ? t.request.instead(asked, text(property.value))
        : property.device.online
          ? t.request.silent(asked)
          : t.request.silentOffline(asked);
      property.unanswered(reason);
      if (request.own) this.#announce(property, reason);
    });
  }

  #announce(property: PropertyCell, text: string): void {
    this.announcement = t.request.announce(property.device.name, humanise(property.id), text);
  }

  /** Also of a device that was made a moment ago, and is no cell yet. */
  async patch(device: { readonly id: string }, patch: DevicePatch): Promise<void> {
    const asOf = this.#seq;
    this.#take(await this.api.patch(device.id, patch), asOf);
    this.#sort();
  }

  async remove(device: DeviceCell): Promise<void> {
    await this.api.remove(device.id);
    this.#forget(device.id);
    this.#sort();
  }

  async removeDemo(): Promise<void> {
    await this.api.removeDemo();
    for (const device of this.devices) if (device.demo) this.#forget(device.id);
    this.#sort();
  }
}

function openSocket(): SocketLike {
  const url = new URL('/api/ws', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  return new WebSocket(url) as SocketLike;
}
