// A source as a widget looks at it: its value in words, and what somebody asked of it until the device answers.
import { locale } from '../../language';
import { decimalsFor, decimalsOf, formatNumber, formatValue, humanise, THIN } from '../../model/format';
import type { Json, PropertyMeta } from '../../model/types';
import { t } from '../../strings';
import type { LiveSource } from '../types';
import { asNumber, base64Of, bytesIn, clip, metaOf } from './model/values';

/** Words in one place of a widget; more is cut. */
const WORDS_MAX = 400;

export class Reading {
  readonly #get: () => LiveSource | undefined;
  #decimalsSeen = 0;

  constructor(get: () => LiveSource | undefined) {
    this.#get = get;
  }

  get source(): LiveSource | undefined {
    return this.#get();
  }

  get value(): Json {
    return this.#get()?.value ?? null;
  }

  get number(): number | null {
    return asNumber(this.value);
  }

  get name(): string {
    return this.#get()?.name ?? '';
  }

  get unit(): string | null {
    return this.#get()?.unit ?? null;
  }

  get meta(): PropertyMeta {
    const source = this.#get();
    return metaOf(
      source ?? {
        type: null,
        unit: null,
        min: null,
        max: null,
        step: null,
        options: [],
        value: null,
        maySet: false,
      },
    );
  }

  /** Somebody waits for a device. */
  get waiting(): boolean {
    const phase = this.#get()?.phase;
    return phase === 'sending' || phase === 'pending';
  }

  get refused(): boolean {
    const phase = this.#get()?.phase;
    return phase === 'refused' || phase === 'unanswered';
  }

  /** What is waited for; undefined while nothing is. */
  get wanted(): Json | undefined {
    if (!this.waiting) return undefined;
    // The source names the latest press itself, from the press on; what was asked here before says nothing of it.
    return this.#get()?.target ?? undefined;
  }

  /** What a control shows: the wish while it is waited for, else the report. */
  get shown(): Json {
    const wanted = this.wanted;
    return wanted === undefined ? this.value : wanted;
  }

  /** The value may no longer be true. Of a device that is away the frame says so. */
  get dim(): boolean {
    return this.#get()?.state === 'stale';
  }

  /** Nothing can be asked of it. */
  get locked(): boolean {
    const source = this.#get();
    if (source === undefined || !source.maySet) return true;
    return source.state === 'missing' || source.state === 'forbidden' || source.state === 'loading';
  }

  ask(value: Json): void {
    this.#get()?.set(value);
  }

  /** Decimals of this source's numbers, so that they keep their width: as many as were seen. */
  decimals(fixed: number | null = null): number {
    if (fixed !== null) return Math.min(6, Math.max(0, Math.round(fixed)));
    const number = this.number;
    if (number !== null) this.#decimalsSeen = Math.max(this.#decimalsSeen, decimalsOf(number));
    return decimalsFor(this.meta, this.#decimalsSeen);
  }

  /** A value of this source in words, without its unit. */
  words(value: Json = this.value, fixed: number | null = null): string {
    const meta = this.meta;
    const base64 = base64Of(value);
    if (base64 !== null) return t.value.bytes(bytesIn(base64));
    if (fixed !== null && typeof value === 'number') return rounded(value, this.decimals(fixed));
    // Text that is a number is written as one only where a number was promised.
    const number = meta.type === 'int' || meta.type === 'float' ? asNumber(value) : null;
    return clip(formatValue(meta, number ?? value, this.decimals(fixed)), WORDS_MAX);
  }

  /** With its unit, for labels and sentences. */
  sentence(value: Json = this.value, fixed: number | null = null): string {
    const words = this.words(value, fixed);
    return this.unit === null || asNumber(value) === null || typeof value === 'boolean'
      ? words
      : `${words}${THIN}${clip(this.unit, 24)}`;
  }

  /** For screen readers: nothing is said as nothing. */
  get spoken(): string {
    return this.value === null ? t.value.noneLong : this.sentence();
  }

  /** An option of an enumeration in words. */
  word(option: string): string {
    return this.#get()?.type === 'enum' ? humanise(option) : option;
  }
}

function rounded(value: number, decimals: number): string {
  const plain = Math.abs(value) < 1e15 ? Number(value.toFixed(decimals)) : value;
  return Math.abs(plain) < 0.1 && plain !== 0 && decimals >= 2
    ? new Intl.NumberFormat(locale, {
        minimumFractionDigits: decimals,
        maximumFractionDigits: decimals,
      }).format(plain)
    : formatNumber(plain, decimals);
}
