// Claim codes, device templates and virtual devices: the shapes of the API, and the rules the page draws from them.
import type { Json, PropertyType } from './types';

export interface Claim {
  id: number;
  /** In the answer that made it only. */
  code?: string;
  name: string | null;
  room: string | null;
  template: string | null;
  device: string | null;
  /** For how many devices it was made. */
  uses: number;
  /** How many more may show it. */
  left: number;
  expires: string;
}

export interface NewClaim extends Claim {
  code: string;
}

export interface ClaimWish {
  name?: string;
  room?: string;
  template?: string;
  device?: string;
  uses: number;
  expires: string;
}

/** A property as a template or a virtual device declares it. */
export interface Declared {
  type: PropertyType;
  unit?: string | null;
  min?: number | null;
  max?: number | null;
  step?: number | null;
  options?: string[] | null;
  role?: string | null;
}

export interface Template {
  name: string;
  title?: string | null;
  model?: string | null;
  icon?: string | null;
  properties: Record<string, Declared>;
  history?: Record<string, { keep: string }> | null;
  /** Made with the hub; it cannot be deleted. */
  built_in: boolean;
}

export const SHAPES = ['sine', 'square', 'triangle', 'saw'] as const;
export type Shape = (typeof SHAPES)[number];

export type Play =
  | { wave: { shape: Shape; min: number; max: number; period_s: number; noise?: number } }
  | { walk: { start: number; step: number; min: number; max: number } }
  | { script: string }
  | { trace: { points: [number, Json][]; repeat?: boolean; speed?: number } }
  | { echo: true };

export type VirtualProperty = Declared &
  Partial<Record<'wave' | 'walk' | 'script' | 'trace' | 'echo', unknown>>;

export const DOORS = ['mqtt', 'mqtt5', 'http', 'ws'] as const;
export type VirtualDoor = (typeof DOORS)[number];

export interface Virtual {
  device: string;
  door: VirtualDoor;
  every_s: number;
  running: boolean;
  /** It came in through its door. */
  connected: boolean;
  /** Why it does not play, while it does not. */
  problem?: string | null;
  name?: string | null;
  room?: string | null;
  properties: Record<string, VirtualProperty>;
}

export type VirtualWish = Omit<Virtual, 'device' | 'connected' | 'problem'>;

/** How a property plays, in one word. */
export const KINDS = ['wave', 'walk', 'script', 'trace', 'echo'] as const;
export type Kind = (typeof KINDS)[number];

export function kindOf(property: VirtualProperty): Kind | null {
  return KINDS.find((kind) => property[kind] !== undefined && property[kind] !== null) ?? null;
}

/** The code as people read it aloud: four and four. */
export function codeText(code: string): string {
  const plain = code.replace(/[^A-Za-z0-9]/g, '').toUpperCase();
  return plain.length === 8 ? `${plain.slice(0, 4)}-${plain.slice(4)}` : code;
}

/** What the form of a virtual device holds, as typed. */
export interface VirtualFields {
  id: string;
  property: string;
  unit: string;
  door: string;
  every: string;
  kind: string;
  shape: string;
  min: string;
  max: string;
  period: string;
  noise: string;
  start: string;
  step: string;
  script: string;
  trace: string;
  repeat: boolean;
}

export function emptyVirtual(): VirtualFields {
  return {
    id: '',
    property: 'temperature',
    unit: '°C',
    door: 'mqtt',
    every: '2',
    kind: 'wave',
    shape: 'sine',
    min: '18',
    max: '24',
    period: '60',
    noise: '0.2',
    start: '20',
    step: '0.3',
    script: '20 + 5 * sin(t / 10)',
    trace: '0, 20\n10, 22.5\n20, 21',
    repeat: true,
  };
}

/** A number as people write it, with a comma or a point; null for anything else. */
export function numberIn(text: string): number | null {
  const plain = text.trim().replace(',', '.');
  if (!/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(plain)) return null;
  const value = Number(plain);
  return Number.isFinite(value) ? value : null;
}

const TRACE_MAX = 10_000;

/** Lines of `seconds, value`; the number of the first that is neither, or the points. */
export function parseTrace(text: string): { points: [number, Json][] } | { line: number } {
  const points: [number, Json][] = [];
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i += 1) {
    const line = (lines[i] as string).trim();
    if (line === '' || line.startsWith('#')) continue;
    const at = line.search(/[,;\t ]/);
    const time = at < 0 ? null : numberIn(line.slice(0, at));
    const value = at < 0 ? '' : line.slice(at + 1).trim();
    const before = points.at(-1)?.[0] ?? 0;
    // A heading is no reading, and no mistake.
    if (time === null && points.length === 0 && i === 0 && /^[a-z]/i.test(line)) continue;
    if (time === null || time < before || value === '' || points.length >= TRACE_MAX) return { line: i + 1 };
    points.push([time, valueIn(value)]);
  }
  return points.length === 0 ? { line: 1 } : { points };
}

function valueIn(text: string): Json {
  if (text === 'true' || text === 'false') return text === 'true';
  return numberIn(text) ?? text;
}

/** The type that fits all values of a trace. */
export function typeOf(values: readonly Json[]): PropertyType {
  if (values.every((value) => typeof value === 'boolean')) return 'bool';
  if (values.every((value) => typeof value === 'number'))
    return values.every(Number.isInteger) ? 'int' : 'float';
  return 'string';
}

export type FieldProblem = { field: keyof VirtualFields; line?: number };

/** What the hub is asked for, or the field that is wrong. */
export function virtualWish(fields: VirtualFields): VirtualWish | FieldProblem {
  const every_s = numberIn(fields.every);
  if (every_s === null || every_s < 0.1 || every_s > 86_400) return { field: 'every' };
  let type: PropertyType = 'float';
  let play: Play;
  switch (fields.kind as Kind) {
    case 'wave': {
      const [min, max, period_s] = [numberIn(fields.min), numberIn(fields.max), numberIn(fields.period)];
      const noise = fields.noise.trim() === '' ? 0 : numberIn(fields.noise);
      if (min === null) return { field: 'min' };
      if (max === null || max <= min) return { field: 'max' };
      if (period_s === null || period_s <= 0) return { field: 'period' };
      if (noise === null || noise < 0) return { field: 'noise' };
      play = { wave: { shape: fields.shape as Shape, min, max, period_s, noise } };
      break;
    }
    case 'walk': {
      const [start, step] = [numberIn(fields.start), numberIn(fields.step)];
      const [min, max] = [numberIn(fields.min), numberIn(fields.max)];
      if (min === null) return { field: 'min' };
      if (max === null || max <= min) return { field: 'max' };
      if (start === null || start < min || start > max) return { field: 'start' };
      if (step === null || step <= 0) return { field: 'step' };
      play = { walk: { start, step, min, max } };
      break;
    }
    case 'trace': {
      const trace = parseTrace(fields.trace);
      if ('line' in trace) return { field: 'trace', line: trace.line };
      type = typeOf(trace.points.map(([, value]) => value));
      play = { trace: { points: trace.points, repeat: fields.repeat, speed: 1 } };
      break;
    }
    case 'echo':
      play = { echo: true };
      break;
    default:
      if (fields.script.trim() === '') return { field: 'script' };
      play = { script: fields.script.trim() };
  }
  const unit = fields.unit.trim();
  const numeric = type === 'float' || type === 'int';
  const property: VirtualProperty = { type, ...(unit !== '' && numeric ? { unit } : {}), ...play };
  return {
    door: fields.door as VirtualDoor,
    every_s,
    running: true,
    properties: { [fields.property]: property },
  };
}

/** A property in a few words: its type and bounds, for lists. */
export function declaredText({ type, unit, min, max, options }: Declared): string {
  const bounds = typeof min === 'number' && typeof max === 'number' ? ` ${min}–${max}` : '';
  const choice = options && options.length > 0 ? ` ${options.join('/')}` : '';
  return `${type}${bounds}${unit ? ` ${unit}` : ''}${choice}`;
}
