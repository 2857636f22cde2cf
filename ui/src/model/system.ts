// Firmware, backups, logs and limits: the shapes of the API, and what they come to on the page.

export interface FirmwareFile {
  name: string;
  version: string;
  size: number;
  sha256: string;
  md5: string;
  uploaded: string;
  by: string | null;
  note: string | null;
  damaged: boolean;
}

export type Stage = 'waiting' | 'offered' | 'downloading' | 'done' | 'failed';
/** In the order in which they are told. */
export const STAGES: readonly Stage[] = ['failed', 'downloading', 'offered', 'waiting', 'done'];

export interface RolloutWish {
  version: string;
  devices?: string[] | null;
  model?: string | null;
  all?: boolean;
  share: number;
  paused: boolean;
}

export interface Rollout extends RolloutWish {
  name: string;
  counts: Partial<Record<Stage, number>>;
}

export interface RolloutDevice {
  device: string;
  title: string | null;
  state: Stage;
  reason: string | null;
  running: string | null;
  says: string | null;
  progress: number | null;
  downloads: number;
  since: string | null;
}

export interface RolloutDetails extends Rollout {
  states: RolloutDevice[];
}

/** A firmware: its files, the newest first, and where one of them is to run. */
export interface Firmware {
  name: string;
  files: FirmwareFile[];
  rollout: Rollout | null;
}

export const FIRMWARE_BYTES_MAX = 16 * 1024 * 1024;

/** Files by name; a roll-out whose files are gone still shows. */
export function firmwareOf(files: readonly FirmwareFile[], rollouts: readonly Rollout[]): Firmware[] {
  const names = new Set([...files.map(({ name }) => name), ...rollouts.map(({ name }) => name)]);
  return [...names].sort().map((name) => ({
    name,
    files: files
      .filter((file) => file.name === name)
      .sort((a, b) => (a.uploaded < b.uploaded ? 1 : a.uploaded > b.uploaded ? -1 : 0)),
    rollout: rollouts.find((rollout) => rollout.name === name) ?? null,
  }));
}

/** What goes back to the hub of a roll-out, to change some of it. */
export function wishOf({ version, devices, model, all, share, paused }: Rollout): RolloutWish {
  const reach = devices ? { devices } : model ? { model } : { all: all ?? false };
  return { version, share, paused, ...reach };
}

/** What a roll-out may be given to: chosen ones first, also those the hub does not know any more, then the others as they stand. */
export function pickable<D extends { id: string; name: string }>(
  devices: readonly D[],
  chosen: readonly string[],
  unfit: ReadonlySet<string> = new Set(),
): { id: string; name: string }[] {
  const known = new Map(devices.map((device) => [device.id, device]));
  const first = new Set(chosen);
  return [
    ...chosen.map((id) => ({ id, name: known.get(id)?.name ?? id })),
    ...devices.filter(({ id }) => !first.has(id) && !unfit.has(id)).map(({ id, name }) => ({ id, name })),
  ];
}

/** Those whose name or id has the words. */
export function picked<D extends { id: string; name: string }>(all: readonly D[], words: string): D[] {
  const wanted = words.trim().toLowerCase();
  return wanted === ''
    ? [...all]
    : all.filter(({ id, name }) => `${name} ${id}`.toLowerCase().includes(wanted));
}

/** Name and version as a file name tells them: `desk-lamp-1.2.0.bin`, `lamp_v2.bin`. */
export function guessOf(file: string): { name: string; version: string } {
  const stem = file.replace(/\.(ino\.)?(bin|hex|uf2|elf)(\.gz)?$/i, '');
  const match = /^(.*?)[-_. ]v?(\d+(?:\.\d+)*(?:[-+.][0-9A-Za-z.-]+)?)$/.exec(stem);
  const plain = (text: string): string =>
    text
      .replace(/[^A-Za-z0-9_-]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 64);
  return { name: plain(match?.[1] ?? stem), version: (match?.[2] ?? '').slice(0, 64) };
}

export const isFirmwareName = (text: string): boolean =>
  /^(?!(?:set|target)$)[A-Za-z0-9_-]{1,64}$/.test(text);
export const isVersion = (text: string): boolean =>
  /^[A-Za-z0-9._+-]{1,64}$/.test(text) && /[A-Za-z0-9]/.test(text);

export interface Staged {
  staged: boolean;
  version?: string;
  made?: string;
  files?: number;
  bytes?: number;
}

export interface LogLine {
  seq: number;
  time: string;
  level: string;
  target: string;
  message: string;
  fields: Record<string, unknown>;
}

export type Level = 'error' | 'warn' | 'info' | 'debug';
export const LEVELS: readonly Level[] = ['error', 'warn', 'info', 'debug'];

/** As many lines as the hub keeps. */
export const LINES_MAX = 4_000;

/** Adds lines behind those there are, each once, and drops the oldest beyond the bound. */
export function addLines(lines: readonly LogLine[], more: readonly LogLine[], max = LINES_MAX): LogLine[] {
  const last = lines.at(-1)?.seq ?? -Infinity;
  const fresh = more.filter(({ seq }) => seq > last);
  return fresh.length === 0 ? (lines as LogLine[]) : [...lines, ...fresh].slice(-max);
}

/** A line as one text: what is searched, and what is copied. */
export function lineText({ time, level, target, message, fields }: LogLine): string {
  const more = Object.entries(fields).map(([name, value]) => ` ${name}=${fieldText(value)}`);
  return `${time} ${level.toUpperCase().padStart(5)} ${target}: ${message}${more.join('')}`;
}

export function fieldText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

export interface Limit {
  name: string;
  /** null where nothing is counted. */
  current: number | null;
  /** null where it is off. */
  bound: number | null;
  reached: number;
}

const LIMIT = /^housewire_limit_(current|bound|reached_total)\{limit="([a-z0-9_]+)"\} (\S+)$/;

/** The limits as `GET /api/metrics` tells them, in its order; beside them the memory of the program in bytes. */
export function limitsOf(metrics: string): { limits: Limit[]; memory: number | null } {
  const limits = new Map<string, Limit>();
  let memory: number | null = null;
  for (const line of metrics.split('\n')) {
    if (line.startsWith('process_resident_memory_bytes ')) memory = Number(line.split(' ')[1]);
    const [, what, name, text] = LIMIT.exec(line) ?? [];
    if (what === undefined || name === undefined) continue;
    const limit = limits.get(name) ?? { name, current: null, bound: null, reached: 0 };
    const value = Number(text);
    if (what === 'current') limit.current = value;
    else if (what === 'bound') limit.bound = value;
    else limit.reached = value;
    limits.set(name, limit);
  }
  return { limits: [...limits.values()], memory };
}

/** Share of a bound that is taken, from 0 on; null where nothing is counted. */
export function shareOf({ current, bound }: Limit): number | null {
  return current === null || bound === null || bound === 0 ? null : current / bound;
}

/** From where on it is worth a word. */
export const NEAR = 0.8;

export type LimitGroup = 'connections' | 'memory' | 'stored' | 'sizes';
export const LIMIT_GROUPS: readonly LimitGroup[] = ['connections', 'memory', 'stored', 'sizes'];

export function groupOf({ name, current }: Limit): LimitGroup {
  if (name.startsWith('retained_')) return 'stored';
  if (current === null && !name.startsWith('connection')) return 'sizes';
  return /queue|in_flight|session_bytes/.test(name) ? 'memory' : 'connections';
}

type BlynkChange = 'create' | 'update' | 'none';

/** What was made of a user file of Blynk's server, or would be. */
export interface BlynkReport {
  dry_run: boolean;
  devices: { id: string; name: string | null; change: BlynkChange; properties: number }[];
  dashboards: { id: string; title: string; change: BlynkChange; widgets: number }[];
  left: { what: string; why: string }[];
  more: number;
}
