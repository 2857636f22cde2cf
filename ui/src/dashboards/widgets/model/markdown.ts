// A small, strict part of Markdown for notes. It makes a tree, never HTML: whatever is not known here stays text.

export type Inline =
  | { kind: 'text'; text: string }
  | { kind: 'code'; text: string }
  | { kind: 'strong' | 'slanted' | 'struck'; inside: Inline[] }
  | { kind: 'link'; href: string; own: boolean; inside: Inline[] }
  | { kind: 'value'; index: number }
  | { kind: 'break' };

export type Block =
  | { kind: 'heading'; level: 1 | 2 | 3; inside: Inline[] }
  | { kind: 'words'; inside: Inline[] }
  | { kind: 'list'; ordered: boolean; start: number; items: Item[] }
  | { kind: 'quote'; blocks: Block[] }
  | { kind: 'code'; text: string }
  | { kind: 'rule' };

export interface Item {
  /** A box to look at, where the item begins with `[ ]` or `[x]`. */
  done: boolean | null;
  inside: Inline[];
  list: Block | null;
}

export const NOTE_MAX = 20_000;
const DEPTH_MAX = 5;

export function parseNote(text: string): Block[] {
  const lines = text.slice(0, NOTE_MAX).replace(/\r\n?/g, '\n').split('\n');
  return blocksOf(lines, 0);
}

const ITEM = /^(\s*)(?:([-*+])|(\d{1,6})[.)])\s+(.*)$/;

function blocksOf(lines: readonly string[], depth: number): Block[] {
  const blocks: Block[] = [];
  for (let i = 0; i < lines.length;) {
    const line = lines[i] as string;
    if (line.trim() === '') {
      i += 1;
      continue;
    }
    if (/^\s*```/.test(line)) {
      const end = lines.findIndex((one, at) => at > i && /^\s*```\s*$/.test(one));
      const until = end < 0 ? lines.length : end;
      blocks.push({ kind: 'code', text: lines.slice(i + 1, until).join('\n') });
      i = until + 1;
      continue;
    }
    const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
    if (heading !== null) {
      const level = Math.min(3, (heading[1] as string).length) as 1 | 2 | 3;
      blocks.push({ kind: 'heading', level, inside: parseInline(heading[2] as string) });
      i += 1;
      continue;
    }
    if (/^\s{0,3}([-*_])(\s*\1){2,}\s*$/.test(line)) {
      blocks.push({ kind: 'rule' });
      i += 1;
      continue;
    }
    if (/^\s{0,3}>/.test(line) && depth < DEPTH_MAX) {
      const from = i;
      while (i < lines.length && /^\s{0,3}>/.test(lines[i] as string)) i += 1;
      const inner = lines.slice(from, i).map((one) => one.replace(/^\s{0,3}>\s?/, ''));
      blocks.push({ kind: 'quote', blocks: blocksOf(inner, depth + 1) });
      continue;
    }
    if (ITEM.test(line)) {
      const from = i;
      while (i < lines.length && (ITEM.test(lines[i] as string) || /^\s{2,}\S/.test(lines[i] as string)))
        i += 1;
      blocks.push(listOf(lines.slice(from, i), depth));
      continue;
    }
    const from = i;
    i += 1;
    while (i < lines.length && !begins(lines[i] as string)) i += 1;
    blocks.push({ kind: 'words', inside: parseInline(lines.slice(from, i).join('\n')) });
  }
  return blocks;
}

/** Whether a line ends the paragraph before it. */
function begins(line: string): boolean {
  return (
    line.trim() === '' ||
    /^\s*```|^#{1,6}\s|^\s{0,3}>/.test(line) ||
    ITEM.test(line) ||
    /^\s{0,3}([-*_])(\s*\1){2,}\s*$/.test(line)
  );
}

function listOf(lines: readonly string[], depth: number): Block {
  const first = ITEM.exec(lines[0] as string) as RegExpExecArray;
  const indent = (first[1] as string).length;
  const ordered = first[3] !== undefined;
  const items: Item[] = [];
  for (let i = 0; i < lines.length;) {
    const found = ITEM.exec(lines[i] as string);
    const deeper = found !== null && (found[1] as string).length >= indent + 2 && items.length > 0;
    if (found !== null && !deeper) {
      const text = found[4] as string;
      const box = /^\[([ xX])\]\s+/.exec(text);
      const inside = parseInline(box === null ? text : text.slice(box[0].length));
      items.push({ done: box === null ? null : box[1] !== ' ', inside, list: null });
      i += 1;
      continue;
    }
    const item = items.at(-1) as Item;
    if (deeper && depth < DEPTH_MAX) {
      const from = i;
      while (i < lines.length && /^\s/.test(lines[i] as string) && leadOf(lines[i] as string) >= indent + 2)
        i += 1;
      item.list = listOf(lines.slice(from, i), depth + 1);
      continue;
    }
    item.inside.push({ kind: 'text', text: ` ${(lines[i] as string).trim()}` });
    i += 1;
  }
  return { kind: 'list', ordered, start: ordered ? Number(first[3]) : 1, items };
}

const leadOf = (line: string): number => line.length - line.trimStart().length;

/** What may stand in a link: a page of this hub, another site, a letter, a call. */
export function linkOf(href: string): { href: string; own: boolean } | null {
  const word = href.trim();
  // A browser reads a backslash or a control character in an address as something else than it looks.
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u0020\\]/.test(word)) return null;
  if (/^(\/(?!\/)|#)/.test(word)) return { href: word, own: true };
  return /^(https?:\/\/|mailto:|tel:)\S/i.test(word) ? { href: word, own: false } : null;
}

type Rule = [pattern: RegExp, make: (found: RegExpExecArray, depth: number) => Inline | null];

const RULES: Rule[] = [
  [/\\([\\`*_{}[\]()#+\-.!~>])/y, ([, c]) => ({ kind: 'text', text: c as string })],
  [/`([^`\n]+)`/y, ([, text]) => ({ kind: 'code', text: text as string })],
  [/\{\{\s*(\d{1,2})\s*\}\}/y, ([, n]) => (n === '0' ? null : { kind: 'value', index: Number(n) - 1 })],
  [
    /\[([^\]\n]{1,500})\]\(([^()\s]{1,2000})\)/y,
    ([, words, address], depth) => {
      const link = linkOf(address as string);
      return link === null
        ? null
        : { kind: 'link', ...link, inside: parseInline(words as string, depth + 1) };
    },
  ],
  [
    /\*\*(?=\S)([^\n]*?\S)\*\*(?!\*)/y,
    ([, inner], depth) => ({ kind: 'strong', inside: parseInline(inner as string, depth + 1) }),
  ],
  [
    /~~(?=\S)([^\n]*?\S)~~/y,
    ([, inner], depth) => ({ kind: 'struck', inside: parseInline(inner as string, depth + 1) }),
  ],
  [
    /\*(?=[^\s*])([^*\n]*[^\s*])\*/y,
    ([, inner], depth) => ({ kind: 'slanted', inside: parseInline(inner as string, depth + 1) }),
  ],
  [
    /_(?=[^\s_])([^_\n]*[^\s_])_(?![A-Za-z0-9])/y,
    ([, inner], depth) => ({ kind: 'slanted', inside: parseInline(inner as string, depth + 1) }),
  ],
  [/(?: {2,}|\\)\n/y, () => ({ kind: 'break' })],
  [
    /https?:\/\/[^\s<>()[\]]{1,500}[^\s<>()[\].,;:!?]/y,
    ([href]) => ({ kind: 'link', href, own: false, inside: [{ kind: 'text', text: href }] }),
  ],
];

/** Characters at which anything but text can begin. */
const STARTS = new Set(['\\', '`', '{', '[', '*', '~', '_', ' ', 'h']);

export function parseInline(text: string, depth = 0): Inline[] {
  const pieces: Inline[] = [];
  let plain = '';
  const flush = (): void => {
    if (plain !== '') pieces.push({ kind: 'text', text: plain });
    plain = '';
  };
  for (let at = 0; at < text.length;) {
    const c = text[at] as string;
    const found =
      depth < DEPTH_MAX && STARTS.has(c) && !(c === '_' && /\w/.test(text[at - 1] ?? ''))
        ? matched(text, at, depth)
        : null;
    if (found === null) {
      plain += c === '\n' ? ' ' : c;
      at += 1;
      continue;
    }
    flush();
    pieces.push(found.piece);
    at += found.length;
  }
  flush();
  return pieces;
}

function matched(text: string, at: number, depth: number): { piece: Inline; length: number } | null {
  for (const [pattern, make] of RULES) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found === null) continue;
    const piece = make(found, depth);
    if (piece !== null) return { piece, length: found[0].length };
  }
  return null;
}
