// Where a value stands between two ends, and the marks and arcs that are drawn for it.

/** 0 at `min`, 1 at `max`; outside values stand at the ends. An empty or reversed range has everything at its start. */
export function shareOf(value: number | null, min: number, max: number): number {
  if (value === null || !(max > min)) return 0;
  return Math.min(1, Math.max(0, (value - min) / (max - min)));
}

/** The ends of a scale: as set by a person, else as the source says, else 0 to 100, widened to the value. */
export function endsOf(
  set: { min: number | null; max: number | null },
  source: { min: number | null; max: number | null },
  value: number | null,
): { min: number; max: number } {
  const fixedMin = set.min ?? source.min;
  const fixedMax = set.max ?? source.max;
  let min = fixedMin ?? Math.min(0, roundOut(value ?? 0));
  let max = fixedMax ?? Math.max(min < 0 ? 0 : 100, roundOut(value ?? 0), min + 1);
  if (max <= min) [min, max] = [Math.min(min, max), Math.min(min, max) + 1];
  return { min, max };
}

/** Away from zero to 1, 2 or 5 times a power of ten, so that a scale without ends does not move with each value. */
function roundOut(value: number): number {
  const size = Math.abs(value);
  if (size === 0 || !Number.isFinite(size)) return 0;
  const power = 10 ** Math.floor(Math.log10(size));
  const step = [1, 2, 5, 10].find((n) => n * power >= size) ?? 10;
  return Math.sign(value) * step * power;
}

/** Round numbers between two ends, at most `most` of them. */
export function ticksOf(min: number, max: number, most: number): number[] {
  if (!(max > min) || most < 2 || !Number.isFinite(max - min)) return [];
  const rough = (max - min) / (most - 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((n) => n * power >= rough * (1 - 1e-9)) ?? 10) * power;
  const ticks: number[] = [];
  for (let n = Math.ceil(min / step - 1e-9); n * step <= max + step * 1e-9; n += 1) {
    ticks.push(Number((n * step).toPrecision(12)));
  }
  return ticks;
}

/** The open side of a gauge, in degrees, at its foot. */
export const GAP_DEG = 90;

/** Degrees clockwise from the top: a gauge begins at the lower left and ends at the lower right. */
export function angleOf(share: number): number {
  const sweep = 360 - GAP_DEG;
  return -sweep / 2 + share * sweep;
}

export function pointAt(angle_deg: number, radius: number, center = 50): { x: number; y: number } {
  const radians = ((angle_deg - 90) * Math.PI) / 180;
  return { x: center + radius * Math.cos(radians), y: center + radius * Math.sin(radians) };
}

/** A path along the gauge from one share to another; empty when there is nothing between them. */
export function arcPath(from: number, to: number, radius: number, center = 50): string {
  if (!(to > from)) return '';
  const [a, b] = [angleOf(from), angleOf(to)];
  const [start, end] = [pointAt(a, radius, center), pointAt(b, radius, center)];
  const n = (value: number): string => value.toFixed(2);
  return `M${n(start.x)} ${n(start.y)}A${radius} ${radius} 0 ${b - a > 180 ? 1 : 0} 1 ${n(end.x)} ${n(end.y)}`;
}

export type Tone = 'plain' | 'ok' | 'warn' | 'bad';

/**
 * How a value is by its two limits. With `alarm` above `warn` high values are bad, below it low ones; one limit alone
 * counts from there upwards, or downwards when `low` says so.
 */
export function toneOf(value: number | null, warn: number | null, alarm: number | null, low = false): Tone {
  if (value === null || (warn === null && alarm === null)) return 'plain';
  const down = warn !== null && alarm !== null ? alarm < warn : low;
  const beyond = (limit: number | null): boolean =>
    limit !== null && (down ? value <= limit : value >= limit);
  if (beyond(alarm)) return 'bad';
  return beyond(warn) ? 'warn' : 'ok';
}

/** Stretches of a scale by tone, as shares, for the ring behind a gauge. */
export function tonesOn(
  min: number,
  max: number,
  warn: number | null,
  alarm: number | null,
  low = false,
): { from: number; to: number; tone: Tone }[] {
  const edges = [warn, alarm]
    .filter((limit): limit is number => limit !== null && limit > min && limit < max)
    .sort((a, b) => a - b);
  const all = [min, ...edges, max];
  return all.slice(1).map((to, i) => {
    const from = all[i] as number;
    return {
      from: shareOf(from, min, max),
      to: shareOf(to, min, max),
      tone: toneOf((from + to) / 2, warn, alarm, low),
    };
  });
}
