// Rights of one's own beside a role, as they stand in the fields of a form.
import { parseFilters } from '../model/filter';

export interface RightsText {
  /** Off: the role alone decides. */
  own: boolean;
  read: string;
  write: string;
  deny: string;
}

interface Rights {
  read: string[] | null;
  write: string[] | null;
  deny: string[];
}

export function emptyRights(): RightsText {
  return { own: false, read: '', write: '', deny: '' };
}

export function textOf({ read, write, deny }: Rights): RightsText {
  const own = read !== null || write !== null || deny.length > 0;
  const lines = (filters: string[] | null): string => (filters ?? []).join('\n');
  return { own, read: lines(read), write: lines(write), deny: lines(deny) };
}

/** What the form says; without rights of one's own, the role's. An empty field leaves that one to the role. */
export function rightsOf(text: RightsText): Rights {
  if (!text.own) return { read: null, write: null, deny: [] };
  const filters = (lines: string): string[] => parseFilters(lines).filters;
  const orRole = (lines: string): string[] | null => (lines.trim() === '' ? null : filters(lines));
  return { read: orRole(text.read), write: orRole(text.write), deny: filters(text.deny) };
}

export function wrongRights({ own, read, write, deny }: RightsText): boolean {
  return own && [read, write, deny].some((lines) => parseFilters(lines).wrong.length > 0);
}
