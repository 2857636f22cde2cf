// A countdown that lives in a page: how long it was set for, and what is left of it. Times in milliseconds.

export type Countdown =
  | { state: 'idle' }
  | { state: 'running'; ends: number; length: number }
  | { state: 'paused'; left: number; length: number }
  | { state: 'done'; at: number }
  /** The page was closed or asleep when it ended: nothing was sent. */
  | { state: 'late'; at: number };

/** What became of what was sent at the end; once there is an answer, later requests of others change nothing. */
export type Outcome = 'locked' | 'asked' | 'sent' | 'confirmed' | 'failed';

export function outcomeAfter(before: Outcome, phase: string): Outcome {
  if (before !== 'asked') return before;
  if (phase === 'sent' || phase === 'confirmed') return phase;
  return phase === 'refused' || phase === 'unanswered' ? 'failed' : before;
}

/** Of one person: the next one at this tab does not go on with it. */
export function placeOf(person: string | null, path: string, widget: string): string {
  return `housewire.timer ${JSON.stringify([person, path, widget])}`;
}

export const LENGTH_MAX = 24 * 3_600_000;
/** A page that wakes up later than this was asleep. Sending then could surprise somebody. */
export const LATE_MS = 5_000;

export function left(countdown: Countdown, now: number): number {
  if (countdown.state === 'running') return Math.max(0, countdown.ends - now);
  return countdown.state === 'paused' ? countdown.left : 0;
}

export function begun(length: number, now: number): Countdown {
  return { state: 'running', ends: now + length, length };
}

/** What becomes of it at this time; `send` when its value is due. */
export function ticked(countdown: Countdown, now: number): { next: Countdown; send: boolean } {
  if (countdown.state !== 'running' || now < countdown.ends) return { next: countdown, send: false };
  const late = now - countdown.ends > LATE_MS;
  return { next: { state: late ? 'late' : 'done', at: late ? countdown.ends : now }, send: !late };
}

export function extended(countdown: Countdown, by: number, now: number): Countdown {
  const rest = Math.min(LENGTH_MAX, left(countdown, now) + by);
  if (rest <= 0) return countdown;
  if (countdown.state === 'running')
    return { ...countdown, ends: now + rest, length: Math.max(countdown.length, rest) };
  if (countdown.state === 'paused')
    return { ...countdown, left: rest, length: Math.max(countdown.length, rest) };
  return countdown;
}

/** `5`, `2.5` and `2,5` are minutes; `1:30` is a minute and a half, `1:00:00` an hour. Null for anything else. */
export function parseLength(text: string): number | null {
  const word = text.trim();
  let ms: number;
  if (/^\d{1,4}([.,]\d{1,3})?$/.test(word)) ms = Number(word.replace(',', '.')) * 60_000;
  else {
    const parts = /^(?:(\d{1,2}):)?(\d{1,3}):([0-5]\d)$/.exec(word);
    if (parts === null) return null;
    ms = (Number(parts[1] ?? 0) * 3_600 + Number(parts[2]) * 60 + Number(parts[3])) * 1000;
  }
  return ms >= 1000 && ms <= LENGTH_MAX ? Math.round(ms) : null;
}

/** `4:05`, `1:00:00`. A second that has begun is a second. */
export function lengthText(ms: number): string {
  const all = Math.ceil(ms / 1000);
  const [h, m, s] = [Math.floor(all / 3600), Math.floor((all % 3600) / 60), all % 60];
  const two = (n: number): string => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** As it was kept over a reload; null for anything that is none. */
export function kept(text: string | null): Countdown | null {
  if (text === null) return null;
  try {
    const value = JSON.parse(text) as Countdown;
    const numbers = Object.values(value).every((one) => typeof one === 'string' || Number.isFinite(one));
    return numbers && ['running', 'paused'].includes(value.state) ? value : null;
  } catch {
    return null;
  }
}
