// The audit log as the page holds it: newest first, each entry once, without holes in between.
import type { AuditEntry } from './account';

/** Entries asked for at once. */
export const AUDIT_PAGE = 100;
/** So many are kept on the page; whoever wants more filters, or asks the API. */
export const AUDIT_SHOWN_MAX = 2_000;

/**
 * Puts the newest entries, read again, in front of what is known. Entries that are counted further replace
 * their former selves. When so much happened that the two no longer touch, only the newest stay.
 */
export function refresh(known: readonly AuditEntry[], newest: readonly AuditEntry[]): AuditEntry[] {
  const oldest = newest.at(-1);
  const first = known[0];
  if (oldest === undefined || first === undefined) return [...newest];
  if (newest.length >= AUDIT_PAGE && oldest.id > first.id) return [...newest];
  return [...newest, ...known.filter((entry) => entry.id < oldest.id)].slice(0, AUDIT_SHOWN_MAX);
}

/** Adds an older page behind what is known. */
export function append(known: readonly AuditEntry[], older: readonly AuditEntry[]): AuditEntry[] {
  const last = known.at(-1);
  return last === undefined ? [...older] : [...known, ...older.filter((entry) => entry.id < last.id)];
}

/** Names as the hub writes them say what they are of: `device:lamp`, `app:Node-RED`; people stand alone. */
export function nameIn(text: string): { kind: 'device' | 'app' | null; name: string } {
  const [, kind, name] = /^(device|app):(.+)$/.exec(text) ?? [];
  return name === undefined ? { kind: null, name: text } : { kind: kind as 'device' | 'app', name };
}

/** What deserves a second look. */
export function isRefusal(event: string): boolean {
  return event.endsWith('_refused');
}
