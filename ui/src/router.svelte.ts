// The address bar: which page is shown. Paths, not hashes: the hub answers every unknown path outside
// /api with the page.

export const SECTIONS = [
  'general',
  'account',
  'people',
  'tokens',
  'discovery',
  'history',
  'templates',
  'virtual',
  'firmware',
  'guest',
  'tls',
  'limits',
  'backup',
  'logs',
  'audit',
] as const;
export type Section = (typeof SECTIONS)[number];

export type Route =
  | { page: 'home' }
  | { page: 'devices' }
  | { page: 'device'; id: string }
  | { page: 'found' }
  | { page: 'notifications' }
  | { page: 'history' }
  | { page: 'dashboards' }
  | { page: 'dashboard'; id: string }
  | { page: 'live' }
  | { page: 'wire' }
  | { page: 'connect' }
  /** A dashboard as whoever was given a link sees it. */
  | { page: 'share' }
  | { page: 'settings'; section: Section }
  | { page: 'sign-in' | 'setup' | 'trust' }
  | { page: 'components' }
  | { page: 'widgets' }
  | { page: 'missing'; path: string };

/** Pages whose address is their name. */
const OWN_PAGES = [
  'found',
  'notifications',
  'history',
  'dashboards',
  'live',
  'wire',
  'connect',
  'share',
] as const;

export function parsePath(path: string): Route {
  const levels = path.split('/').filter((level) => level !== '');
  const [first, second] = levels;
  if (first === undefined) return { page: 'home' };
  if (first === 'devices' && levels.length === 1) return { page: 'devices' };
  if (first === 'devices' && second !== undefined && levels.length === 2)
    return { page: 'device', id: second };
  if (first === 'dashboards' && second !== undefined && levels.length === 2)
    return { page: 'dashboard', id: second };
  const own = OWN_PAGES.find((name) => name === first);
  if (own !== undefined && levels.length === 1) return { page: own };
  if (first === 'settings' && levels.length <= 2) {
    const section = second === undefined ? 'general' : SECTIONS.find((name) => name === second);
    if (section !== undefined) return { page: 'settings', section };
  }
  if ((first === 'sign-in' || first === 'setup' || first === 'trust') && levels.length === 1)
    return { page: first };
  if (import.meta.env.DEV && path === '/dev/components') return { page: 'components' };
  if (import.meta.env.DEV && path === '/dev/widgets') return { page: 'widgets' };
  return { page: 'missing', path };
}

export function dashboardPath(id: string): string {
  return `/dashboards/${id}`;
}

export function devicePath(id: string): string {
  return `/devices/${id}`;
}

/** The History page with these properties (`device/property`) chosen. */
export function historyPath(keys: readonly string[], range?: string): string {
  const query = new URLSearchParams();
  if (keys.length > 0) query.set('series', keys.join(','));
  if (range !== undefined) query.set('range', range);
  // Commas and slashes are fit to be read in an address, and mean nothing there.
  const text = query.toString().replaceAll('%2C', ',').replaceAll('%2F', '/');
  return text === '' ? '/history' : `/history?${text}`;
}

/** The live view with this topic chosen. */
export function livePath(topic: string): string {
  return `/live?${new URLSearchParams({ topic }).toString().replaceAll('%2F', '/')}`;
}

/** The wire view of one connection, or of all that a device has. */
export function wirePath(of: { connection: string } | { device: string }): string {
  return `/wire?${new URLSearchParams(of).toString()}`;
}

export function sectionPath(section: Section): string {
  return section === 'general' ? '/settings' : `/settings/${section}`;
}

/**
 * The key of a set-up link, `/setup#KEY`. Taken out of the address bar at once, so that neither history nor a
 * picture of the screen keeps it.
 */
export function takeSetupKey(): string | null {
  if (location.pathname !== '/setup' || location.hash.length < 2) return null;
  const key = location.hash.slice(1);
  history.replaceState(history.state, '', '/setup');
  return key;
}

/** The secret of a link to a dashboard, `/share#SECRET`; taken out of the address bar as the key is. */
export function takeShareSecret(): string | null {
  if (location.pathname !== '/share' || location.hash.length < 2) return null;
  const secret = location.hash.slice(1);
  history.replaceState(history.state, '', '/share');
  return secret;
}

/** What the hub answers with something else than this page: the API, and the page about it. */
const OTHERS = /^\/(api|docs)(\/|$)/;

class Router {
  path = $state('/');
  /** What stands behind the path, with its `?`: what a page shows, where one page shows many things. */
  search = $state('');
  readonly route: Route = $derived(parsePath(this.path));
  /** Where the person was before this page, if it was one of ours. */
  #before = '/';

  /** Follows links and the back button. Returns what undoes it. */
  start(onNavigate: () => void): () => void {
    this.#look();
    history.scrollRestoration = 'manual';
    const onPop = (event: PopStateEvent): void => {
      this.#look();
      const top = scrollOf(event.state);
      requestAnimationFrame(() => scrollTo(0, top));
    };
    const onClick = (event: MouseEvent): void => {
      const link = (event.target as Element | null)?.closest('a');
      if (link === null || link === undefined || !isPlainClick(event)) return;
      if (link.origin !== location.origin || link.target !== '' || link.hasAttribute('download')) return;
      if (link.hash !== '' || OTHERS.test(link.pathname)) return;
      event.preventDefault();
      this.go(link.pathname + link.search);
      onNavigate();
    };
    addEventListener('popstate', onPop);
    document.addEventListener('click', onClick);
    return () => {
      removeEventListener('popstate', onPop);
      document.removeEventListener('click', onClick);
    };
  }

  go(address: string): void {
    const here = this.path + this.search;
    if (address !== here) {
      // The page left behind remembers how far it was scrolled, for the way back.
      history.replaceState({ top: scrollY }, '');
      history.pushState(null, '', address);
      this.#before = here;
    }
    this.#take(address);
    scrollTo(0, 0);
  }

  /** The same page shows something else now: no step for the back button. */
  note(address: string): void {
    if (address === this.path + this.search) return;
    history.replaceState(history.state, '', address);
    this.#take(address);
  }

  /** Leaves a page that has done its work, so that "back" does not lead to it again. */
  leave(): void {
    const [path = '/'] = this.#before.split('?');
    const to = ['sign-in', 'setup'].includes(parsePath(path).page) ? '/' : this.#before;
    history.replaceState(null, '', to);
    this.#take(to);
    scrollTo(0, 0);
  }

  #take(address: string): void {
    const question = address.indexOf('?');
    this.path = question < 0 ? address : address.slice(0, question);
    this.search = question < 0 ? '' : address.slice(question);
  }

  #look(): void {
    this.path = location.pathname;
    this.search = location.search;
  }
}

function scrollOf(state: unknown): number {
  const top = (state as { top?: unknown } | null)?.top;
  return typeof top === 'number' ? top : 0;
}

function isPlainClick(event: MouseEvent): boolean {
  const modified = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
  return event.button === 0 && !modified && !event.defaultPrevented;
}

export const router = new Router();
