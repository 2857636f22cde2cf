// How values, numbers and times are written for a person. Words come from strings.ts.
import { locale as defaultLocale } from '../language';
import { t } from '../strings';
import type { Json, PropertyMeta } from './types';
import { bytesOf, stepOf, textOf } from './value';

/** Narrow no-break space: stands between a number and its unit. */
export const THIN = '\u202f';

/** More decimals than this are noise on a dashboard; the wire view shows the exact text. */
const DECIMALS_MAX = 2;

export function decimalsOf(value: number): number {
  // Rounded first: 55.800000000000004 has one decimal as far as anybody is concerned.
  const text = String(Number(value.toFixed(DECIMALS_MAX)));
  const dot = text.indexOf('.');
  return dot < 0 || text.includes('e') ? 0 : text.length - dot - 1;
}

/** Decimals to show for every value of a property, so that its text keeps its width. */
export function decimalsFor(meta: PropertyMeta, seen: number): number {
  if (meta.type === 'int') return 0;
  if (meta.step !== null && meta.step > 0) return Math.max(decimalsOf(meta.step), seen);
  const ranged = meta.min !== null && meta.max !== null;
  return ranged ? Math.max(decimalsOf(stepOf(meta)), seen) : seen;
}

const formats = new Map<string, Intl.NumberFormat>();

export function formatNumber(value: number, decimals: number, locale?: string): string {
  // Below 0.1 two decimals would show nothing: keep two significant digits instead.
  const tiny = value !== 0 && Math.abs(value) < 0.1;
  const huge = Math.abs(value) >= 1e15;
  const key = `${locale ?? ''}|${decimals}|${tiny}|${huge}`;
  let format = formats.get(key);
  if (format === undefined) {
    format = new Intl.NumberFormat(
      locale ?? defaultLocale,
      huge
        ? { notation: 'scientific', maximumFractionDigits: 3 }
        : tiny
          ? { maximumSignificantDigits: 2 }
          : { minimumFractionDigits: decimals, maximumFractionDigits: Math.max(decimals, DECIMALS_MAX) },
    );
    formats.set(key, format);
  }
  return format.format(value);
}

/** A value in words, without its unit. */
export function formatValue(meta: PropertyMeta, value: Json, decimals: number): string {
  if (value === null) return t.value.none;
  if (typeof value === 'number') return formatNumber(value, meta.type === 'int' ? 0 : decimals);
  if (typeof value === 'boolean') return boolWord(meta, value);
  const bytes = bytesOf(value);
  if (bytes !== null) return t.value.bytes(bytes.length);
  const word = meta.type === 'enum' || (meta.type === 'string' && meta.access.includes('event'));
  return word ? humanise(textOf(value)) : textOf(value);
}

/** A value with its unit, for sentences and labels. */
export function formatWithUnit(meta: PropertyMeta, value: Json, decimals: number): string {
  const text = formatValue(meta, value, decimals);
  return meta.unit !== null && typeof value === 'number' ? `${text}${THIN}${meta.unit}` : text;
}

export function boolWord(meta: Pick<PropertyMeta, 'role' | 'access'>, value: boolean): string {
  const words = meta.role === null ? undefined : t.value.roles[meta.role];
  const [no, yes] = words ?? (meta.access.includes('set') ? t.value.switch : t.value.bool);
  return value ? yes : no;
}

const ACRONYMS = new Set([
  'co2',
  'id',
  'ip',
  'led',
  'mac',
  'ph',
  'pm10',
  'pm25',
  'rgb',
  'rpm',
  'rssi',
  'uv',
  'voc',
]);

/** "target_temperature" → "Target temperature", "uv_index" → "UV index". */
export function humanise(id: string): string {
  const words = id
    .replace(/([a-z])([A-Z])/g, (_m, a: string, b: string) => `${a} ${b.toLowerCase()}`)
    .split(/[\s_-]+/)
    .filter((word) => word !== '')
    .map((word) => (ACRONYMS.has(word.toLowerCase()) ? word.toUpperCase() : word));
  const text = words.join(' ');
  return text === '' ? id : text.charAt(0).toUpperCase() + text.slice(1);
}

/** Seconds to a short relative time; anything in the future is "just now" (clocks differ). */
export function formatAge(seconds: number): string {
  if (seconds < 5) return t.age.now;
  if (seconds < 60) return t.age.seconds(Math.floor(seconds));
  if (seconds < 3600) return t.age.minutes(Math.floor(seconds / 60));
  if (seconds < 86_400) return t.age.hours(Math.floor(seconds / 3600));
  return t.age.days(Math.floor(seconds / 86_400));
}

export function formatDuration(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor((seconds % 86_400) / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (days > 0) return t.duration.days(days, hours);
  if (hours > 0) return t.duration.hours(hours, minutes);
  if (minutes > 0) return t.duration.minutes(minutes);
  return t.duration.seconds(Math.floor(seconds));
}

const exact = new Intl.DateTimeFormat(defaultLocale, { dateStyle: 'medium', timeStyle: 'medium' });
const clock = new Intl.DateTimeFormat(defaultLocale, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hourCycle: 'h23',
});

/** The exact time, for hovering. */
export function formatTime(time: string): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? time : exact.format(date);
}

/** Time of day to the millisecond, for the wire view. */
export function formatClock(time: string): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? time : clock.format(date);
}

/** "0 to 100 %, in steps of 5", or null when nothing bounds the property. */
export function formatRange(meta: PropertyMeta): string | null {
  const unit = meta.unit === null ? '' : THIN + meta.unit;
  const number = (n: number) => formatNumber(n, decimalsOf(n));
  const { min, max, step } = meta;
  let text: string | null = null;
  if (min !== null && max !== null) text = t.range.between(number(min), number(max) + unit);
  else if (min !== null) text = t.range.from(number(min) + unit);
  else if (max !== null) text = t.range.upTo(number(max) + unit);
  if (step === null) return text;
  const steps = t.range.steps(number(step));
  return text === null ? steps : `${text}, ${steps}`;
}
