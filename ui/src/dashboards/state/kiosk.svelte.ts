// A dashboard on the wall: the whole screen, nothing around it, and a screen that stays on as far as the browser lets it.

export class Kiosk {
  /** The browser keeps the screen on. */
  awake = $state.raw(false);
  /** Browsers do that at encrypted addresses only. */
  readonly able = typeof navigator !== 'undefined' && 'wakeLock' in navigator;
  #lock: { release(): Promise<void> } | null = null;
  #wanted = false;

  /** From a press: browsers ask for one. Each part may be refused, and the rest goes on. */
  async enter(): Promise<void> {
    try {
      await document.documentElement.requestFullscreen({ navigationUI: 'hide' });
    } catch {
      // A phone without full screen still gets the page without its frame.
    }
  }

  async leave(): Promise<void> {
    if (document.fullscreenElement !== null) await document.exitFullscreen().catch(() => {});
  }

  /** For as long as it is shown. Returns what ends that. */
  stayAwake(): () => void {
    this.#wanted = true;
    const again = (): void => {
      // A page that is hidden loses its lock.
      if (document.visibilityState === 'visible') void this.#ask();
    };
    again();
    document.addEventListener('visibilitychange', again);
    return () => {
      this.#wanted = false;
      document.removeEventListener('visibilitychange', again);
      void this.#lock?.release().catch(() => {});
      this.#lock = null;
      this.awake = false;
    };
  }

  async #ask(): Promise<void> {
    if (!this.able || this.#lock !== null) return;
    try {
      const lock = await navigator.wakeLock.request('screen');
      if (!this.#wanted) {
        await lock.release();
        return;
      }
      this.#lock = lock;
      this.awake = true;
      lock.addEventListener('release', () => {
        this.#lock = null;
        this.awake = false;
      });
    } catch {
      // Battery saving, or not allowed here: said on the page by `awake`.
    }
  }
}
