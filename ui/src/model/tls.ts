// Encryption, as the hub tells of it: its certificate, the authority that signed it.

interface Facts {
  subject: string;
  issuer: string;
  not_before: string;
  not_after: string;
  /** SHA-256 over the DER, hexadecimal. */
  fingerprint: string;
}

export interface TlsView {
  mode: 'off' | 'on' | 'only';
  client_auth: 'off' | 'optional' | 'required';
  /** `issued_by` tells whether the hub made it itself, or was given files. */
  certificate: (Facts & { issued_by: string; names: string[] }) | null;
  ca: (Facts & { url: string }) | null;
}

/** A fingerprint in the pairs of digits in which it is read aloud. */
export function pairs(hex: string): string[] {
  return (
    hex
      .replace(/[^0-9a-f]/gi, '')
      .toUpperCase()
      .match(/../g) ?? []
  );
}

/** Days until a certificate ends; negative after it. */
export function daysLeft(notAfter: string, now: number): number {
  return Math.floor((Date.parse(notAfter) - now) / 86_400_000);
}

export const SYSTEMS = [
  'debian',
  'fedora',
  'macos',
  'windows',
  'ios',
  'android',
  'firefox',
  'tools',
] as const;
export type System = (typeof SYSTEMS)[number];

/** Which instructions to show first, from what the browser says of itself. */
export function systemOf(agent: string): System {
  if (/iPhone|iPad/.test(agent)) return 'ios';
  if (/Android/.test(agent)) return 'android';
  if (/Firefox/.test(agent)) return 'firefox';
  if (/Mac OS X/.test(agent)) return 'macos';
  if (/Windows/.test(agent)) return 'windows';
  return /Fedora|Red Hat/.test(agent) ? 'fedora' : 'debian';
}
