// A line of a few hours in a small place.
import type { NumberSeries } from '../../../model/series';
import type { Window } from '../../../model/range';

export interface Spark {
  /** The line, in pieces where nothing was reported for long. */
  line: string;
  /** The same, closed down to the foot. */
  area: string;
  low: { value: number; x: number; y: number } | null;
  high: { value: number; x: number; y: number } | null;
  /** Where the line ends. */
  end: { x: number; y: number } | null;
}

const EMPTY: Spark = { line: '', area: '', low: null, high: null, end: null };

/** Within so many pixels; `held` lines go in steps, as a value that is set holds until the next. */
export function sparkOf(
  series: NumberSeries | undefined,
  window: Window,
  width: number,
  height: number,
  held: boolean,
): Spark {
  if (series === undefined || width <= 0 || height <= 0 || !(window.to > window.from)) return EMPTY;
  const points: { time: number; value: number | null }[] = [];
  series.times.forEach((time, i) => {
    if (time <= window.to) points.push({ time: Math.max(time, window.from), value: series.line[i] ?? null });
  });
  const values = points.flatMap(({ value }) => (value === null ? [] : [value]));
  if (values.length === 0) return EMPTY;
  const [least, most] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  const span = most - least;
  const x = (time: number): number => ((time - window.from) / (window.to - window.from)) * width;
  // A line that never moved stands in the middle.
  const y = (value: number): number => (span === 0 ? height / 2 : height - ((value - least) / span) * height);
  const n = (value: number): string => value.toFixed(1);

  let [line, area, from] = ['', '', -1];
  let last: { x: number; y: number } | null = null;
  const close = (): void => {
    if (last !== null) area += `L${n(last.x)} ${n(height)}L${n(from)} ${n(height)}Z`;
    last = null;
  };
  for (const { time, value } of points) {
    if (value === null) {
      close();
      continue;
    }
    const at = { x: x(time), y: y(value) };
    const step: string =
      last === null
        ? `M${n(at.x)} ${n(at.y)}`
        : `${held ? `L${n(at.x)} ${n(last.y)}` : ''}L${n(at.x)} ${n(at.y)}`;
    if (last === null) from = at.x;
    line += step;
    area += step;
    last = at;
  }
  const end: { x: number; y: number } | null = last;
  close();
  const find = (wanted: number): Spark['low'] => {
    const found = points.find(({ value }) => value === wanted);
    return found === undefined ? null : { value: wanted, x: x(found.time), y: y(wanted) };
  };
  return { line, area, low: find(least), high: find(most), end };
}
