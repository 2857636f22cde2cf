// Which widgets are in view, told by one observer for all of them.

/** Drawn a little before it comes into view, so that scrolling shows no holes. */
const MARGIN = '240px';

export class Eye {
  readonly #seen = new WeakMap<Element, (inView: boolean) => void>();
  readonly #observer: IntersectionObserver | null;

  constructor() {
    this.#observer =
      typeof IntersectionObserver === 'undefined'
        ? null
        : new IntersectionObserver(
            (entries) => {
              for (const { target, isIntersecting } of entries) this.#seen.get(target)?.(isIntersecting);
            },
            { rootMargin: MARGIN },
          );
  }

  /** Tells when the element comes into view and leaves it. Returns what ends that. */
  watch(element: Element, seen: (inView: boolean) => void): () => void {
    if (this.#observer === null) {
      seen(true);
      return () => {};
    }
    this.#seen.set(element, seen);
    this.#observer.observe(element);
    return () => this.#observer?.unobserve(element);
  }

  end(): void {
    this.#observer?.disconnect();
  }
}
