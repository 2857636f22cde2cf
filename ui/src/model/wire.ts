// The last messages of each device, kept in memory so that one can look through a value at the wire.
// Bounded per device and in total; the oldest goes first.
import type { DeviceTopic } from './topic';
import type { Json, MessageFrame } from './types';
import { bytesOf, textOf } from './value';

export const PER_DEVICE_MAX = 40;
export const TOTAL_MAX = 4000;
export const PAYLOAD_CHARS_MAX = 400;

export interface WireEntry {
  seq: number;
  topic: string;
  kind: DeviceTopic['kind'];
  payload: string;
  /** True when the payload is not text and is shown as base64. */
  binary: boolean;
  retain: boolean;
  time: string | null;
  via: string | null;
}

export class WireLog {
  readonly #byDevice = new Map<string, WireEntry[]>();
  #kept = 0;
  #seq = 0;

  constructor(
    readonly perDevice = PER_DEVICE_MAX,
    readonly total = TOTAL_MAX,
  ) {}

  add(where: DeviceTopic, frame: MessageFrame): void {
    let entries = this.#byDevice.get(where.device);
    if (entries === undefined) {
      entries = [];
      this.#byDevice.set(where.device, entries);
    }
    entries.push(entryOf(++this.#seq, where, frame));
    if (entries.length > this.perDevice) entries.shift();
    else this.#kept += 1;
    // Pruning looks at every entry, so it runs once per quarter of the bound, not once per message.
    if (this.#kept > this.total * 1.25) this.#prune();
  }

  /** Oldest first. The array is the log's own: read it, do not keep it. */
  of(device: string): readonly WireEntry[] {
    return this.#byDevice.get(device) ?? [];
  }

  forget(device: string): void {
    this.#kept -= this.of(device).length;
    this.#byDevice.delete(device);
  }

  /** Keeps the youngest `total` entries, whosesoever they are. */
  #prune(): void {
    const seqs = [...this.#byDevice.values()].flat().map((entry) => entry.seq);
    seqs.sort((a, b) => b - a);
    const oldest = seqs[this.total - 1] ?? 0;
    this.#kept = 0;
    for (const [device, entries] of this.#byDevice) {
      const kept = entries.filter((entry) => entry.seq >= oldest);
      if (kept.length === 0) this.#byDevice.delete(device);
      else this.#byDevice.set(device, kept);
      this.#kept += kept.length;
    }
  }
}

function entryOf(seq: number, where: DeviceTopic, frame: MessageFrame): WireEntry {
  return {
    seq,
    topic: frame.topic,
    kind: where.kind,
    ...shown(frame.payload),
    retain: frame.retain,
    time: frame.time,
    via: frame.via,
  };
}

function shown(payload: Json): { payload: string; binary: boolean } {
  const binary = bytesOf(payload) !== null;
  const text = binary ? String((payload as { base64: string }).base64) : textOf(payload);
  const cut = text.length > PAYLOAD_CHARS_MAX ? `${text.slice(0, PAYLOAD_CHARS_MAX)}…` : text;
  return { payload: cut, binary };
}
