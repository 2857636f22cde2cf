// What a connection is called, and by which words it is found.
import { t } from '../strings';
import { l } from '../strings.live';
import type { ConnectionInfo } from './frames';

export function nameOf({ client_id, device, user, peer }: ConnectionInfo): string {
  for (const name of [client_id, device, user]) if (name !== null && name !== '') return name;
  return peer === '' ? l.wire.unnamed : peer;
}

/** What is spoken over it. */
export function protocolOf({ transport }: Pick<ConnectionInfo, 'transport'>): string {
  return transport === null ? l.wire.silent : (t.door.names[transport] ?? transport.toUpperCase());
}

/**
 * Where one connection is told of, without those around it: a page of one, behind the id before it. Of none in particular, the first one,
 * to learn whether the hub tells at all.
 */
export function pageOf(id: string | null): string {
  const number = Number(/^c([1-9]\d{0,14})$/.exec(id ?? '')?.[1] ?? 1);
  return `/api/connections?after=c${number - 1}&limit=1`;
}

export function foundBy(one: ConnectionInfo, words: string, deviceName = ''): boolean {
  const all = [one.id, one.client_id, one.device, deviceName, one.user, one.peer, one.transport, one.over]
    .filter((word) => word !== null)
    .join(' ')
    .toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}
