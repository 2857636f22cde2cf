// The page as an app of its own: the service worker, the browser's offer to install it, and a hub that was updated under an open page.

/** A page that stays open on a wall looks for a newer one so often. */
const LOOK_MS = 3_600_000;

/** The rest of the page is kept when this one has been quiet for so long, or after so long in any case. */
const QUIET_MS = 1_000;
const IDLE_MOST_MS = 5_000;

/** What Chromium's browsers hand out; there is no standard for it. */
interface InstallPrompt extends Event {
  prompt(): Promise<void>;
  readonly userChoice: Promise<{ outcome: 'accepted' | 'dismissed' }>;
}

class Pwa {
  /** Whether the page runs in a window of its own. */
  installed = $state(false);
  /** The browser offers to install it. */
  offered = $state.raw<InstallPrompt | null>(null);
  /** The hub has a newer page than this one. */
  updated = $state(false);
  /** The worker could not be started, mostly as the browser does not trust the certificate. */
  failed = $state(false);

  #registration: ServiceWorkerRegistration | null = null;

  /** Browsers keep pages only where nobody can have changed them: over HTTPS, or from the machine itself. */
  get possible(): boolean {
    return typeof isSecureContext === 'boolean' && isSecureContext && 'serviceWorker' in navigator;
  }

  start(): void {
    const standalone = matchMedia('(display-mode: standalone)');
    this.installed = standalone.matches || 'standalone' in navigator;
    standalone.addEventListener('change', () => (this.installed = standalone.matches));
    addEventListener('beforeinstallprompt', (event) => {
      event.preventDefault();
      this.offered = event as InstallPrompt;
    });
    addEventListener('appinstalled', () => (this.offered = null));
    if (!this.possible || !import.meta.env.PROD) return;
    // After what is seen: the worker fetches what this visit has fetched already.
    if (document.readyState === 'complete') void this.#register();
    else addEventListener('load', () => void this.#register(), { once: true });
  }

  async #register(): Promise<void> {
    let before = navigator.serviceWorker.controller;
    // A new worker takes over at once; if there was one before it, this page is of that one's build.
    navigator.serviceWorker.addEventListener('controllerchange', () => {
      if (before !== null) this.updated = true;
      // The first one of all has what this page has; whichever follows has something newer.
      before = navigator.serviceWorker.controller;
      this.#keepParts();
    });
    try {
      this.#registration = await navigator.serviceWorker.register('/sw.js', { updateViaCache: 'none' });
      document.addEventListener('visibilitychange', () => {
        if (document.visibilityState === 'visible') this.look();
      });
      setInterval(() => this.look(), LOOK_MS);
      this.#keepParts();
    } catch {
      this.failed = true;
    }
  }

  /** Whether the hub has a newer page. A hub that was away may have been updated. */
  look(): void {
    void this.#registration?.update().catch(() => {});
  }

  /** Asks the worker to keep what was not needed yet, so that every page opens without the hub. Not where the browser is told to save data. */
  #keepParts(): void {
    if ((navigator as { connection?: { saveData?: boolean } }).connection?.saveData === true) return;
    const ask = async (): Promise<void> =>
      (await navigator.serviceWorker.ready).active?.postMessage('keep-parts');
    setTimeout(() => {
      // Safari does not tell when it is idle.
      if (typeof requestIdleCallback === 'function')
        requestIdleCallback(() => void ask(), { timeout: IDLE_MOST_MS });
      else void ask();
    }, QUIET_MS);
  }

  async install(): Promise<void> {
    const offer = this.offered;
    if (offer === null) return;
    this.offered = null;
    await offer.prompt();
  }
}

export const pwa = new Pwa();
