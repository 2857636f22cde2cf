// Under which addresses a device may find the hub.
import type { TlsView } from '../model/tls';

export function isLoopback(host: string): boolean {
  const plain = host.trim().toLowerCase();
  return plain === 'localhost' || plain === '::1' || plain === '[::1]' || plain.startsWith('127.');
}

const isIpv4 = (name: string): boolean => /^\d+(\.\d+){3}$/.test(name);

/**
 * The best first: numbers before names, which small boards cannot look up. The hub's certificate is made out to all its
 * addresses, and is the one place that tells them.
 */
export function addresses(tls: TlsView | null, page: string): string[] {
  const names = tls?.certificate?.names ?? [];
  const all = [...new Set([page, ...names])].filter((name) => name !== '' && !isLoopback(name));
  const rank = (name: string): number => (name === page ? 0 : isIpv4(name) ? 1 : name.includes(':') ? 3 : 2);
  return all.sort((a, b) => rank(a) - rank(b));
}
