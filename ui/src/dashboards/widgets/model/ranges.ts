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

/** Lower than this, what stands above the plots makes room for them. */
export const PANEL_LEAST_PX = 46;

/** How high a chart's panels of numbers may be, so that all of it fits into its place. `named`: each panel says whose it is. */
export function panelHeight(
  room_px: number,
  shown: readonly { meta: { type: string; unit: string | null } }[],
  named = false,
): number {
  const AXIS_PX = 28;
  const BAND_PX = 34;
  const GAP_PX = 4;
  const TITLE_PX = 18;
  const LEAST_PX = 28;
  const numbers = shown.filter(({ meta }) => meta.type === 'int' || meta.type === 'float');
  const units = new Set(numbers.map(({ meta }) => meta.unit ?? ''));
  const states = shown.length - numbers.length;
  const single = shown.length === 1;
  const titles = single ? 0 : [...units].filter((unit) => named || unit !== '').length + states;
  // The lowest panel bears the axis, each above it a gap.
  const gaps = Math.max(0, units.size + states - 1) * GAP_PX;
  const rest = room_px - AXIS_PX - states * BAND_PX - titles * TITLE_PX - gaps;
  return Math.max(LEAST_PX, Math.floor(rest / Math.max(1, units.size)));
}

export interface Above {
  bar: boolean;
  legend: boolean;
  panel_px: number;
}

/** What stands above the plots: where they would be too low, the legend goes first and the toolbar next. */
export function aboveChart(
  height_px: number,
  bar_px: number,
  legend_px: number,
  shown: Parameters<typeof panelHeight>[1],
): Above {
  const fitted = (bar: boolean, legend: boolean): Above => ({
    bar,
    legend,
    panel_px: panelHeight(height_px - (bar ? bar_px : 0) - (legend ? legend_px : 0), shown, !legend),
  });
  const wanted = legend_px > 0;
  const all = [fitted(bar_px > 0, wanted), fitted(bar_px > 0, false), fitted(false, false)];
  return all.find(({ panel_px }) => panel_px >= PANEL_LEAST_PX) ?? fitted(false, false);
}
