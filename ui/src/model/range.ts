// Stretches of time that a chart shows, and how they stand in an address. Seconds since 1970, in the hub's time.

export interface Window {
  from: number;
  to: number;
}

/** The last so many seconds, moving with the time; or a stretch that stays. */
export type Range = { last_s: number } | Window;

const HOUR = 3_600;
const DAY = 86_400;

export const PRESETS = { '1h': HOUR, '24h': DAY, '7d': 7 * DAY, '30d': 30 * DAY, '1y': 365 * DAY } as const;
export type Preset = keyof typeof PRESETS;
export const PRESET_NAMES = Object.keys(PRESETS) as Preset[];

/** Closer than this nothing is to be seen, and further than this nothing was ever kept. */
export const SPAN_MIN_S = 1;
export const SPAN_MAX_S = 50 * 365 * DAY;

export function isLive(range: Range): range is { last_s: number } {
  return 'last_s' in range;
}

export function windowOf(range: Range, now_s: number): Window {
  return isLive(range) ? { from: now_s - range.last_s, to: now_s } : { from: range.from, to: range.to };
}

export function presetOf(range: Range): Preset | null {
  if (!isLive(range)) return null;
  return PRESET_NAMES.find((name) => PRESETS[name] === range.last_s) ?? null;
}

/** Around `center`, narrower (factor below 1) or wider; what would end after `now_s` is moved back. */
export function zoomed(window: Window, factor: number, center: number, now_s: number): Window {
  const span = window.to - window.from;
  const wanted = Math.min(SPAN_MAX_S, Math.max(SPAN_MIN_S, span * factor));
  const share = span > 0 ? (center - window.from) / span : 0.5;
  const from = center - share * wanted;
  return within({ from, to: from + wanted }, now_s);
}

export function moved(window: Window, by_s: number, now_s: number): Window {
  return within({ from: window.from + by_s, to: window.to + by_s }, now_s);
}

function within({ from, to }: Window, now_s: number): Window {
  const over = Math.max(0, to - now_s);
  return { from: from - over, to: to - over };
}

/** As it stands in an address: `24h`, or two times with a comma between. */
export function rangeText(range: Range): string {
  if (!isLive(range)) return `${Math.round(range.from)},${Math.round(range.to)}`;
  return presetOf(range) ?? `${range.last_s}s`;
}

/** null for what is no range, so that a mistyped address shows the usual one. */
export function parseRange(text: string | null): Range | null {
  if (text === null) return null;
  const preset = PRESET_NAMES.find((name) => name === text);
  if (preset !== undefined) return { last_s: PRESETS[preset] };
  const last = /^(\d{1,10})s$/.exec(text);
  if (last !== null) return checked({ last_s: Number(last[1]) });
  const both = /^(-?\d{1,12}),(-?\d{1,12})$/.exec(text);
  return both === null ? null : checked({ from: Number(both[1]), to: Number(both[2]) });
}

function checked(range: Range): Range | null {
  const span = isLive(range) ? range.last_s : range.to - range.from;
  return span >= SPAN_MIN_S && span <= SPAN_MAX_S ? range : null;
}

/** What `<input type="datetime-local">` takes, in the browser's own zone. */
export function toField(time_s: number): string {
  const date = new Date(time_s * 1000);
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** null for an empty or unfinished field. */
export function fromField(text: string): number | null {
  if (!/^\d{4,6}-\d\d-\d\dT\d\d:\d\d/.test(text)) return null;
  const time = new Date(text).getTime();
  return Number.isNaN(time) ? null : time / 1000;
}
