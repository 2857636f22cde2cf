// What changed from one payload to the next: JSON field by field (each is a line), text line by line, bytes sixteen at a time.
import { hexLines, isDeep, jsonOf, textOfBytes } from './bytes';

export type DiffLine = { sign: ' ' | '-' | '+'; text: string };

/** Longer ones are compared from both ends only: what differs in the middle is shown whole. */
const LCS_LINES_MAX = 400;

/** The lines a person reads a payload by. */
export function linesOf(bytes: Uint8Array): { kind: 'json' | 'text' | 'bytes'; lines: string[] } {
  const text = textOfBytes(bytes);
  if (text === null) return { kind: 'bytes', lines: hexLines(bytes) };
  const json = jsonOf(text);
  if (isDeep(json)) return { kind: 'json', lines: JSON.stringify(json, null, 2).split('\n') };
  return { kind: 'text', lines: text.split('\n') };
}

export function diffPayloads(before: Uint8Array, after: Uint8Array): DiffLine[] {
  let a = linesOf(before);
  let b = linesOf(after);
  // Bytes against text: both as bytes, or nothing could be compared.
  if (a.kind !== b.kind && (a.kind === 'bytes' || b.kind === 'bytes')) {
    a = { kind: 'bytes', lines: hexLines(before) };
    b = { kind: 'bytes', lines: hexLines(after) };
  }
  return diffLines(a.lines, b.lines);
}

export function diffLines(a: readonly string[], b: readonly string[]): DiffLine[] {
  let start = 0;
  while (start < a.length && start < b.length && same(a[start], b[start])) start += 1;
  let ends = 0;
  while (
    ends < a.length - start &&
    ends < b.length - start &&
    same(a[a.length - 1 - ends], b[b.length - 1 - ends])
  )
    ends += 1;
  const out: DiffLine[] = [];
  const keep = (lines: readonly string[]): void => {
    for (const text of lines) out.push({ sign: ' ', text });
  };
  keep(b.slice(0, start));
  const midA = a.slice(start, a.length - ends);
  const midB = b.slice(start, b.length - ends);
  if (midA.length > LCS_LINES_MAX || midB.length > LCS_LINES_MAX) {
    for (const text of midA) out.push({ sign: '-', text });
    for (const text of midB) out.push({ sign: '+', text });
  } else out.push(...common(midA, midB));
  keep(b.slice(b.length - ends));
  return out;
}

/** A comma behind the last field of an object is no change of that field. */
function same(x: string | undefined, y: string | undefined): boolean {
  return x === y || (x !== undefined && y !== undefined && bare(x) === bare(y));
}

function bare(line: string): string {
  return line.endsWith(',') ? line.slice(0, -1) : line;
}

/** The longest common run of lines, by the table of its lengths. */
function common(a: readonly string[], b: readonly string[]): DiffLine[] {
  const width = b.length + 1;
  const lengths = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1)
    for (let j = b.length - 1; j >= 0; j -= 1)
      lengths[i * width + j] = same(a[i], b[j])
        ? (lengths[(i + 1) * width + j + 1] as number) + 1
        : Math.max(lengths[(i + 1) * width + j] as number, lengths[i * width + j + 1] as number);
  const out: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && same(a[i], b[j])) {
      out.push({ sign: ' ', text: b[j] as string });
      i += 1;
      j += 1;
    } else if (
      j >= b.length ||
      (i < a.length && (lengths[(i + 1) * width + j] as number) >= (lengths[i * width + j + 1] as number))
    ) {
      out.push({ sign: '-', text: a[i] as string });
      i += 1;
    } else {
      out.push({ sign: '+', text: b[j] as string });
      j += 1;
    }
  }
  return out;
}
