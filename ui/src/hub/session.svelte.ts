// Who is signed in at this hub, and what the page makes of it. One of these lives as long as the page; the
// values of devices live in a `HubStore` that is thrown away whenever somebody else begins to look (`sight`).
import { pwa } from '../pwa.svelte';
import { isLetIn, mayWrite, sameSight, type Session } from '../model/account';
import { realTimers, type Timers } from '../model/throttle';
import { Accounts } from './accounts';
import { Api, Problem, reasonOf } from './api';
import type { Last } from './last';

/** Rights may change while a page is open and idle: asked for this often. */
const CHECK_MS = 30_000;
/** Refusals come in bunches; one question answers them all. */
const FLOOR_MS = 1_000;
/** While nobody knows who is here. */
const RETRY_MS = 3_000;

export class SessionStore {
  /** null until the hub said who this is. */
  current: Session | null = $state.raw(null);
  /** Why the hub did not say, while it did not. */
  problem: Problem | null = $state.raw(null);
  /** Counts who looked: a new number means that nothing of before may stay on the screen. */
  sight = $state.raw(0);
  /** The session ended without a sign-out: revoked, expired, or deleted. */
  ended = $state.raw(false);
  /**
   * The hub signs its certificate itself, which is the usual case; false once it said that it was given one.
   * Lines for a terminal depend on it.
   */
  localCa = $state.raw(true);
  /** The hub does not answer: who was here last, and what that person saw. null once it answered. */
  last: Last | null = $state.raw(null);
  /** From the set-up link. In memory only, and only until it was used. */
  setupKey: string | null = $state.raw(null);
  /** From a link to a dashboard. In memory only, and only until the hub took or refused it. */
  shareSecret: string | null = $state.raw(null);

  readonly api: Api;
  readonly accounts: Accounts;
  readonly #timers: Timers;
  /** Answers to questions older than the last sign-in or sign-out mean nothing. */
  #turn = 0;
  #checking: Promise<void> | null = null;
  #askedAt = -Infinity;
  #cancel: () => void = () => {};
  #due = false;
  readonly #memory: Memory;
  /** What another person saw may still be there until then. */
  #forgetting: Promise<void> = Promise.resolve();

  constructor(api: Api = new Api(), timers: Timers = realTimers, memory: Memory = browserMemory) {
    this.api = api;
    this.accounts = new Accounts(api);
    this.#timers = timers;
    this.#memory = memory;
    api.onrefused = () => this.doubt();
  }

  /** Asks now and again from time to time. Returns what ends that. */
  start(): () => void {
    let stopped = false;
    const round = async (): Promise<void> => {
      if (!hidden()) await this.check();
      if (stopped) return;
      const ms = this.current === null || this.last !== null ? RETRY_MS : CHECK_MS;
      this.#cancel = this.#timers.later(ms, () => void round());
    };
    void round();
    return () => {
      stopped = true;
      this.#cancel();
    };
  }

  /** Something hints that this session is no longer what it was. Asks soon, but not for each hint. */
  doubt(): void {
    if (this.#due) return;
    const rest = this.#askedAt + FLOOR_MS - this.#timers.now();
    if (rest <= 0) {
      void this.check();
      return;
    }
    this.#due = true;
    this.#timers.later(rest, () => {
      this.#due = false;
      void this.check();
    });
  }

  check(): Promise<void> {
    if (this.#checking !== null) return this.#checking;
    const asking = this.#ask().finally(() => {
      if (this.#checking === asking) this.#checking = null;
    });
    return (this.#checking = asking);
  }

  /** This session is another one now: what was asked before means nothing. */
  async renew(): Promise<void> {
    this.#turn += 1;
    this.#checking = null;
    await this.check();
  }

  async #ask(): Promise<void> {
    const turn = this.#turn;
    this.#askedAt = this.#timers.now();
    try {
      const session = await this.accounts.session();
      if (turn === this.#turn) this.#take(session, true);
    } catch (error) {
      // Who was here still is, as far as anybody knows; the banner of the lost line says the rest.
      if (this.current !== null || turn !== this.#turn) return;
      const problem = error instanceof Problem ? error : new Problem(reasonOf(error), 0, 'unknown');
      if (problem.status === 0 && (await this.#remember(turn))) return;
      if (turn === this.#turn) this.problem = problem;
    }
  }

  /** Shows what was seen last, if this browser kept it. */
  async #remember(turn: number): Promise<boolean> {
    const last = await this.#memory.load().catch(() => null);
    if (last === null || turn !== this.#turn || this.current !== null || !isLetIn(last.session)) return false;
    if (isOver(last, Date.now())) {
      await this.#memory.clear().catch(() => {});
      return false;
    }
    this.last = last;
    this.problem = null;
    this.sight += 1;
    this.current = last.session;
    return true;
  }

  /** Keeps what is seen now, for a time when the hub does not answer. */
  keep(devices: Last['devices'], saved: number): Promise<void> {
    return this.keepBy((session) => this.#memory.save({ session, saved, devices }));
  }

  /** The same for what `write` puts where `Memory.clear` finds it; nothing is written for nobody, nor while old values are shown. */
  async keepBy(write: (session: Session) => Promise<void>): Promise<void> {
    const seen = (): string => `${this.#turn} ${this.sight}`;
    const before = seen();
    await this.#forgetting;
    const { current, last } = this;
    if (current === null || last !== null || !isLetIn(current) || before !== seen()) return;
    await write(current).catch(() => {});
    // Signed out, or somebody else looks, while it was written.
    if (before !== seen()) await this.#memory.clear().catch(() => {});
  }

  async signIn(name: string, password: string): Promise<void> {
    const session = await this.accounts.signIn(name, password);
    this.#turn += 1;
    this.#take(session, false);
  }

  async setup(name: string, password: string): Promise<void> {
    const session = await this.accounts.setup(this.setupKey, name, password);
    this.#turn += 1;
    this.setupKey = null;
    this.#take(session, false);
  }

  async signOut(): Promise<void> {
    // First, and whatever the hub says: who wants to be gone is not to be shown when it does not answer.
    await this.#memory.clear().catch(() => {});
    try {
      await this.accounts.signOut();
    } catch (error) {
      // Signed out already, by somebody else.
      if (!(error instanceof Problem) || error.status !== 401) throw error;
    }
    this.#turn += 1;
    // Once more: something may have been kept meanwhile.
    const cleared = this.#memory.clear().catch(() => {});
    const { current } = this;
    // At once, whatever the hub says next: nothing of this person stays on the screen.
    if (current !== null) this.#take(outside(current), false);
    this.#checking = null;
    await Promise.all([cleared, this.check()]);
  }

  #take(session: Session, byItself: boolean): void {
    const before = this.current;
    const out = before !== null && isLetIn(before) && !isLetIn(session);
    this.ended = isLetIn(session) ? false : out ? byItself : this.ended;
    if (before === null || !sameSight(before, session)) {
      this.sight += 1;
      if (session.secure && isLetIn(session)) void this.#learnCa();
    }
    this.problem = null;
    this.last = null;
    // What one person saw is not kept when somebody else looks, or nobody.
    if (!isLetIn(session) || (before !== null && !sameSight(before, session))) {
      void this.#memory.clear().catch(() => {});
    } else if (before === null) this.#forgetting = this.#forgetOthers(session);
    // The same answer again is no news to whoever shows it.
    if (JSON.stringify(before) !== JSON.stringify(session)) this.current = session;
  }

  /** The page was opened anew: what this browser kept may be of somebody else, or of more than this person may see now. */
  async #forgetOthers(session: Session): Promise<void> {
    try {
      const last = await this.#memory.load();
      if (last !== null && !sameSight(last.session, session)) await this.#memory.clear();
    } catch {
      // Nothing is kept in this browser.
    }
  }

  async #learnCa(): Promise<void> {
    try {
      const { certificate } = await this.accounts.tls();
      this.localCa = certificate?.issued_by !== 'own';
    } catch {
      // Who may not know gets the lines for the usual case.
    }
  }

  get administers(): boolean {
    return this.current?.administers ?? false;
  }

  /** Whether a control of this property may be pressed. */
  mayAsk(device: string, property: string): boolean {
    return this.current !== null && mayWrite(this.current, `devices/${device}/${property}/set`);
  }
}

/** Where what was seen is kept; a double in tests. */
export interface Memory {
  load(): Promise<Last | null>;
  save(last: Last): Promise<void>;
  clear(): Promise<void>;
}

/** Kept only where the page itself is, too: nobody else could show it. */
const browserMemory: Memory = {
  load: async () => (pwa.possible ? (await import('./last')).loadLast() : null),
  save: async (last) => (pwa.possible ? (await import('./last')).saveLast(last) : undefined),
  clear: async () => (pwa.possible ? (await import('./last')).clearLast() : undefined),
};

/** What was kept so long ago is nobody's state any more. */
const KEPT_MS = 30 * 86_400_000;

/** Not shown any more: too old, or of a session that ended since. */
export function isOver({ session, saved }: Pick<Last, 'session' | 'saved'>, now: number): boolean {
  const end = session.expires === null ? Infinity : Date.parse(session.expires);
  return Math.abs(now - saved) > KEPT_MS || end <= now;
}

function outside(session: Session): Session {
  const nothing = { name: null, role: null, kind: null, read: [], write: [], deny: [], expires: null };
  return { ...session, ...nothing, signed_in: false, administers: false };
}

function hidden(): boolean {
  return typeof document !== 'undefined' && document.visibilityState === 'hidden';
}
