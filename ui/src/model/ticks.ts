// How times are written along an axis: as short as the distance between them allows, in the reader's own language
// and zone, with the day where a day begins.
import { locale as defaultLocale } from '../language';

const DAY = 86_400;

const formats = new Map<string, Intl.DateTimeFormat>();

function format(options: Intl.DateTimeFormatOptions, locale?: string): Intl.DateTimeFormat {
  const key = `${locale ?? ''}${JSON.stringify(options)}`;
  let found = formats.get(key);
  if (found === undefined)
    formats.set(key, (found = new Intl.DateTimeFormat(locale ?? defaultLocale, options)));
  return found;
}

const TIME = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
const DATE = { day: 'numeric', month: 'short' } as const;

/** The words under each of the times (seconds since 1970), which stand `step_s` apart. */
export function tickTexts(times: readonly number[], step_s: number, locale?: string): string[] {
  return times.map((time) => {
    const date = new Date(time * 1000);
    const text = (options: Intl.DateTimeFormatOptions): string => format(options, locale).format(date);
    const dayBegins = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0;
    if (step_s < 60) {
      const fraction = step_s < 1 ? { fractionalSecondDigits: 1 as const } : {};
      return text({ ...TIME, second: '2-digit', ...fraction });
    }
    if (step_s < DAY) return text(dayBegins ? DATE : TIME);
    if (step_s < 28 * DAY) return text(DATE);
    if (step_s < 360 * DAY) return text(date.getMonth() === 0 ? { year: 'numeric' } : { month: 'short' });
    return text({ year: 'numeric' });
  });
}

/** A time at the crosshair: as exact as the window is close. */
export function momentText(time_s: number, span_s: number, locale?: string): string {
  const options: Intl.DateTimeFormatOptions =
    span_s > 2 * 365 * DAY
      ? { dateStyle: 'medium' }
      : span_s > 2 * DAY
        ? { ...DATE, weekday: 'short', ...TIME }
        : { ...DATE, ...TIME, second: '2-digit' };
  return format(options, locale).format(new Date(time_s * 1000));
}

/** From when to when, as a title. */
export function windowText(from_s: number, to_s: number, locale?: string): string {
  const options: Intl.DateTimeFormatOptions = { ...DATE, year: 'numeric', ...TIME };
  return format(options, locale).formatRange(new Date(from_s * 1000), new Date(to_s * 1000));
}
