// What each of several values says of the weather.
import type { Source } from '../../types';
import { lastWord } from './lightroles';

export const ROLES = [
  'temperature',
  'feels',
  'humidity',
  'pressure',
  'wind',
  'gust',
  'direction',
  'rain',
  'uv',
  'light',
  'clouds',
  'condition',
] as const;
export type WeatherRole = (typeof ROLES)[number] | 'other';

const BY_NAME: [RegExp, WeatherRole][] = [
  [/feels|apparent|felt|wind_?chill/, 'feels'],
  [/gust/, 'gust'],
  [/dir(ection)?$|bearing|wind_?from/, 'direction'],
  [/wind/, 'wind'],
  [/temp/, 'temperature'],
  [/hum/, 'humidity'],
  [/press|baro/, 'pressure'],
  [/rain|precip/, 'rain'],
  [/uv/, 'uv'],
  [/lux|light|illum|solar|irradiance/, 'light'],
  [/cloud/, 'clouds'],
  [/condition|weather|sky|summary|forecast/, 'condition'],
];

const BY_UNIT: [RegExp, WeatherRole][] = [
  [/^°?[cf]$/i, 'temperature'],
  [/^(hpa|mbar|kpa|inhg)$/i, 'pressure'],
  [/^(m\/s|km\/h|mph|kn|kt)$/i, 'wind'],
  [/^mm(\/h)?$/i, 'rain'],
  [/^(lx|lux|w\/m²)$/i, 'light'],
];

export function roleOf(source: Source, unit: string | null, type: string | null): WeatherRole {
  const word = lastWord(source);
  const named = BY_NAME.find(([pattern]) => pattern.test(word));
  if (named !== undefined) return named[1];
  const byUnit = unit === null ? undefined : BY_UNIT.find(([pattern]) => pattern.test(unit.trim()));
  if (byUnit !== undefined) return byUnit[1];
  return type === 'string' || type === 'enum' ? 'condition' : 'other';
}

/** By what somebody wrote, else by name, unit and type. A role is given once; who comes later is “other”. */
export function rolesOf(
  sources: readonly { source: Source; unit: string | null; type: string | null }[],
  set: readonly string[],
): WeatherRole[] {
  const given = new Set<WeatherRole>();
  return sources.map(({ source, unit, type }, i) => {
    const wanted = set[i]?.trim().toLowerCase();
    const role =
      ROLES.find((one) => one === wanted) ?? (wanted === 'other' ? 'other' : roleOf(source, unit, type));
    if (role === 'other' || given.has(role)) return 'other';
    given.add(role);
    return role;
  });
}

export type Condition =
  'sunny' | 'night' | 'partly' | 'cloudy' | 'fog' | 'drizzle' | 'rain' | 'storm' | 'hail' | 'snow' | 'wind';

const CONDITIONS: [RegExp, Condition][] = [
  [/thunder|lightning|storm|gewitter/, 'storm'],
  [/hail|sleet/, 'hail'],
  [/snow|flurr|schnee/, 'snow'],
  [/drizzle|light.?rain|nieselregen/, 'drizzle'],
  [/rain|pour|shower|regen/, 'rain'],
  [/fog|mist|haz|nebel/, 'fog'],
  [/part|mostly.?(sun|clear)|few.?clouds|scattered|broken|intermittent/, 'partly'],
  [/cloud|overcast|bewölkt|bedeckt/, 'cloudy'],
  [/night/, 'night'],
  [/wind|breez/, 'wind'],
  [/sun|clear|fair|klar|heiter/, 'sunny'],
];

/** From a sky told in words; null for words nobody knows. */
export function conditionIn(text: string): Condition | null {
  const words = text.slice(0, 100).toLowerCase();
  return CONDITIONS.find(([pattern]) => pattern.test(words))?.[1] ?? null;
}

/** What the numbers alone say, where no sky is told. */
export function guessCondition(values: {
  rain: number | null;
  clouds: number | null;
  temperature: number | null;
}): Condition | null {
  const { rain, clouds, temperature } = values;
  if (rain !== null && rain > 0)
    return temperature !== null && temperature < 0 ? 'snow' : rain < 0.3 ? 'drizzle' : 'rain';
  if (clouds === null) return null;
  if (clouds < 20) return 'sunny';
  return clouds < 70 ? 'partly' : 'cloudy';
}

/** Of eight winds, by degrees. */
export function compassIndex(degrees: number): number {
  return Math.round((((degrees % 360) + 360) % 360) / 45) % 8;
}
