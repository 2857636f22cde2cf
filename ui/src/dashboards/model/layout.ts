// Where widgets stand: cells of a grid, without overlap. Pure; what is drawn and how it is moved by hand is the grid's business.
//
// Nothing moves that nobody moved, except what is in the way: it is pushed down, as far as it must. There is no gravity, so that a gap
// that was left on purpose stays; `tidy` closes them when somebody asks.
import type { Dashboard, Place, Screen, Widget } from '../types';

export const COLUMNS: Record<Screen, number> = { desktop: 12, phone: 4 };
export const ROW_PX = 40;
export const GAP_PX = 8;
/** Further down than anybody scrolls; the hub has the same bound. */
export const ROWS_MAX = 10_000;

/** Places by widget id. */
export type Places = ReadonlyMap<string, Place>;

/** The least a widget may be, in cells of a desktop. */
export interface Least {
  minW: number;
  minH: number;
}

export const LEAST: Least = { minW: 1, minH: 1 };

export function overlaps(a: Place, b: Place): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

export function samePlace(a: Place, b: Place): boolean {
  return a.x === b.x && a.y === b.y && a.w === b.w && a.h === b.h;
}

/** Into the grid, and not smaller than it may be. */
export function clamp(place: Place, columns: number, least: Least = LEAST): Place {
  const within = (value: number, low: number, high: number): number =>
    Math.min(Math.max(Math.round(Number.isFinite(value) ? value : low), low), high);
  const minW = Math.min(least.minW, columns);
  const w = within(place.w, minW, columns);
  const h = within(place.h, least.minH, ROWS_MAX);
  return { x: within(place.x, 0, columns - w), y: within(place.y, 0, ROWS_MAX - h), w, h };
}

/** From top to bottom, and from left to right within a row: the order in which one reads. */
export function reading(places: Places): [string, Place][] {
  return [...places].sort(([, a], [, b]) => a.y - b.y || a.x - b.x);
}

/** Puts one where somebody wants it. What is in its way moves down; the others stay. */
export function put(places: Places, id: string, wanted: Place): Map<string, Place> {
  const rest = new Map(places);
  rest.delete(id);
  const settled: Place[] = [wanted];
  const moved = new Map<string, Place>();
  for (const [other, place] of reading(rest)) {
    const free = below(place, settled);
    settled.push(free);
    moved.set(other, free);
  }
  // The order of the map stays, as it is the order of drawing.
  const result = new Map<string, Place>();
  for (const key of places.keys()) result.set(key, key === id ? wanted : (moved.get(key) as Place));
  if (!result.has(id)) result.set(id, wanted);
  return result;
}

/** The first place at or below this one, in the same columns, where nothing is. */
function below(place: Place, taken: readonly Place[]): Place {
  let free = place;
  for (;;) {
    const hit = taken.find((other) => overlaps(free, other));
    if (hit === undefined) return free;
    free = { ...free, y: hit.y + hit.h };
  }
}

/** The first free place of this size, from the top. */
export function firstFree(
  taken: Iterable<Place>,
  size: { w: number; h: number },
  columns: number,
  from = 0,
): Place {
  const all = [...taken];
  const w = Math.min(size.w, columns);
  const end = rowsOf(all);
  for (let y = from; y < end; y += 1) {
    for (let x = 0; x + w <= columns; x += 1) {
      const place = { x, y, w, h: size.h };
      if (!all.some((other) => overlaps(place, other))) return place;
    }
  }
  return { x: 0, y: Math.max(from, end), w, h: size.h };
}

/** Rows in use. */
export function rowsOf(places: Iterable<Place>): number {
  let rows = 0;
  for (const { y, h } of places) rows = Math.max(rows, y + h);
  return rows;
}

/** Closes the gaps: each as far up as it goes, in reading order. */
export function tidy(places: Places): Map<string, Place> {
  const settled: Place[] = [];
  const result = new Map<string, Place>();
  for (const [id, place] of reading(places)) {
    let up = { ...place };
    while (up.y > 0 && !settled.some((other) => overlaps({ ...up, y: up.y - 1 }, other))) up.y -= 1;
    up = below(up, settled);
    settled.push(up);
    result.set(id, up);
  }
  return result;
}

/** What was read from a file or an older page: inside of the grid, and nothing over anything else. */
export function settle(
  places: Places,
  columns: number,
  least: (id: string) => Least = () => LEAST,
): Map<string, Place> {
  const settled: Place[] = [];
  const result = new Map<string, Place>();
  for (const [id, place] of reading(places)) {
    const free = below(clamp(place, columns, least(id)), settled);
    settled.push(free);
    result.set(id, free);
  }
  return result;
}

/** The tab a widget stands on: its own if there is one of that name, else the first. */
export function tabOf(widget: Pick<Widget, 'tab'>, tabs: readonly string[]): string | undefined {
  return widget.tab !== undefined && tabs.includes(widget.tab) ? widget.tab : tabs[0];
}

export function onTab(dashboard: Pick<Dashboard, 'tabs' | 'widgets'>, tab: string | undefined): Widget[] {
  const { tabs, widgets } = dashboard;
  return tabs.length === 0 ? [...widgets] : widgets.filter((widget) => tabOf(widget, tabs) === tab);
}

/** Where these widgets stand on a screen. Those without a place of their own on a phone get one made of the desktop's. */
export function placesOn(
  screen: Screen,
  widgets: readonly Widget[],
  least: (kind: string) => Least = () => LEAST,
): Map<string, Place> {
  const kinds = new Map(widgets.map((widget) => [widget.id, widget.kind]));
  const leastOf = (id: string): Least => least(kinds.get(id) ?? '');
  const own = new Map<string, Place>();
  for (const widget of widgets) {
    const place = screen === 'desktop' ? widget.at.desktop : widget.at.phone;
    if (place !== null) own.set(widget.id, place);
  }
  const placed = settle(own, COLUMNS[screen], screen === 'desktop' ? leastOf : () => LEAST);
  if (screen === 'phone') fillPhone(widgets, placed, leastOf);
  return new Map(widgets.map(({ id }) => [id, placed.get(id) as Place]));
}

/** In the order of the desktop, below what has its own place: two beside each other if they are narrow, the odd one over the whole line, and no holes. */
function fillPhone(
  widgets: readonly Widget[],
  placed: Map<string, Place>,
  leastOf: (id: string) => Least,
): void {
  const missing = widgets.filter((widget) => widget.at.phone === null);
  const order = reading(new Map(missing.map((widget) => [widget.id, widget.at.desktop])));
  const halves: string[] = [];
  const narrow = order.map(([id, { w }]) => w <= 3 && leastOf(id).minW <= 2);
  let from = rowsOf(placed.values());
  let side = 0;
  order.forEach(([id, { h }], n) => {
    const half = narrow[n] === true && (side === 1 || narrow[n + 1] === true);
    side = half ? 1 - side : 0;
    const place = firstFree(placed.values(), { w: half ? 2 : COLUMNS.phone, h }, COLUMNS.phone, from);
    placed.set(id, place);
    if (half) halves.push(id);
    // Never above what comes before: a phone is read from top to bottom.
    from = place.y;
  });
  // A low one beside a high one leaves a hole: where that is no larger than itself, it grows into it.
  for (const id of halves) {
    const place = placed.get(id) as Place;
    const rest = [...placed].filter(([other]) => other !== id).map(([, other]) => other);
    const foot = place.y + place.h;
    const beside = rest.find(({ y, h }) => y < foot && y + h > foot);
    if (beside === undefined || beside.y + beside.h - foot > place.h) continue;
    const grown = { ...place, h: beside.y + beside.h - place.y };
    if (!rest.some((other) => overlaps(grown, other))) placed.set(id, grown);
  }
}

/** Writes places back; widgets whose place is as it was stay the same objects. */
export function withPlaces(widgets: readonly Widget[], screen: Screen, places: Places): Widget[] {
  return widgets.map((widget) => {
    const place = places.get(widget.id);
    if (place === undefined) return widget;
    const before = screen === 'desktop' ? widget.at.desktop : widget.at.phone;
    if (before !== null && samePlace(before, place)) return widget;
    const at = screen === 'desktop' ? { ...widget.at, desktop: place } : { ...widget.at, phone: place };
    return { ...widget, at };
  });
}

/** Pixels of a place in a grid of this width. */
export function pixels(place: Place, columns: number, width_px: number): { width: number; height: number } {
  const column = (width_px - GAP_PX * (columns - 1)) / columns;
  return {
    width: Math.max(0, column * place.w + GAP_PX * (place.w - 1)),
    height: ROW_PX * place.h + GAP_PX * (place.h - 1),
  };
}

/** How many cells a move of so many pixels is. */
export function cells(moved_px: number, cell_px: number): number {
  return Math.round(moved_px / (cell_px + GAP_PX));
}
