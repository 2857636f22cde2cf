// Readings of a widget's sources over time: of properties the hub knows them, of topics only what came since the page was
// opened. Live reports are put to the end of both.
import { onDestroy, untrack } from 'svelte';
import { Feed } from '../../../charts/feed.svelte';
import type { Shown } from '../../../charts/shown';
import type { Api } from '../../../hub/api';
import { History } from '../../../hub/history';
import { decimalsOf } from '../../../model/format';
import { hasHistory } from '../../../model/kept';
import type { Range, Window } from '../../../model/range';
import { seconds, type HistoryAnswer } from '../../../model/series';
import type { Json, PropertyType } from '../../../model/types';
import { devicePath } from '../../../router.svelte';
import type { LiveSource } from '../../types';
import { asNumber, clip, metaOf } from '../model/values';

/** Of one topic; older ones go. */
const KEPT_MAX = 5_000;
const NAME_MAX = 80;
const TOPIC = 'topic:';

/** As the history side of the page names series: `device/property`. */
export function keyOf(source: LiveSource['source']): string {
  if ('property' in source) return source.property;
  return source.topic.includes('/') ? TOPIC + source.topic : `${TOPIC}${source.topic}/`;
}

/** Asks the hub for properties, and remembers topics itself. */
export class MixedHistory extends History {
  readonly #kept = new Map<string, { type: PropertyType; points: [string, Json][] }>();

  constructor(api: Api) {
    super(api);
  }

  keep(key: string, type: PropertyType, time: string, value: Json): void {
    const held = this.#kept.get(key) ?? { type, points: [] };
    held.points.push([time, value]);
    if (held.points.length > KEPT_MAX) held.points.splice(0, held.points.length - KEPT_MAX);
    this.#kept.set(key, held);
  }

  override async read(
    keys: readonly string[],
    window: Window,
    more: { points?: number; agg?: 'mean' },
  ): Promise<HistoryAnswer[]> {
    const asked = keys.filter((key) => !key.startsWith(TOPIC));
    const told = asked.length === 0 ? [] : await super.read(asked, window, more);
    const own = keys.filter((key) => key.startsWith(TOPIC)).map((key) => this.#answer(key, window));
    return [...told, ...own];
  }

  #answer(key: string, window: Window): HistoryAnswer {
    const slash = key.indexOf('/');
    const held = this.#kept.get(key);
    const iso = (time_s: number): string => new Date(time_s * 1000).toISOString();
    const points = (held?.points ?? []).filter(
      ([time]) => seconds(time) >= window.from && seconds(time) <= window.to,
    );
    // It ends where its last point is: what comes later is put to it live.
    const last = points.at(-1)?.[0];
    return {
      device: key.slice(0, slash),
      property: key.slice(slash + 1),
      type: held?.type ?? 'float',
      unit: null,
      from: iso(window.from),
      to: last ?? iso(window.from),
      raw: true,
      points,
    };
  }
}

export class Feeds {
  readonly history: MixedHistory;
  readonly feed: Feed;
  readonly shown: Shown[];
  readonly hasTopics: boolean;

  /** To be made while a component is. */
  constructor(api: Api, sources: () => readonly LiveSource[], range: Range | null, most: number) {
    this.history = new MixedHistory(api);
    this.feed = new Feed(this.history, range);
    const drawn = $derived(
      sources()
        .filter(({ type }) => type !== null && hasHistory(type as PropertyType))
        .slice(0, most),
    );
    this.shown = $derived(
      drawn.map((source) => {
        const key = keyOf(source.source);
        const device = key.startsWith(TOPIC) ? null : (key.split('/')[0] ?? null);
        const number = asNumber(source.value);
        return {
          key,
          name: clip(source.name, NAME_MAX),
          meta: metaOf(source),
          decimals: number === null ? 1 : decimalsOf(number),
          ...(device === null ? {} : { href: devicePath(device) }),
        };
      }),
    );
    this.hasTopics = $derived(drawn.some(({ source }) => 'topic' in source));

    const wanted = $derived(JSON.stringify(this.shown.map(({ key, meta }) => ({ key, type: meta.type }))));
    $effect(() => {
      const list = JSON.parse(wanted) as { key: string; type: PropertyType }[];
      untrack(() => this.feed.want(list));
    });
    const followed = $derived(drawn.map(({ source }) => keyOf(source)).join('\n'));
    $effect(() => {
      void followed;
      const ends = untrack(() => drawn.map((source) => this.#follow(source)));
      return () => ends.forEach((end) => end());
    });
    onDestroy(() => this.feed.stop());
  }

  #follow(source: LiveSource): () => void {
    const key = keyOf(source.source);
    const topic = 'topic' in source.source;
    const take = (time: string, value: Json): void => {
      if (topic) this.history.keep(key, metaOf(source).type, time, value);
      this.feed.report(key, seconds(time), value);
    };
    if (topic && source.time !== null && source.value !== null) take(source.time, source.value);
    return source.follow(({ time, payload, own }) => {
      // A request is no reading yet.
      if (!own || topic) take(time, payload);
    });
  }
}
