// A device and its properties as reactive cells. Each field is its own signal, so that a message redraws
// only what shows it. The rules of reported value, target and request live here; how messages get here
// is the store's business.
import { decimalsOf } from '../model/format';
import { orderProperties } from '../model/layout';
import { Rhythm } from '../model/rhythm';
import type { DeviceView, Json, PropertyMeta, PropertyView, Rejected } from '../model/types';
import { fit, sameValue } from '../model/value';

/** One request of somebody, from the press to its end. */
export interface Request {
  /**
   * sending: on its way to the hub · pending: the hub waits for the device · confirmed: the device reported
   * it · refused: the hub said no, with `reason` · unanswered: the target went away without a fitting report
   */
  phase: 'sending' | 'pending' | 'confirmed' | 'refused' | 'unanswered';
  value: Json;
  reason: string | null;
  /** False when somebody else asked. */
  own: boolean;
  /** Something was reported after the request: tells a wrong answer from silence. */
  answered: boolean;
}

/** Fields of a view that describe rather than report. */
function metaOf(view: PropertyView): PropertyMeta {
  const { type, unit, min, max, step, options, access, role, declared } = view;
  return { type, unit, min, max, step, options, access, role, declared };
}

export class PropertyCell {
  readonly id: string;
  readonly device: DeviceCell;
  meta: PropertyMeta = $state.raw() as PropertyMeta;
  value: Json = $state.raw(null);
  target: Json = $state.raw(null);
  time: string | null = $state.raw(null);
  via: string | null = $state.raw(null);
  request: Request | null = $state.raw(null);
  /** Most decimals seen so far: every value is shown with as many, so that nothing jumps. */
  decimals = $state.raw(0);
  /** Seconds of silence from which the value counts as stale, or null. */
  lateAfter: number | null = $state.raw(null);

  // Sequence numbers of the last live messages: a slower HTTP answer must not undo them.
  #valueSeq = 0;
  #targetSeq = 0;
  readonly #rhythm = new Rhythm();

  constructor(device: DeviceCell, id: string, view: PropertyView) {
    this.device = device;
    this.id = id;
    this.meta = metaOf(view);
    this.merge(view, 0);
  }

  get isEvent(): boolean {
    return this.meta.access.includes('event');
  }

  /** What somebody waits for; undefined while nobody does. */
  get wanted(): Json | undefined {
    const request = this.request;
    return request?.phase === 'sending' || request?.phase === 'pending' ? request.value : undefined;
  }

  /** Takes over what the registry said, except what live messages have said since `asOf`. */
  merge(view: PropertyView, asOf: number): void {
    const meta = metaOf(view);
    if (JSON.stringify(meta) !== JSON.stringify(this.meta)) this.meta = meta;
    if (this.#valueSeq <= asOf) {
      this.#setValue(view.value);
      this.time = view.time;
      this.via = view.via;
    }
    if (this.#targetSeq <= asOf) this.#setTarget(view.target);
  }

  /** A report arrived. Returns false when its exact value has to be fetched from the registry. */
  report(payload: Json, time: string | null, via: string | null, retain: boolean, seq: number): boolean {
    const { value, exact } = fit(this.meta.type, payload);
    this.#valueSeq = seq;
    if (via !== null) this.via = via;
    if (time !== null) this.time = time;
    if (!exact && meansSame(this.value, payload)) return true;
    this.#setValue(value);
    if (!retain) {
      if (time !== null) this.#rhythm.beat(Date.parse(time) / 1000);
      this.lateAfter = this.#rhythm.lateAfter;
      this.#answer(value);
    }
    return exact;
  }

  /** The hub announced a pending request, or with null that none is pending any more. */
  retarget(payload: Json, seq: number): void {
    this.#targetSeq = seq;
    this.#setTarget(payload === '' ? null : fit(this.meta.type, payload).value);
  }

  // --- requests of this page -------------------------------------------------------------------------

  sending(value: Json): Request {
    this.request = { phase: 'sending', value, reason: null, own: true, answered: false };
    return this.request;
  }

  /** The hub accepted the request. */
  accepted(request: Request, target: Json, asOf: number): void {
    if (this.isEvent) {
      this.#move(request, 'confirmed');
      return;
    }
    if (this.#targetSeq <= asOf && target !== null) this.target = target;
    if (!sameRequest(this.request, request) || this.request?.phase !== 'sending') return;
    this.#move(request, 'pending');
    // Its end may have been announced before the hub's answer came.
    if (this.target === null) this.#targetGone(request);
  }

  refused(request: Request, reason: string): void {
    if (sameRequest(this.request, request)) this.request = { ...request, phase: 'refused', reason };
  }

  /** Ends a request that lost its target without a fitting report, once reports had time to arrive. */
  unanswered(reason: string): void {
    if (this.request?.phase === 'pending' && this.target === null) {
      this.request = { ...this.request, phase: 'unanswered', reason };
    }
  }

  /** Takes the mark or the message away. */
  dismiss(): void {
    this.request = null;
  }

  // ----------------------------------------------------------------------------------------------------

  #setValue(value: Json): void {
    if (!sameValue(this.value, value)) this.value = value;
    if (typeof value === 'number') this.decimals = Math.max(this.decimals, decimalsOf(value));
  }

  #setTarget(target: Json): void {
    const before = this.target;
    if (!sameValue(before, target)) this.target = target;
    const current = this.request;
    if (target === null) {
      if (current?.phase === 'pending') this.#targetGone(current);
      return;
    }
    if (current?.phase === 'sending') return;
    if (current?.phase === 'pending' && sameValue(current.value, target)) return;
    if (this.isEvent) return;
    this.request = { phase: 'pending', value: target, reason: null, own: false, answered: false };
  }

  #targetGone(request: Request): void {
    if (sameValue(this.value, request.value)) this.#move(request, 'confirmed');
    else this.device.onTargetLost(this);
  }

  #answer(value: Json): void {
    const current = this.request;
    if (current === null || this.isEvent) return;
    const open = current.phase === 'sending' || current.phase === 'pending' || current.phase === 'unanswered';
    if (!open) return;
    if (sameValue(value, current.value)) {
      this.target = null;
      this.#move(current, 'confirmed');
    } else if (!current.answered && current.phase === 'pending') {
      this.request = { ...current, answered: true };
    }
  }

  #move(request: Request, phase: 'pending' | 'confirmed'): void {
    if (!sameRequest(this.request, request)) return;
    const current = this.request as Request;
    this.request = { ...current, phase, reason: null };
    if (phase === 'confirmed') this.device.onConfirmed(this);
  }
}

/** Requests are copied as they move on; value and owner stay. */
function sameRequest(a: Request | null, b: Request): boolean {
  return a !== null && a.own === b.own && sameValue(a.value, b.value);
}

/** A text the registry gave, and the JSON number or object the wire made of the same text. */
function meansSame(text: Json, payload: Json): boolean {
  if (typeof text !== 'string' || typeof payload === 'string') return false;
  try {
    return sameValue(JSON.parse(text) as Json, payload);
  } catch {
    return false;
  }
}

export class DeviceCell {
  readonly id: string;
  name = $state.raw('');
  room: string | null = $state.raw(null);
  model: string | null = $state.raw(null);
  icon: string | null = $state.raw(null);
  via: string | null = $state.raw(null);
  demo = $state.raw(false);
  online = $state.raw(false);
  rejected: Rejected = $state.raw({ count: 0, last: null });
  /** In the order they are shown. */
  properties: PropertyCell[] = $state.raw([]);
  /** Counts messages on the wire; the log itself is not reactive. */
  wireVersion = $state.raw(0);

  onTargetLost: (property: PropertyCell) => void = () => {};
  onConfirmed: (property: PropertyCell) => void = () => {};

  #onlineSeq = 0;
  #rejectedSeq = 0;
  readonly #byId = new Map<string, PropertyCell>();

  constructor(view: DeviceView, hooks?: Pick<DeviceCell, 'onTargetLost' | 'onConfirmed'>) {
    this.id = view.id;
    if (hooks !== undefined) {
      this.onTargetLost = hooks.onTargetLost;
      this.onConfirmed = hooks.onConfirmed;
    }
    this.merge(view, 0);
  }

  property(id: string): PropertyCell | undefined {
    return this.#byId.get(id);
  }

  /** The youngest report of any property. */
  get lastReport(): string | null {
    let last: string | null = null;
    let best = -Infinity;
    for (const { time } of this.properties) {
      const at = time === null ? NaN : Date.parse(time);
      if (at > best) {
        best = at;
        last = time;
      }
    }
    return last;
  }

  merge(view: DeviceView, asOf: number): void {
    this.name = view.name;
    this.room = view.room === '' ? null : view.room;
    this.model = view.model;
    this.icon = view.icon;
    this.via = view.via;
    this.demo = view.demo;
    if (this.#onlineSeq <= asOf) this.online = view.online;
    if (this.#rejectedSeq <= asOf) this.rejected = view.rejected;

    const before = this.properties.map(rankKey).join();
    for (const id of this.#byId.keys()) if (!(id in view.properties)) this.#byId.delete(id);
    for (const [id, property] of Object.entries(view.properties)) {
      const cell = this.#byId.get(id);
      if (cell === undefined) this.#byId.set(id, new PropertyCell(this, id, property));
      else cell.merge(property, asOf);
    }
    const ordered = orderProperties(this.#byId.values());
    if (ordered.map(rankKey).join() !== before || ordered.some((cell, i) => cell !== this.properties[i])) {
      this.properties = ordered;
    }
  }

  /** As the registry would say it, without what only a live hub knows. */
  view(): DeviceView {
    const { id, name, room, model, icon, via, demo, rejected } = this;
    const properties = Object.fromEntries(
      this.properties.map(({ id, meta, value, time, via }) => [
        id,
        { ...meta, value, target: null, time, via },
      ]),
    );
    return { id, name, room, model, icon, via, demo, online: false, rejected, properties };
  }

  setOnline(online: boolean, seq: number): void {
    this.#onlineSeq = seq;
    this.online = online;
  }

  setRejected(rejected: Rejected, seq: number): void {
    this.#rejectedSeq = seq;
    this.rejected = rejected;
  }
}

function rankKey(cell: PropertyCell): string {
  return `${cell.id}:${cell.meta.type}`;
}
