// What the history costs the disk: the shapes of the API, and what they come to in words people use.

export interface Policy {
  keep: 'all' | 'change' | 'every' | 'off';
  every_s?: number | null;
  /** null: as the hub keeps everything. */
  raw_days?: number | null;
}

export interface WearDay {
  /** YYYY-MM-DD. */
  day: string;
  bytes: number;
  log: number;
  /** Part of what the database wrote. */
  chunks: number;
  database: number;
  points: number;
}

export interface WearProperty {
  device: string;
  property: string;
  points_per_day: number;
  bytes_per_day: number;
}

export interface Wear {
  days: WearDay[];
  properties: WearProperty[];
  bytes_per_point: number | null;
  on_disk: number;
  written_today: number;
  group_commit_s: number;
  sd_card: boolean;
  queue: { bytes: number; bytes_max: number; dropped_points: number; waiting: boolean };
  retention: { raw_days: number; minute_days: number | null; hour_days: number | null };
  filesystem: { free: number; size: number } | null;
}

const DAY_MS = 86_400_000;

/** Bytes a day, from the last whole days; from today alone where there is no other, scaled to its end. */
export function bytesPerDay(wear: Wear, now_ms: number): number | null {
  const today = new Date(now_ms).toISOString().slice(0, 10);
  const before = wear.days.filter(({ day }) => day !== today).sort((a, b) => (a.day < b.day ? -1 : 1));
  const whole = before.slice(-7);
  if (whole.length > 0) return whole.reduce((sum, { bytes }) => sum + bytes, 0) / whole.length;
  const passed = (now_ms % DAY_MS) / DAY_MS;
  // A few minutes say nothing of a day.
  return wear.written_today > 0 && passed > 0.02 ? wear.written_today / passed : null;
}

export const DAYS_PER_YEAR = 365;
/** What a cheap card withstands, by the wisdom of those who broke some: so many times its size. */
const REWRITES = 300;

/** Years until a disk of this size has been written over so often that a cheap card may fail. */
export function yearsOf(bytes_per_day: number, size: number): number | null {
  return bytes_per_day > 0 ? (size * REWRITES) / (bytes_per_day * DAYS_PER_YEAR) : null;
}

/** A day by what was written, each byte once. */
export interface Bar {
  day: string;
  log: number;
  chunks: number;
  /** What else the database wrote. */
  index: number;
  bytes: number;
}

/** The last so many days up to today, with empty ones where nothing was written. */
export function barsOf(days: readonly WearDay[], count: number, now_ms: number): Bar[] {
  const known = new Map(days.map((day) => [day.day, day]));
  return Array.from({ length: count }, (_, i) => {
    const day = new Date(now_ms - (count - 1 - i) * DAY_MS).toISOString().slice(0, 10);
    const { log = 0, chunks = 0, database = 0, bytes = 0 } = known.get(day) ?? {};
    return { day, log, chunks, index: Math.max(0, database - chunks), bytes };
  });
}

/** Share of the queue that is taken from where on it is worth a word. */
const QUEUE_HIGH = 0.5;

export function queueTrouble({ queue }: Wear): 'dropped' | 'waiting' | 'high' | null {
  if (queue.dropped_points > 0) return 'dropped';
  if (queue.waiting) return 'waiting';
  return queue.bytes > queue.bytes_max * QUEUE_HIGH ? 'high' : null;
}

const EVERY_MAX_S = 86_400;
const DAYS_MAX = 3_650;

/** A policy from the fields of its form; which of them is wrong. */
export function checkPolicy(
  keep: Policy['keep'],
  every: string,
  days: string,
): { policy: Policy | null; every: boolean; days: boolean } {
  const every_s = Number(every.trim().replace(',', '.'));
  const raw_days = days.trim() === '' ? null : Number(days.trim());
  const wrongEvery = keep === 'every' && !(every_s >= 1 && every_s <= EVERY_MAX_S);
  const wrongDays =
    keep !== 'off' &&
    raw_days !== null &&
    !(Number.isInteger(raw_days) && raw_days >= 1 && raw_days <= DAYS_MAX);
  if (wrongEvery || wrongDays) return { policy: null, every: wrongEvery, days: wrongDays };
  const policy: Policy = { keep, raw_days: keep === 'off' ? null : raw_days };
  if (keep === 'every') policy.every_s = every_s;
  return { policy, every: false, days: false };
}
