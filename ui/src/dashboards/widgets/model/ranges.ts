// How far back a chart on a dashboard looks, from minutes to years.

const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;

export const RANGES = {
  '5m': 5 * MINUTE,
  '15m': 15 * MINUTE,
  '1h': HOUR,
  '6h': 6 * HOUR,
  '24h': DAY,
  '7d': 7 * DAY,
  '30d': 30 * DAY,
  '1y': 365 * DAY,
  '5y': 5 * 365 * DAY,
} as const;

export type RangeName = keyof typeof RANGES;
export const RANGE_NAMES = Object.keys(RANGES) as RangeName[];

export function rangeName(last_s: number): RangeName | null {
  return RANGE_NAMES.find((name) => RANGES[name] === last_s) ?? null;
}

/** Heights of a chart within a place: as high as its panels of numbers may be, so that all of it fits. */
export function panelHeight(
  room_px: number,
  shown: readonly { meta: { type: string; unit: string | null } }[],
): number {
  const AXIS_PX = 28;
  const BAND_PX = 38;
  const TITLE_PX = 26;
  const LEAST_PX = 64;
  const numbers = shown.filter(({ meta }) => meta.type === 'int' || meta.type === 'float');
  const units = new Set(numbers.map(({ meta }) => meta.unit ?? ''));
  const states = shown.length - numbers.length;
  const single = shown.length === 1;
  const titles = single ? 0 : [...units].filter((unit) => unit !== '').length + states;
  const rest = room_px - AXIS_PX - states * BAND_PX - titles * TITLE_PX - Math.max(0, units.size - 1) * 4;
  return Math.max(LEAST_PX, Math.floor(rest / Math.max(1, units.size)));
}
