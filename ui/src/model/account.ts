// Who is signed in, and what that person may: the shapes of the accounts API and the rules the page draws
// from them. Nothing here is reactive.
import { covers, matches, overlap } from './filter';

export type Kind = 'person' | 'device' | 'app' | 'guest' | 'share';
export type Role = 'admin' | 'member' | 'viewer';
export type GuestPolicy = 'off' | 'loopback' | 'lan';

export const ROLES: readonly Role[] = ['admin', 'member', 'viewer'];

/** Bounds of a password, in characters, as the hub has them. */
export const PASSWORD_MIN = 8;
export const PASSWORD_MAX = 256;

export interface Session {
  signed_in: boolean;
  kind: Kind | null;
  name: string | null;
  role: Role | null;
  administers: boolean;
  read: string[];
  write: string[];
  deny: string[];
  /** There is no admin yet. */
  needs_setup: boolean;
  guest: { policy: GuestPolicy; kept: boolean };
  /** This request came by TLS. */
  secure: boolean;
  /** The hub's address with TLS, if it has one. */
  https: string | null;
  expires: string | null;
  /** Whoever came by a link: the dashboard it leads to. */
  dashboard?: string;
}

export interface Person {
  name: string;
  role: Role;
  /** null: what the role may. */
  read: string[] | null;
  write: string[] | null;
  deny: string[];
  created: string;
  last_sign_in: string | null;
  sessions: number;
}

/** What may be said of a person; a field that is missing stays as it is. */
export interface PersonChange {
  role?: Role;
  read?: string[] | null;
  write?: string[] | null;
  deny?: string[];
  password?: string;
}

export interface WebSession {
  id: number;
  created: string;
  last_seen: string | null;
  address: string | null;
  agent: string | null;
  current: boolean;
}

export interface Token {
  id: number;
  kind: 'device' | 'app';
  credential: 'token' | 'certificate';
  device: string | null;
  /** May be empty. */
  name: string;
  /** An app has one, and perhaps filters that stand instead of what it may. */
  role: Role | null;
  read: string[] | null;
  write: string[] | null;
  deny: string[];
  created: string;
  expires: string | null;
  last_used: string | null;
  last_address: string | null;
}

/** A token in the only answer that has it in clear. */
export interface NewToken extends Token {
  token: string;
}

/** What a program written for Bolt's cloud shows. */
export interface ApiKey {
  id: number;
  user: string;
  /** May be empty. */
  name: string;
  enabled: boolean;
  created: string;
  expires: string | null;
  last_used: string | null;
  last_address: string | null;
}

/** Shown once. */
export interface NewApiKey extends ApiKey {
  key: string;
}

/** What the hub makes for a device that is to prove itself by TLS. PEM, all of it. */
export interface NewCertificate {
  certificate: string;
  /** null when the request brought its own key. */
  key: string | null;
  ca: string;
}

export interface AuditEntry {
  id: number;
  time: string;
  event: string;
  who: string | null;
  address: string | null;
  via: string | null;
  subject: string | null;
  detail: string | null;
  count: number;
}

/** The one that is asking first, then whoever was seen last. */
export function bySight(sessions: readonly WebSession[]): WebSession[] {
  const seen = ({ current, last_seen, created }: WebSession): number =>
    current ? Infinity : Date.parse(last_seen ?? created);
  return [...sessions].sort((a, b) => seen(b) - seen(a));
}

/** What to call a token: by its name, or by what it is for. */
export function nameOf({ name, device }: Token): string {
  return name !== '' ? name : (device ?? '');
}

/** Whether the hub talks to this session at all. */
export function isLetIn(session: Session): boolean {
  return session.kind !== null;
}

export function mayRead(session: Session, topic: string): boolean {
  return permits(session.read, session.deny, topic);
}

export function mayWrite(session: Session, topic: string): boolean {
  return permits(session.write, session.deny, topic);
}

/** Whether a device may be renamed or deleted. */
export function mayManage(session: Session, device: string): boolean {
  return mayWrite(session, `devices/${device}`);
}

/** Whether a device may be given tokens: by who administers, and by people who may do all that it may. */
export function mayEquip(session: Session, device: string): boolean {
  const all = `devices/${device}/#`;
  const within = (filters: readonly string[]): boolean => filters.some((filter) => covers(filter, all));
  const { administers, kind, read, write, deny } = session;
  return (
    administers ||
    (kind === 'person' && within(read) && within(write) && !deny.some((filter) => overlap(filter, all)))
  );
}

function permits(granted: readonly string[], denied: readonly string[], topic: string): boolean {
  return granted.some((filter) => matches(filter, topic)) && !denied.some((filter) => matches(filter, topic));
}

const DEVICES = 'devices/#';

/** Whether a program in a terminal needs a token: whoever is no guest is asked for one. */
export function needsToken({ kind, guest }: Session): boolean {
  return kind !== 'guest' && !(guest.kept && guest.policy !== 'off');
}

/** What the page subscribes to: everything below `devices/` that this session may read. */
export function subscriptions(read: readonly string[]): string[] {
  if (read.some((filter) => covers(filter, DEVICES))) return [DEVICES];
  const ours = read.filter((filter) => overlap(filter, DEVICES));
  return ours.filter((filter, i) => !ours.some((other, j) => j !== i && wider(other, filter, j < i)));
}

function wider(other: string, filter: string, first: boolean): boolean {
  return covers(other, filter) && (first || !covers(filter, other));
}

/** Two sessions of which one can go on with what the other has on its screen. */
export function sameSight(a: Session, b: Session): boolean {
  const sight = ({ kind, name, read, deny, dashboard }: Session): string =>
    JSON.stringify([kind, name, read, deny, dashboard ?? null]);
  return sight(a) === sight(b);
}

export type Strength = 'short' | 'weak' | 'fair' | 'strong' | 'long';

const COMMON = /pass|1234|qwert|asdf|admin|hous|home|letmein|abcd|iloveyou|welcome/i;

/** A hint, never a rule: length counts most, then how many kinds of characters, then what everybody takes. */
export function strengthOf(password: string, name: string): Strength {
  const length = [...password].length;
  if (length < PASSWORD_MIN) return 'short';
  if (length > PASSWORD_MAX) return 'long';
  const kinds = [/\p{Ll}/u, /\p{Lu}/u, /\p{Nd}/u, /[^\p{L}\p{Nd}]/u].filter((kind) =>
    kind.test(password),
  ).length;
  const distinct = new Set(password.toLowerCase()).size;
  let points = length + 3 * (kinds - 1);
  if (distinct <= 5) points -= 10;
  if (COMMON.test(password)) points -= 6;
  if (name !== '' && password.toLowerCase().includes(name.toLowerCase())) points -= 6;
  if (points < 14) return 'weak';
  return points < 20 ? 'fair' : 'strong';
}

/** A browser and its system in two words, from what it says of itself; the whole text when it says neither. */
export function agentOf(agent: string | null): string | null {
  if (agent === null || agent === '') return null;
  const pick = (table: readonly [RegExp, string][]): string | undefined =>
    table.find(([pattern]) => pattern.test(agent))?.[1];
  const browser = pick([
    [/Firefox|FxiOS/, 'Firefox'],
    [/Edg/, 'Edge'],
    [/Chrome|CriOS|Chromium/, 'Chrome'],
    [/Safari/, 'Safari'],
    [/^curl/, 'curl'],
    [/python/i, 'Python'],
  ]);
  const system = pick([
    [/iPhone|iPad/, 'iOS'],
    [/Android/, 'Android'],
    [/Mac OS X/, 'macOS'],
    [/Windows/, 'Windows'],
    [/Linux|X11/, 'Linux'],
  ]);
  if (browser === undefined && system !== undefined && agent.startsWith('Mozilla/')) return system;
  if (browser === undefined) return agent.length > 40 ? `${agent.slice(0, 39)}…` : agent;
  return system === undefined ? browser : `${browser}, ${system}`;
}
