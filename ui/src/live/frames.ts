// What the wire view shows: frames of a connection as the hub saw them, each byte with the field it belongs to. Plain data, bounded.
import { asciiOf } from './bytes';

export type Direction = 'in' | 'out';

/** One field of a frame; `from` is its first byte, `to` the one behind its last. Fields may lie within fields. */
export interface Field {
  from: number;
  to: number;
  name: string;
  value: string;
  note?: string | null;
  /** Where it is written down: "MQTT 5.0 §3.3.1". */
  ref?: string | null;
}

export interface Frame {
  seq: number;
  time: string;
  connection: string;
  direction: Direction;
  transport: string;
  bytes: number;
  kind: string;
  summary: string;
  /** Pairs of digits, `••` for a byte that is kept back. */
  hex: string;
  /** There is more than `hex` has. */
  cut: boolean;
  fields: Field[];
  redacted: [number, number][];
}

export interface Counts {
  bytes: number;
  frames: number;
}

export interface ConnectionInfo {
  id: string;
  /** Null while it has said nothing. */
  transport: string | null;
  over: string;
  peer: string;
  user: string | null;
  client_id: string | null;
  device: string | null;
  since: string;
  in: Counts | null;
  out: Counts | null;
}

/** A line of the timeline. `at` is unique and grows. */
export type Item =
  | { at: number; type: 'frame'; frame: Frame }
  /** So many frames were too quick for this page. */
  | { at: number; type: 'gap'; lost: number }
  | { at: number; type: 'end'; connection: string | null }
  /** The page lost its own line to the hub, and has it again. */
  | { at: number; type: 'broken' };

type Added = { [Type in Item['type']]: Omit<Extract<Item, { type: Type }>, 'at'> }[Item['type']];

export const FRAMES_MAX = 2_000;
/** Characters of hex and fields of all frames together; beyond it the oldest go. */
export const CHARS_MAX = 16 * 1024 * 1024;

export class FrameLog {
  items: Item[] = [];
  /** Frames that came and went again since it was cleared. */
  forgotten = 0;
  #chars = 0;
  #at = 0;

  constructor(
    readonly framesMax = FRAMES_MAX,
    readonly charsMax = CHARS_MAX,
  ) {}

  add(added: Added): void {
    const item = { ...added, at: ++this.#at } as Item;
    this.items.push(item);
    this.#chars += charsOf(item);
    let gone = 0;
    let chars = this.#chars;
    while (
      this.items.length - gone > 1 &&
      (this.items.length - gone > this.framesMax || chars > this.charsMax)
    ) {
      chars -= charsOf(this.items[gone] as Item);
      gone += 1;
    }
    if (gone === 0) return;
    this.forgotten += this.items.slice(0, gone).filter(({ type }) => type === 'frame').length;
    this.items.splice(0, gone);
    this.#chars = chars;
  }

  clear(): void {
    this.items = [];
    this.forgotten = 0;
    this.#chars = 0;
  }
}

function charsOf(item: Item): number {
  if (item.type !== 'frame') return 64;
  const { hex, summary, fields } = item.frame;
  let chars = hex.length + summary.length + 128;
  for (const { name, value, note, ref } of fields)
    chars += name.length + value.length + (note?.length ?? 0) + (ref?.length ?? 0) + 32;
  return chars;
}

/** A frame as the hub sent it, or null for what is none. */
export function frameOfText(text: string): Frame | null {
  try {
    const frame = JSON.parse(text) as Partial<Frame> | null;
    const whole =
      frame !== null &&
      typeof frame === 'object' &&
      typeof frame.hex === 'string' &&
      typeof frame.kind === 'string' &&
      typeof frame.bytes === 'number' &&
      (frame.direction === 'in' || frame.direction === 'out');
    if (!whole) return null;
    return { ...(frame as Frame), fields: frame.fields ?? [], redacted: frame.redacted ?? [] };
  } catch {
    return null;
  }
}

/** The bytes; null for those that are kept back. */
export function bytesOfFrame({ hex, redacted }: Pick<Frame, 'hex' | 'redacted'>): (number | null)[] {
  const pairs = hex.includes(' ') ? hex.trim().split(/\s+/) : (hex.match(/../gu) ?? []);
  const bytes = pairs.map((pair) => (/^[0-9a-f]{2}$/i.test(pair) ? parseInt(pair, 16) : null));
  for (const [from, to] of redacted) bytes.fill(null, from, to);
  return bytes;
}

export interface Cell {
  at: number;
  hex: string;
  text: string;
  /** Index of the innermost field it belongs to, or -1. */
  field: number;
  redacted: boolean;
}

export function cellsOf(frame: Frame): Cell[] {
  const bytes = bytesOfFrame(frame);
  const owner = new Array<number>(bytes.length).fill(-1);
  const width = ({ from, to }: Field): number => to - from;
  // Wide ones first: what lies within them takes its bytes back.
  const order = frame.fields
    .map((field, index) => ({ field, index }))
    .sort((a, b) => width(b.field) - width(a.field) || a.index - b.index);
  for (const { field, index } of order) owner.fill(index, Math.max(0, field.from), Math.max(0, field.to));
  return bytes.map((byte, at) => ({
    at,
    hex: byte === null ? '••' : byte.toString(16).padStart(2, '0'),
    text: byte === null ? '•' : asciiOf(Uint8Array.of(byte)),
    field: owner[at] ?? -1,
    redacted: byte === null,
  }));
}

/** How many wider fields each lies in, for drawing it further in; the bits of a byte stand beside each other. */
export function depthsOf(fields: readonly Field[]): number[] {
  return fields.map((inner) => {
    const around = fields.filter(
      (outer) =>
        outer.from <= inner.from && inner.to <= outer.to && outer.to - outer.from > inner.to - inner.from,
    );
    // Those that cover the same bytes are one step in, however many they are.
    return new Set(around.map(({ from, to }) => `${from} ${to}`)).size;
  });
}

export interface Shown {
  kinds: ReadonlySet<string>;
  direction: Direction | 'both';
  words: string;
}

/** Gaps and ends are always shown: they say why something is missing. */
export function shownItems(items: readonly Item[], { kinds, direction, words }: Shown): Item[] {
  const lower = words.trim().toLowerCase();
  return items.filter((item) => {
    if (item.type !== 'frame') return true;
    const { kind, summary, direction: way } = item.frame;
    return (
      (kinds.size === 0 || kinds.has(kind)) &&
      (direction === 'both' || direction === way) &&
      (lower === '' || `${kind} ${summary}`.toLowerCase().includes(lower))
    );
  });
}

/** Kinds that are there, in their order of the alphabet, with how many of each. */
export function kindsOf(items: readonly Item[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const item of items)
    if (item.type === 'frame') counts.set(item.frame.kind, (counts.get(item.frame.kind) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}

export interface Words {
  way: Record<Direction, string>;
  gap: (lost: number) => string;
  end: string;
  broken: string;
  bytes: (n: number) => string;
  cut: (shown: number, of: number) => string;
}

/** As text, for a file or the clipboard: a line on each frame, its bytes, its fields. */
export function textOfItems(items: readonly Item[], words: Words): string {
  return items.map((item) => textOfItem(item, words)).join('\n');
}

function textOfItem(item: Item, words: Words): string {
  if (item.type === 'gap') return `--- ${words.gap(item.lost)}\n`;
  if (item.type === 'end') return `--- ${words.end}\n`;
  if (item.type === 'broken') return `--- ${words.broken}\n`;
  const { frame } = item;
  const cells = cellsOf(frame);
  const lines = [
    `${frame.time}  ${words.way[frame.direction]}  ${frame.kind}  ${words.bytes(frame.bytes)}  ${frame.summary}`,
  ];
  for (let at = 0; at < cells.length; at += 16) {
    const row = cells.slice(at, at + 16);
    const hex = row.map((cell) => cell.hex).join(' ');
    const text = row.map((cell) => cell.text).join('');
    lines.push(`  ${at.toString(16).padStart(4, '0')}  ${hex.padEnd(47)}  ${text}`);
  }
  if (frame.cut) lines.push(`  ${words.cut(cells.length, frame.bytes)}`);
  const depths = depthsOf(frame.fields);
  frame.fields.forEach(({ from, to, name, value, note, ref }, i) => {
    const more = [note, ref].filter((part) => part !== null && part !== undefined && part !== '').join('; ');
    const place = `${from}–${Math.max(from, to - 1)}`;
    lines.push(
      `  ${'  '.repeat(depths[i] ?? 0)}[${place}] ${name}: ${value}${more === '' ? '' : ` (${more})`}`,
    );
  });
  return `${lines.join('\n')}\n`;
}
