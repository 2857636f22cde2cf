// Looks at the wire: one event stream of the hub for as long as somebody looks, into a bounded log. Drawn once a frame at most.
import { Batch, type Schedule } from '../hub/batch';
import { FrameLog, frameOfText, type Item } from './frames';

/** What we use of the browser's EventSource. */
export interface SourceLike {
  onopen: (() => void) | null;
  onerror: (() => void) | null;
  readonly readyState: number;
  addEventListener(kind: string, heard: (event: { data: string }) => void): void;
  close(): void;
}

/** As EventSource numbers its states. */
const CLOSED = 2;

export type WatchState = 'connecting' | 'watching' | 'broken' | 'closed';

export interface WatchOptions {
  query: string;
  open?: (url: string) => SourceLike;
  schedule?: Schedule;
}

export class Watch {
  state: WatchState = $state.raw('connecting');
  /** What is shown: all, or what was there when it was paused. */
  items: readonly Item[] = $state.raw([]);
  paused = $state.raw(false);
  /** Frames that came since it was paused. */
  waiting = $state.raw(0);
  forgotten = $state.raw(0);
  /** A connection that was watched by its id has ended. */
  ended = $state.raw(false);
  readonly #log = new FrameLog();
  readonly #paint: Batch<null>;
  readonly #options: WatchOptions;
  #source: SourceLike | null = null;
  #waiting = 0;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#paint = new Batch(() => this.#painted(), options.schedule);
  }

  start(): void {
    const open = this.#options.open ?? ((url: string) => new EventSource(url) as unknown as SourceLike);
    const source = open(`/api/wire?${this.#options.query}`);
    this.#source = source;
    source.onopen = () => {
      if (this.state === 'broken') this.#add({ type: 'broken' });
      this.state = 'watching';
    };
    source.onerror = () => {
      // The hub closes the stream of a connection that is over; the browser would ask for it again and again.
      if (this.ended) this.stop();
      else this.state = source.readyState === CLOSED ? 'closed' : 'broken';
    };
    source.addEventListener('frame', ({ data }) => {
      const frame = frameOfText(data);
      if (frame !== null) this.#add({ type: 'frame', frame });
    });
    source.addEventListener('gap', ({ data }) => this.#add({ type: 'gap', lost: lostOf(data) }));
    source.addEventListener('end', ({ data }) => {
      this.#add({ type: 'end', connection: connectionOf(data) });
      if (this.#options.query.startsWith('connection=')) {
        this.ended = true;
        this.stop();
      }
    });
  }

  stop(): void {
    this.#source?.close();
    this.#source = null;
  }

  pause(): void {
    this.paused = true;
    this.#waiting = this.waiting = 0;
  }

  resume(): void {
    this.paused = false;
    this.#painted();
  }

  clear(): void {
    this.#log.clear();
    this.#waiting = 0;
    this.items = [];
    this.forgotten = 0;
    this.waiting = 0;
  }

  #add(item: Parameters<FrameLog['add']>[0]): void {
    this.#log.add(item);
    if (item.type === 'frame') this.#waiting += 1;
    this.#paint.add(null);
  }

  #painted(): void {
    if (this.paused) {
      this.waiting = this.#waiting;
      return;
    }
    this.items = [...this.#log.items];
    this.forgotten = this.#log.forgotten;
  }
}

function read(data: string): Record<string, unknown> {
  try {
    return (JSON.parse(data) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function lostOf(data: string): number {
  const { lost } = read(data);
  return typeof lost === 'number' ? lost : 1;
}

function connectionOf(data: string): string | null {
  const { connection } = read(data);
  return typeof connection === 'string' ? connection : null;
}
