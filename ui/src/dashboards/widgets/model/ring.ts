// The lines of a terminal: bounded, the oldest go first, and how many went is known.
import type { Json } from '../../../model/types';
import { plainText } from './values';

export interface Line {
  /** Grows with each line, so that lists can tell them apart. */
  seq: number;
  time: string;
  text: string;
  own: boolean;
}

/** One line on the screen; a longer message is cut, as the wire view shows all of it. */
export const LINE_MAX = 2_000;
export const LINES_LEAST = 10;
export const LINES_MOST = 2_000;

export class Ring {
  readonly #lines: Line[] = [];
  #seq = 0;
  #dropped = 0;
  #most: number;

  constructor(most: number) {
    this.#most = Math.min(LINES_MOST, Math.max(LINES_LEAST, Math.round(most)));
  }

  get lines(): readonly Line[] {
    return this.#lines;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** A message of several lines becomes several. */
  add(time: string, payload: Json, own: boolean, bytes: (count: number) => string): void {
    const text = plainText(payload, bytes, LINE_MAX);
    for (const line of text.replace(/\r\n?/g, '\n').replace(/\n$/, '').split('\n')) {
      this.#lines.push({ seq: ++this.#seq, time, text: visible(line), own });
    }
    const over = this.#lines.length - this.#most;
    if (over > 0) {
      this.#lines.splice(0, over);
      this.#dropped += over;
    }
  }

  clear(): void {
    this.#lines.length = 0;
    this.#dropped = 0;
  }

  text(): string {
    return this.#lines.map(({ time, text, own }) => `${time} ${own ? '>' : '<'} ${text}`).join('\n');
  }
}

/** Control characters are drawn as their pictures, so that nothing hides; colour codes of terminals are dropped. */
export function visible(text: string): string {
  return (
    text
      // eslint-disable-next-line no-control-regex
      .replace(/\u001b\[[0-9;]*[A-Za-z]/g, '')
      .replace(/\t/g, '    ')
      // eslint-disable-next-line no-control-regex
      .replace(/[\u0000-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
      .replace(/\u007f/g, '\u2421')
  );
}
