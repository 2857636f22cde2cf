// The end of the hub's log: what there is, and then every line as it comes. Comes back by itself after a lost line, without a
// line twice or a hole that nobody sees.
import { SystemApi } from '../hub/system';
import { addLines, LINES_MAX, type Level, type LogLine } from '../model/system';

/** Read at once. */
const PAGE = 1_000;
const RETRY_MS = 3_000;

export class Tail {
  lines: LogLine[] = $state.raw([]);
  /** null until the hub answered; false while it does not. */
  live: boolean | null = $state.raw(null);
  problem: string | null = $state.raw(null);
  /** Lines were dropped before the first of these. */
  gap = $state.raw(false);

  readonly #system: Pick<SystemApi, 'logs'>;
  readonly #level: Level;
  #next = 0;
  #source: EventSource | null = null;
  #retry: ReturnType<typeof setTimeout> | null = null;
  #ended = false;

  constructor(system: Pick<SystemApi, 'logs'>, level: Level) {
    this.#system = system;
    this.#level = level;
  }

  start(): () => void {
    this.#open();
    return () => {
      this.#ended = true;
      this.#source?.close();
      if (this.#retry !== null) clearTimeout(this.#retry);
    };
  }

  /** The stream comes first, so that nothing falls between it and what is read; a line that comes twice is taken once. */
  #open(): void {
    const source = new EventSource(`/api/logs/stream?level=${this.#level}`);
    this.#source = source;
    const take = ({ data }: MessageEvent<string>): void => {
      try {
        const line = JSON.parse(data) as LogLine;
        if (typeof line.seq === 'number') this.#waiting.push(line);
      } catch {
        // Nothing of ours.
      }
      this.#soon();
    };
    source.onmessage = take;
    for (const name of ['line', 'log']) source.addEventListener(name, take as EventListener);
    for (const name of ['lost', 'gap']) source.addEventListener(name, () => (this.gap = true));
    source.onopen = () => void this.#catchUp();
    source.onerror = () => {
      this.live = false;
      source.close();
      if (!this.#ended) this.#retry = setTimeout(() => this.#open(), RETRY_MS);
    };
  }

  async #catchUp(): Promise<void> {
    try {
      for (let round = 0; round < 8; round += 1) {
        const { lines, next } = await this.#system.logs(this.#level, this.#next, PAGE);
        this.lines = addLines(this.lines, lines);
        this.#next = next;
        if (lines.length < PAGE) break;
      }
      this.live = true;
      this.problem = null;
      // What came while it was read.
      this.#flush();
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
      this.#source?.onerror?.(new Event('error'));
    }
  }

  #waiting: LogLine[] = [];
  #due = false;

  /** A burst of lines is one change. */
  #soon(): void {
    if (this.#due) return;
    this.#due = true;
    setTimeout(() => {
      this.#due = false;
      this.#flush();
    }, 100);
  }

  #flush(): void {
    // Before what was there is read there is nothing to stand behind: they wait.
    if (this.live !== true) {
      this.#waiting.splice(0, this.#waiting.length - LINES_MAX);
      return;
    }
    this.lines = addLines(this.lines, this.#waiting.splice(0));
    this.#next = Math.max(this.#next, this.lines.at(-1)?.seq ?? 0);
  }
}
