// Which of a light's sources is what: by type, by name and by unit, in the order they were chosen.
import type { LiveSource, Source } from '../../types';
import { speaksMired } from './light';
import { asNumber } from './values';

export interface LightRoles<S> {
  color: S | undefined;
  /** Red, green and blue, each a number of its own. */
  channels: [S, S, S] | null;
  temperature: S | undefined;
  level: S | undefined;
  power: S | undefined;
}

type Looked = Pick<LiveSource, 'type' | 'unit' | 'max' | 'value' | 'source'>;

/** The last word of a topic or property, in lower case. */
export function lastWord(source: Source): string {
  const path = 'property' in source ? source.property : source.topic;
  return (path.split('/').at(-1) ?? '').toLowerCase();
}

export function lightRoles<S extends Looked>(
  sources: readonly S[],
  first: 'color' | 'temperature',
): LightRoles<S> {
  const rest = [...sources];
  const take = (fits: (source: S) => boolean): S | undefined => {
    const at = rest.findIndex(fits);
    return at < 0 ? undefined : rest.splice(at, 1)[0];
  };
  const numeric = (source: S): boolean =>
    source.type === 'int' ||
    source.type === 'float' ||
    (source.type === null && typeof source.value === 'number');
  const power = take(
    (source) =>
      source.type === 'bool' ||
      (source.type === null && /^(power|on|state|switch)$/.test(lastWord(source.source))),
  );
  if (first === 'color') {
    const numbers = rest.filter(numeric);
    const color = take((source) => source.type === 'color') ?? take((source) => !numeric(source));
    if (color === undefined && numbers.length >= 3) {
      const [r, g, b, level] = numbers as [S, S, S, S?];
      return { color: undefined, channels: [r, g, b], temperature: undefined, level, power };
    }
    return {
      color: color ?? rest.shift(),
      channels: null,
      temperature: undefined,
      level: rest.find(numeric),
      power,
    };
  }
  const temperature =
    take(
      (source) =>
        /temp|mired|kelvin|^ct$/.test(lastWord(source.source)) ||
        (source.unit !== null && /^(k|mired)/i.test(source.unit)),
    ) ??
    take(
      (source) => speaksMired(source.unit, source.max, asNumber(source.value)) && (source.max ?? 0) > 255,
    ) ??
    take(numeric) ??
    rest.shift();
  return { color: undefined, channels: null, temperature, level: rest.find(numeric) ?? rest[0], power };
}
