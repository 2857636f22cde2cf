// The address bar: which page is shown. Paths, not hashes: the hub answers every unknown path outside
// /api with the page.

export type Route =
  | { page: 'home' }
  | { page: 'devices' }
  | { page: 'device'; id: string }
  | { page: 'settings' }
  | { page: 'components' }
  | { page: 'missing'; path: string };

export function parsePath(path: string): Route {
  const levels = path.split('/').filter((level) => level !== '');
  const [first, second] = levels;
  if (first === undefined) return { page: 'home' };
  if (first === 'devices' && levels.length === 1) return { page: 'devices' };
  if (first === 'devices' && second !== undefined && levels.length === 2)
    return { page: 'device', id: second };
  if (first === 'settings' && levels.length === 1) return { page: 'settings' };
  if (import.meta.env.DEV && path === '/dev/components') return { page: 'components' };
  return { page: 'missing', path };
}

export function devicePath(id: string): string {
  return `/devices/${id}`;
}

class Router {
  path = $state('/');
  readonly route: Route = $derived(parsePath(this.path));

  /** Follows links and the back button. Returns what undoes it. */
  start(onNavigate: () => void): () => void {
    this.path = location.pathname;
    history.scrollRestoration = 'manual';
    const onPop = (event: PopStateEvent): void => {
      this.path = location.pathname;
      const top = scrollOf(event.state);
      requestAnimationFrame(() => scrollTo(0, top));
    };
    const onClick = (event: MouseEvent): void => {
      const link = (event.target as Element | null)?.closest('a');
      if (link === null || link === undefined || !isPlainClick(event)) return;
      if (link.origin !== location.origin || link.target !== '' || link.hasAttribute('download')) return;
      if (link.hash !== '' || link.pathname.startsWith('/api')) return;
      event.preventDefault();
      this.go(link.pathname);
      onNavigate();
    };
    addEventListener('popstate', onPop);
    document.addEventListener('click', onClick);
    return () => {
      removeEventListener('popstate', onPop);
      document.removeEventListener('click', onClick);
    };
  }

  go(path: string): void {
    if (path !== this.path) {
      // The page left behind remembers how far it was scrolled, for the way back.
      history.replaceState({ top: scrollY }, '');
      history.pushState(null, '', path);
    }
    this.path = path;
    scrollTo(0, 0);
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
