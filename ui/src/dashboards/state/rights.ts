// Who may make dashboards, as far as the page guesses; the hub decides.
import { covers } from '../../model/filter';
import type { Session } from '../../model/account';

/** People but viewers, and a guest who may do everything. */
export function mayMake({ kind, role, administers, write }: Session): boolean {
  if (administers) return true;
  if (kind === 'person') return role !== 'viewer';
  return kind === 'guest' && write.some((filter) => covers(filter, 'devices/#'));
}

/** Delete it, and say what others may: its owner, and who looks after the hub. */
export function mayKeep({ kind, name, administers }: Session, one: { owner: string | null }): boolean {
  return administers || (kind === 'person' && one.owner === name) || (kind === 'guest' && one.owner === null);
}

/** Only somebody with a name to answer for it gives links away. */
export function mayShare(session: Session | null): boolean {
  return session !== null && (session.administers || session.kind === 'person');
}
