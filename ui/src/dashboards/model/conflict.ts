// Two people changed one dashboard: what each of them did to what both began with.
import type { Dashboard, Widget } from '../types';

export interface Difference {
  added: Widget[];
  removed: Widget[];
  /** As they are afterwards. */
  changed: Widget[];
  /** Title, icon, tabs, or who may see it. */
  frame: boolean;
}

const FRAME = ['title', 'icon', 'others', 'tabs'] as const;

export function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(ordered(a)) === JSON.stringify(ordered(b));
}

/** The hub need not keep the order of fields. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, ordered(inner)]),
  );
}

export function difference(before: Dashboard, after: Dashboard): Difference {
  const was = new Map(before.widgets.map((widget) => [widget.id, widget]));
  const is = new Map(after.widgets.map((widget) => [widget.id, widget]));
  return {
    added: after.widgets.filter(({ id }) => !was.has(id)),
    removed: before.widgets.filter(({ id }) => !is.has(id)),
    changed: after.widgets.filter((widget) => was.has(widget.id) && !same(was.get(widget.id), widget)),
    frame: FRAME.some((field) => !same(before[field], after[field])),
  };
}

export function isNothing({ added, removed, changed, frame }: Difference): boolean {
  return added.length + removed.length + changed.length === 0 && !frame;
}
