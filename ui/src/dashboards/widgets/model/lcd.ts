// A display of a few lines of characters, as it stands after what was sent to it. Understands plain text, JSON with lines,
// and the commands that Blynk's display took: `clr`, and `p` with column, line and text.
import type { Json } from '../../../model/types';

export interface LcdSize {
  columns: number;
  lines: number;
}

export const LCD_SIZES = {
  '2x16': { columns: 16, lines: 2 },
  '4x20': { columns: 20, lines: 4 },
} as const satisfies Record<string, LcdSize>;

/** A payload longer than this is no text for a display of eighty characters. */
const TEXT_MAX = 2_000;

export function blank({ columns, lines }: LcdSize): string[] {
  return Array.from({ length: lines }, () => ' '.repeat(columns));
}

/** One character each: what a display has no glyph for is a blank box. */
function glyphs(text: string): string[] {
  return [...text.slice(0, TEXT_MAX)].map((c) => {
    // eslint-disable-next-line no-control-regex
    if (/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/.test(c)) return ' ';
    return /\p{M}/u.test(c) ? '\u25af' : c;
  });
}

function fitted(text: string, columns: number): string {
  const cells = glyphs(text).slice(0, columns);
  return cells.join('') + ' '.repeat(columns - cells.length);
}

/** Text from a place on, as a print to a display does: what is beyond its line is lost. */
export function print(
  screen: readonly string[],
  { columns, lines }: LcdSize,
  x: number,
  y: number,
  text: string,
): string[] {
  const next = [...screen];
  if (!Number.isInteger(x) || !Number.isInteger(y) || y < 0 || y >= lines || x < 0 || x >= columns)
    return next;
  const row = [...(next[y] ?? ' '.repeat(columns))];
  glyphs(text)
    .slice(0, columns - x)
    .forEach((c, i) => (row[x + i] = c));
  next[y] = row.join('');
  return next;
}

/** The whole screen from one text: its own lines, and words that are too long go on in the next. */
export function filled(text: string, size: LcdSize): string[] {
  const lines: string[] = [];
  for (const own of text.slice(0, TEXT_MAX).replace(/\r\n?/g, '\n').split('\n')) {
    const cells = glyphs(own);
    do lines.push(cells.splice(0, size.columns).join(''));
    while (cells.length > 0 && lines.length < size.lines);
    if (lines.length >= size.lines) break;
  }
  return Array.from({ length: size.lines }, (_, i) => fitted(lines[i] ?? '', size.columns));
}

/** The screen after one more message. */
export function applied(screen: readonly string[], size: LcdSize, value: Json): string[] {
  const held = typeof value === 'string' ? (parsed(value) ?? value) : value;
  if (held === null) return [...screen];
  if (typeof held === 'string') {
    if (held === 'clr') return blank(size);
    // Blynk's own form: values with a null byte between them.
    return held.startsWith('p\0') ? command(screen, size, held.split('\0')) : filled(held, size);
  }
  if (Array.isArray(held)) {
    if (held[0] === 'clr') return blank(size);
    if (held[0] === 'p' && held.length >= 3) return command(screen, size, held);
    return filled(held.map((line) => words(line)).join('\n'), size);
  }
  if (typeof held === 'object') return object(screen, size, held);
  return filled(String(held), size);
}

function parsed(text: string): Json | null {
  if (!/^\s*[[{]/.test(text) || text.length > TEXT_MAX) return null;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return null;
  }
}

const words = (value: Json | undefined): string =>
  typeof value === 'string' ? value : value === null || value === undefined ? '' : JSON.stringify(value);

function command(screen: readonly string[], size: LcdSize, parts: readonly Json[]): string[] {
  const [, x, y, ...text] = parts;
  return print(screen, size, Number(x), Number(y), text.map(words).join(' '));
}

function object(screen: readonly string[], size: LcdSize, held: { [key: string]: Json }): string[] {
  let next = held['clear'] === true ? blank(size) : [...screen];
  if (Array.isArray(held['lines'])) next = filled(held['lines'].map(words).join('\n'), size);
  const put = held['print'] ?? held['text'];
  if (put !== undefined && !Array.isArray(held['lines'])) {
    const at = held['x'] !== undefined || held['y'] !== undefined;
    next = at
      ? print(next, size, Number(held['x'] ?? 0), Number(held['y'] ?? 0), words(put))
      : filled(words(put), size);
  }
  for (let i = 0; i < size.lines; i += 1) {
    const line = held[`line${i + 1}`];
    if (line !== undefined) next[i] = fitted(words(line), size.columns);
  }
  return next;
}

/** Two sources: one line each. */
export function fromLines(values: readonly Json[], size: LcdSize): string[] {
  return Array.from({ length: size.lines }, (_, i) => fitted(words(values[i]), size.columns));
}
