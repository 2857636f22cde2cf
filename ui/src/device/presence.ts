// Whether a device is there, since when and why: the shape of the hub's answer, and its past as spans of time.
import type { ConnectionInfo } from '../live/frames';

export interface Change {
  time: string;
  online: boolean;
  reason: string | null;
}

export interface Refusal {
  seq: number;
  time: string;
  transport: string;
  peer: string | null;
  client_id: string | null;
  user: string | null;
  device: string | null;
  topic: string | null;
  kind: string;
  what: string;
  next: string;
}

export interface PresenceView {
  online: boolean;
  since: string | null;
  last_seen: string | null;
  reason: string | null;
  said: string;
  connections: ConnectionInfo[];
  past: Change[];
  refusals: Refusal[];
}

export interface Span {
  online: boolean;
  /** In milliseconds since 1970. */
  from: number;
  to: number;
  reason: string | null;
}

/** From the first change that is known until now; each holds until the next. */
export function spansOf(past: readonly Change[], now: number): Span[] {
  const changes = past
    .map(({ time, online, reason }) => ({ at: Date.parse(time), online, reason }))
    .filter(({ at }) => !Number.isNaN(at))
    .sort((a, b) => a.at - b.at);
  const spans: Span[] = [];
  changes.forEach(({ at, online, reason }, i) => {
    const to = Math.max(at, changes[i + 1]?.at ?? now);
    const last = spans[spans.length - 1];
    if (last?.online === online) last.to = to;
    else spans.push({ online, from: at, to, reason });
  });
  return spans;
}

/** Of all the time that is known; null when none is. */
export function shareOnline(spans: readonly Span[]): number | null {
  const length = (some: readonly Span[]): number => some.reduce((sum, { from, to }) => sum + to - from, 0);
  const all = length(spans);
  return all > 0 ? length(spans.filter(({ online }) => online)) / all : null;
}

export interface Block {
  online: boolean;
  /** Shares of the whole bar. */
  left: number;
  width: number;
}

/** A span that is too short to be seen is drawn this wide, so that no outage hides. */
const LEAST = 0.006;

export function blocksOf(spans: readonly Span[]): Block[] {
  const begin = spans[0]?.from ?? 0;
  const whole = (spans[spans.length - 1]?.to ?? 0) - begin;
  if (whole <= 0) return [];
  return spans.map(({ online, from, to }) => {
    const width = Math.max((to - from) / whole, online ? 0 : LEAST);
    return { online, left: Math.min((from - begin) / whole, 1 - width), width };
  });
}
