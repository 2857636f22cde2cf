// Readings of properties over time, made ready to be drawn, and live reports put to their end. Times are seconds
// since 1970. Numbers become a line (with the band from least to most where the hub condensed them), everything
// else becomes spans of one state each.
import type { Json, PropertyType } from './types';
import type { Window } from './range';

/** What the hub answers for one property. */
export interface HistoryAnswer {
  device: string;
  property: string;
  type: PropertyType;
  unit: string | null;
  from: string;
  to: string;
  /** Every reading is there; else only the least and the most of each stretch. */
  raw: boolean;
  points: [time: string, value: Json][];
  /** There is more than one answer holds; where to go on. */
  next?: string | null;
  /** Seconds in each state. */
  time_in_state?: Record<string, number>;
}

interface Series {
  /** `device/property`. */
  key: string;
  /** What came from the hub ends here; live reports before it are in it already. */
  until: number;
  /** The hub had more than it could answer. */
  cut: boolean;
}

export interface NumberSeries extends Series {
  kind: 'numbers';
  /** Ascending. A gap stands as a time with nulls. */
  times: number[];
  line: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
  /** Seconds that one point stands for; 0 where each is a reading. */
  step: number;
  /** Silence longer than this is a gap. */
  gap: number;
  /** The stretch after `until` that the point at the end stands for, and how many readings are in it. */
  growing: { stretch: number; count: number } | null;
}

export interface StateSpan {
  from: number;
  state: string;
}

export interface StateSeries extends Series {
  kind: 'states';
  /** Each lasts until the next. */
  spans: StateSpan[];
  /** By the hub, for what it could not answer whole. */
  totals: Record<string, number> | null;
}

export type AnySeries = NumberSeries | StateSeries;

export function seconds(time: string): number {
  return Date.parse(time) / 1000;
}

/** Bounds of what counts as silence: below it is jitter. */
const GAP_MIN_S = 5;
const GAP_TIMES = 4;
/** A gap is known by the rhythm of a series, which needs a few readings to be one. */
const RHYTHM_MIN = 4;

/** From how many seconds of silence on a series has a gap, by its own rhythm; `least` where points are stretches. */
export function gapOf(times: readonly number[], least = 0): number {
  if (times.length < RHYTHM_MIN) return Infinity;
  const pauses = new Float64Array(times.length - 1);
  for (let i = 1; i < times.length; i += 1) pauses[i - 1] = (times[i] as number) - (times[i - 1] as number);
  pauses.sort();
  const usual = pauses[Math.floor((pauses.length - 1) * 0.9)] as number;
  return Math.max(usual * GAP_TIMES, GAP_MIN_S, least);
}

/** A series of numbers from every reading, or from the extremes and, if asked for, the means of stretches. */
export function numbersOf(answer: HistoryAnswer, stretches: number, means?: HistoryAnswer): NumberSeries {
  const from = seconds(answer.from);
  const until = seconds(answer.to);
  const series: NumberSeries = {
    kind: 'numbers',
    key: `${answer.device}/${answer.property}`,
    until,
    cut: hasMore(answer),
    times: [],
    line: [],
    low: [],
    high: [],
    step: answer.raw ? 0 : (until - from) / Math.max(1, stretches),
    gap: Infinity,
    growing: null,
  };
  const points = numeric(answer.points);
  if (answer.raw) {
    series.gap = gapOf(points.map(([time]) => time));
    for (const [time, value] of points) put(series, time, value, value, value);
    return series;
  }
  const at = (time: number): number =>
    Math.min(stretches - 1, Math.max(0, Math.floor((time - from) / series.step)));
  const found = new Map<number, { low: number; high: number; mean: number | null }>();
  for (const [time, value] of points) {
    const stretch = found.get(at(time));
    if (stretch === undefined) found.set(at(time), { low: value, high: value, mean: null });
    else {
      stretch.low = Math.min(stretch.low, value);
      stretch.high = Math.max(stretch.high, value);
    }
  }
  // The start of a stretch may be told a little early, as times are rounded.
  for (const [time, value] of numeric(means?.points ?? [])) {
    const stretch = found.get(at(time + series.step / 100));
    if (stretch !== undefined) stretch.mean = Math.min(stretch.high, Math.max(stretch.low, value));
  }
  const middle = (index: number): number => from + (index + 0.5) * series.step;
  const indexes = [...found.keys()].sort((a, b) => a - b);
  series.gap = gapOf(indexes.map(middle), series.step * 2.5);
  for (const index of indexes) {
    const { low, high, mean } = found.get(index) as { low: number; high: number; mean: number | null };
    put(series, middle(index), mean ?? (low + high) / 2, low, high);
  }
  return series;
}

function numeric(points: readonly [string, Json][]): [number, number][] {
  const all: [number, number][] = [];
  for (const [time, value] of points) if (typeof value === 'number') all.push([seconds(time), value]);
  return all;
}

function hasMore(answer: HistoryAnswer): boolean {
  return answer.next !== undefined && answer.next !== null;
}

/** Appends one point, and a gap before it after a silence. */
function put(series: NumberSeries, time: number, line: number, low: number, high: number): void {
  const before = series.times.at(-1);
  if (before !== undefined && time - before > series.gap) {
    series.times.push((before + time) / 2);
    series.line.push(null);
    series.low.push(null);
    series.high.push(null);
  }
  series.times.push(time);
  series.line.push(line);
  series.low.push(low);
  series.high.push(high);
}

/** A live reading. False when it changes nothing: it is in what the hub answered, or older than the newest. */
export function addNumber(series: NumberSeries, time: number, value: number): boolean {
  if (time <= series.until) return false;
  const last = series.times.length - 1;
  const newest = series.times[last];
  if (series.step === 0) {
    if (newest !== undefined && time <= newest) return false;
    put(series, time, value, value, value);
    return true;
  }
  // Stretches after `until` are of the same length, and filled here; each stands where its last reading was.
  if (newest !== undefined && time < newest) return false;
  const stretch = Math.floor((time - series.until) / series.step);
  if (series.growing?.stretch !== stretch) {
    put(series, time, value, value, value);
    series.growing = { stretch, count: 1 };
    return true;
  }
  const count = (series.growing.count += 1);
  const mean = series.line[last] as number;
  series.times[last] = time;
  series.line[last] = mean + (value - mean) / count;
  series.low[last] = Math.min(series.low[last] as number, value);
  series.high[last] = Math.max(series.high[last] as number, value);
  return true;
}

/** What a state is called among the hub's: `true`, `open`. */
export function stateText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function statesOf(answer: HistoryAnswer): StateSeries {
  const series: StateSeries = {
    kind: 'states',
    key: `${answer.device}/${answer.property}`,
    until: seconds(answer.to),
    cut: hasMore(answer),
    spans: [],
    totals: answer.time_in_state ?? null,
  };
  for (const [time, value] of answer.points) {
    if (value !== null) push(series, seconds(time), stateText(value));
  }
  return series;
}

/** A report of the state that holds already begins nothing. */
function push(series: StateSeries, from: number, state: string): boolean {
  const last = series.spans.at(-1);
  if (last?.state === state) return false;
  // Of several at the same time the last one held.
  if (last !== undefined && from <= last.from) last.state = state;
  else series.spans.push({ from, state });
  return true;
}

export function addState(series: StateSeries, time: number, value: Json): boolean {
  if (time <= series.until || value === null || time < (series.spans.at(-1)?.from ?? -Infinity)) return false;
  return push(series, time, stateText(value));
}

export function add(series: AnySeries, time: number, value: Json): boolean {
  if (series.kind === 'states') return addState(series, time, value);
  return typeof value === 'number' && Number.isFinite(value) && addNumber(series, time, value);
}

/** Drops what lies before the window; one point stays, so that the line goes on to the edge. */
export function trim(series: AnySeries, from: number): void {
  if (series.kind === 'states') {
    const keep = lastBefore(series.spans, from, (span) => span.from);
    if (keep > 0) series.spans.splice(0, keep);
    return;
  }
  const keep = lastBefore(series.times, from, (time) => time);
  if (keep <= 0) return;
  for (const column of [series.times, series.line, series.low, series.high]) column.splice(0, keep);
}

/** Index of the last item at or before a time, or -1. */
export function lastBefore<T>(items: readonly T[], time: number, of: (item: T) => number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (of(items[middle] as T) <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export interface NumberAt {
  time: number;
  value: number;
  low: number;
  high: number;
}

/** The point nearest to a time. `held`: the value holds until the next one, so it is the one before. */
export function numberAt(series: NumberSeries, time: number, near_s: number, held = false): NumberAt | null {
  const { times, line, low, high } = series;
  const before = lastBefore(times, time, (t) => t);
  let best = before;
  const after = times[before + 1];
  if (!held && after !== undefined && (before < 0 || after - time < time - (times[before] as number)))
    best += 1;
  const value = line[best];
  const at = times[best];
  if (value === undefined || value === null || at === undefined) return null;
  if (!held && Math.abs(at - time) > Math.max(near_s, series.gap === Infinity ? 0 : series.gap / 2))
    return null;
  return { time: at, value, low: low[best] ?? value, high: high[best] ?? value };
}

export function stateAt(series: StateSeries, time: number): StateSpan | null {
  return series.spans[lastBefore(series.spans, time, (span) => span.from)] ?? null;
}

/** Least, most and mean of what is to be seen; null where nothing is. The mean weighs points by their time apart. */
export function rangeIn(series: NumberSeries, { from, to }: Window): { low: number; high: number } | null {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < series.times.length; i += 1) {
    const time = series.times[i] as number;
    const least = series.low[i];
    if (time < from - series.step || time > to + series.step || least === null || least === undefined)
      continue;
    low = Math.min(low, least);
    high = Math.max(high, series.high[i] as number);
  }
  return low === Infinity ? null : { low, high };
}

/** Seconds in each state within a window that ends, at the latest, now; the longest first. */
export function timeInStates(series: StateSeries, { from, to }: Window, now_s: number): [string, number][] {
  const end = Math.min(to, now_s);
  const totals = new Map<string, number>();
  if (series.cut && series.totals !== null) {
    for (const [state, time] of Object.entries(series.totals)) totals.set(state, time);
  } else {
    series.spans.forEach((span, i) => {
      const until = Math.min(end, series.spans[i + 1]?.from ?? end);
      const time = until - Math.max(from, span.from);
      if (time > 0) totals.set(span.state, (totals.get(span.state) ?? 0) + time);
    });
  }
  return [...totals].sort((a, b) => b[1] - a[1]);
}

/** A stretch on the screen: of one state, or of several that are too short to be told apart. */
export interface Band {
  from_px: number;
  to_px: number;
  /** States and how much of the stretch they took, in pixels. */
  parts: [state: string, px: number][];
}

/** What is shorter than this shares a column with its neighbours. */
const ALONE_PX = 2;
/** Columns of several states are not wider, so that one still sees when. */
const COLUMN_PX = 3;

/** Spans as they fit on so many pixels. There are never more bands than pixels. */
export function bandsOf(series: StateSeries, window: Window, width_px: number, now_s: number): Band[] {
  const bands: Band[] = [];
  const span = window.to - window.from;
  if (!(span > 0) || width_px <= 0) return bands;
  const px = (time: number): number => ((time - window.from) / span) * width_px;
  const end = Math.min(window.to, now_s);
  let column: Band | null = null;
  const first = Math.max(
    0,
    lastBefore(series.spans, window.from, (s) => s.from),
  );
  for (let i = first; i < series.spans.length; i += 1) {
    const { from, state } = series.spans[i] as StateSpan;
    if (from > end) break;
    const from_px = Math.max(0, px(from));
    const to_px = Math.min(px(end), px(series.spans[i + 1]?.from ?? end));
    if (to_px <= 0) continue;
    const wide = to_px - from_px;
    if (column === null || wide >= ALONE_PX || to_px - column.from_px > COLUMN_PX) {
      const band: Band = { from_px, to_px, parts: [[state, wide]] };
      bands.push(band);
      column = wide >= ALONE_PX ? null : band;
      continue;
    }
    column.to_px = to_px;
    const part = column.parts.find(([one]) => one === state);
    if (part === undefined) column.parts.push([state, wide]);
    else part[1] += wide;
  }
  // In one order everywhere, so that columns side by side can be compared.
  const rank = new Map<string, number>();
  for (const { state } of series.spans) if (!rank.has(state)) rank.set(state, rank.size);
  for (const { parts } of bands) parts.sort((a, b) => (rank.get(a[0]) ?? 0) - (rank.get(b[0]) ?? 0));
  return bands;
}
