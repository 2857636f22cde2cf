// Which rows of the tree are there to be drawn: what is open, or what a search finds. And where the keys lead among them.
import { isFilter, matches } from '../model/filter';
import { trimmedText, hexOf } from './bytes';
import type { TopicNode } from './tree';

export interface Row {
  node: TopicNode;
  depth: number;
  /** Null for one without children. */
  open: boolean | null;
  /** Its place among its siblings that are shown, from 1, and how many those are. */
  place: number;
  siblings: number;
}

export type Test = (node: TopicNode) => boolean;

/** A house with fewer topics is shown whole. */
const SMALL_TOPICS = 100;

/** What is open: the first level, all of a small house, and what a person says. What was shown once does not close by itself. */
export class Openings {
  readonly #said = new Map<string, boolean>();

  isOpen(node: TopicNode, topics: number): boolean {
    let open = this.#said.get(node.topic);
    if (open === undefined) {
      open = node.depth === 0 || topics <= SMALL_TOPICS;
      this.#said.set(node.topic, open);
    }
    return open;
  }

  say(node: TopicNode, open: boolean): void {
    this.#said.set(node.topic, open);
  }

  /** All levels above it, so that it can be seen. */
  reveal(node: TopicNode): void {
    for (let at = node.parent; at !== null && at.depth >= 0; at = at.parent) this.say(at, true);
  }

  all(root: TopicNode, open: boolean): void {
    const walk = (node: TopicNode): void => {
      for (const child of node.children) {
        if (child.children.length === 0) continue;
        this.say(child, open);
        walk(child);
      }
    };
    walk(root);
  }
}

/** Rows in the order they are drawn. With a test, only topics that pass it and the levels above them, all open. */
export function rowsOf(root: TopicNode, openings: Openings, test: Test | null): Row[] {
  const rows: Row[] = [];
  const found = test === null ? null : new Set<TopicNode>();
  if (test !== null && found !== null) mark(root, test, found);
  const walk = (node: TopicNode): void => {
    const shown = node.children.filter((child) => child.topics > 0 && (found === null || found.has(child)));
    shown.forEach((child, i) => {
      const parent = child.children.some((inner) => inner.topics > 0);
      const open = parent ? found !== null || openings.isOpen(child, root.topics) : null;
      rows.push({ node: child, depth: child.depth, open, place: i + 1, siblings: shown.length });
      if (open) walk(child);
    });
  };
  walk(root);
  return rows;
}

function mark(node: TopicNode, test: Test, found: Set<TopicNode>): boolean {
  let any = node.isTopic && test(node);
  for (const child of node.children) if (mark(child, test, found)) any = true;
  if (any) found.add(node);
  return any;
}

export type SearchIn = 'topic' | 'payload';

/** A search for topics: a filter if it has wildcards, else a part of the topic in any case. */
export function testOf(words: string, where: SearchIn): Test | null {
  const wanted = words.trim();
  if (wanted === '') return null;
  if (where === 'topic' && /[+#]/.test(wanted) && isFilter(wanted))
    return (node) => matches(wanted, node.topic);
  const lower = wanted.toLowerCase();
  if (where === 'topic') return (node) => node.topic.toLowerCase().includes(lower);
  return (node) => {
    const bytes = node.last?.bytes;
    if (bytes === undefined) return false;
    const text = trimmedText(bytes) ?? hexOf(bytes);
    return text.toLowerCase().includes(lower);
  };
}

export type Step = { select: number } | { toggle: number; open: boolean } | null;

/** What an arrow key does in a tree, by the pattern of WAI-ARIA. */
export function stepOf(key: string, rows: readonly Row[], at: number, page: number): Step {
  const row = rows[at];
  const to = (index: number): Step =>
    rows.length === 0 ? null : { select: Math.min(rows.length - 1, Math.max(0, index)) };
  switch (key) {
    case 'ArrowDown':
      return to(row === undefined ? 0 : at + 1);
    case 'ArrowUp':
      return to(at - 1);
    case 'PageDown':
      return to(at + page);
    case 'PageUp':
      return to(at - page);
    case 'Home':
      return to(0);
    case 'End':
      return to(rows.length - 1);
    case 'ArrowRight':
      if (row === undefined || row.open === null) return null;
      return row.open ? to(at + 1) : { toggle: at, open: true };
    case 'ArrowLeft': {
      if (row === undefined) return null;
      if (row.open === true) return { toggle: at, open: false };
      let parent = at - 1;
      while (parent >= 0 && (rows[parent] as Row).depth >= row.depth) parent -= 1;
      return parent < 0 ? null : { select: parent };
    }
    default:
      return null;
  }
}
