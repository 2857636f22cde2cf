// What a chart shows: asks the hub for as many points as there is room for, keeps what was there until the answer
// comes, and puts live reports to the end. The last question counts.
import { Problem, reasonOf } from '../hub/api';
import { clock } from '../hub/clock.svelte';
import type { History } from '../hub/history';
import { isLive, moved, PRESETS, windowOf, zoomed, type Range, type Window } from '../model/range';
import { isNumber } from '../model/kept';
import { add, numbersOf, statesOf, trim, type AnySeries } from '../model/series';
import { realTimers, type Timers } from '../model/throttle';
import type { Json, PropertyType } from '../model/types';

export interface Wanted {
  /** `device/property`. */
  key: string;
  type: PropertyType;
}

/** While somebody still zooms or resizes, nothing is asked. */
const SETTLE_MS = 180;
/** Live points after this share of the window: the hub condenses them better. */
const STALE_SHARE = 0.25;
const POINTS_MIN = 100;
const POINTS_MAX = 4_000;
/** Widths differ by a pixel or two between visits; the hub's answer need not. */
const POINTS_STEP = 50;
/** When all there is lies in this last share of what was proposed, something shorter shows it. */
const YOUNG_SHARE = 1 / 24;
/** Live points that are kept without asking again. */
const LIVE_MAX = 5_000;

export class Feed {
  /** What was chosen. */
  range: Range = $state.raw({ last_s: 86_400 });
  /** What is shown, in seconds since 1970. */
  window: Window = $state.raw({ from: 0, to: 0 });
  series: readonly AnySeries[] = $state.raw([]);
  /** Counts changes inside of `series`. */
  version = $state.raw(0);
  busy = $state.raw(false);
  problem: Problem | null = $state.raw(null);

  readonly #history: History;
  readonly #timers: Timers;
  #wanted: readonly Wanted[] = [];
  #width_px = 0;
  #turn = 0;
  #due: () => void = () => {};
  #askedAt_s = 0;
  #live = 0;
  /** The range was proposed, not chosen: it may be made to fit what there is, once. */
  #proposed: boolean;

  /** Without a range it proposes one: the last day, or less when nothing is as old. */
  constructor(history: History, range: Range | null = null, timers: Timers = realTimers) {
    this.#history = history;
    this.#timers = timers;
    this.#proposed = range === null;
    this.range = range ?? { last_s: PRESETS['24h'] };
    this.window = windowOf(this.range, this.now_s);
  }

  get now_s(): number {
    return clock.now / 1000;
  }

  get live(): boolean {
    return isLive(this.range);
  }

  want(wanted: readonly Wanted[]): void {
    const before = new Set(this.#wanted.map(({ key }) => key));
    const same = wanted.length === before.size && wanted.every(({ key }) => before.has(key));
    this.#wanted = wanted;
    if (same) return;
    const keys = new Set(wanted.map(({ key }) => key));
    this.series = this.series.filter(({ key }) => keys.has(key));
    this.problem = null;
    if (wanted.length > 0) this.#soon(0);
  }

  /** So many pixels are there for the time axis. */
  resize(width_px: number): void {
    const before = this.#points();
    this.#width_px = width_px;
    if (width_px > 0 && this.#points() !== before) this.#soon(before === 0 ? 0 : SETTLE_MS);
  }

  show(range: Range): void {
    this.#proposed = false;
    this.range = range;
    this.window = windowOf(range, this.now_s);
    this.#soon(0);
  }

  /** Nearer or further around a time; the far end stays live if it was and still is the present. */
  zoom(factor: number, center: number): void {
    const now = this.now_s;
    const pinned = this.live && center > this.window.to - (this.window.to - this.window.from) * 0.02;
    const next = zoomed(this.window, factor, center, now);
    this.#settle(pinned ? { last_s: Math.max(1, Math.round(next.to - next.from)) } : next);
  }

  pan(by_s: number): void {
    if (by_s > 0 && this.live) return;
    const next = moved(this.window, by_s, this.now_s);
    const span = Math.round(next.to - next.from);
    this.#settle(this.now_s - next.to < span / 500 ? { last_s: span } : next);
  }

  #settle(range: Range): void {
    this.#proposed = false;
    this.range = range;
    this.window = windowOf(range, this.now_s);
    this.#soon(SETTLE_MS);
  }

  /** Moves a live window on. Called with the clock; does nothing until a pixel's worth of time has passed. */
  tick(): void {
    if (!isLive(this.range) || this.#width_px === 0) return;
    const pixel = this.range.last_s / this.#width_px;
    if (this.now_s - this.window.to < pixel) return;
    this.window = windowOf(this.range, this.now_s);
    for (const one of this.series) trim(one, this.window.from);
    const stale = this.now_s - this.#askedAt_s > this.range.last_s * STALE_SHARE || this.#live > LIVE_MAX;
    if (stale) this.#soon(0);
  }

  /** A report that just came. */
  report(key: string, time_s: number, value: Json): void {
    const series = this.series.find((one) => one.key === key);
    if (series === undefined || !add(series, time_s, value)) return;
    this.#live += 1;
    this.version += 1;
    // The clock ticks once a second; the report may be younger than its last tick.
    if (isLive(this.range)) this.window = windowOf(this.range, Math.max(this.now_s, time_s));
  }

  reload(): void {
    this.#soon(0);
  }

  stop(): void {
    this.#due();
    this.#turn += 1;
  }

  #points(): number {
    if (this.#width_px === 0) return 0;
    const points = Math.ceil(this.#width_px / POINTS_STEP) * POINTS_STEP;
    return Math.min(POINTS_MAX, Math.max(POINTS_MIN, points));
  }

  #soon(ms: number): void {
    this.#due();
    this.#due = this.#timers.later(ms, () => void this.#ask());
  }

  #fit(): void {
    const first = Math.min(...this.series.map(beginOf));
    if (first === Infinity) return;
    this.#proposed = false;
    const { from, to } = this.window;
    if (first > to - (to - from) * YOUNG_SHARE) this.show({ last_s: PRESETS['1h'] });
  }

  async #ask(): Promise<void> {
    const turn = ++this.#turn;
    const points = this.#points();
    const wanted = this.#wanted;
    if (points === 0 || wanted.length === 0) return;
    const window = isLive(this.range) ? windowOf(this.range, this.now_s) : this.window;
    this.busy = true;
    try {
      const numbers = wanted.filter(({ type }) => isNumber(type)).map(({ key }) => key);
      const states = wanted.filter(({ type }) => !isNumber(type)).map(({ key }) => key);
      const [condensed, spans] = await Promise.all([
        this.#history.read(numbers, window, { points }),
        this.#history.read(states, window, {}),
      ]);
      const rough = condensed.filter(({ raw }) => !raw).map((one) => `${one.device}/${one.property}`);
      const stretches = Math.max(1, Math.floor(points / 2));
      const means = await this.#history.read(rough, window, { points: stretches, agg: 'mean' });
      if (turn !== this.#turn) return;
      const meanOf = new Map(means.map((one) => [`${one.device}/${one.property}`, one]));
      const found = new Map<string, AnySeries>();
      for (const one of condensed) {
        const key = `${one.device}/${one.property}`;
        found.set(key, numbersOf(one, stretches, meanOf.get(key)));
      }
      for (const one of spans) found.set(`${one.device}/${one.property}`, statesOf(one));
      this.series = wanted.flatMap(({ key }) => found.get(key) ?? []);
      this.window = windowOf(this.range, this.now_s);
      this.#askedAt_s = this.now_s;
      this.#live = 0;
      this.version += 1;
      this.problem = null;
      if (this.#proposed) this.#fit();
    } catch (error) {
      if (turn !== this.#turn) return;
      this.problem = error instanceof Problem ? error : new Problem(reasonOf(error), 0, 'unknown');
    } finally {
      if (turn === this.#turn) this.busy = false;
    }
  }
}

function beginOf(series: AnySeries): number {
  const begin = series.kind === 'numbers' ? series.times[0] : series.spans[0]?.from;
  return begin ?? Infinity;
}
