// A dashboard made of what the house has: a tab for each room, its devices in order, a widget for each value that matters. Which kind of
// widget shows what is decided by what a kind says of itself, so that new kinds need nothing here but a place in the order.
import { humanise } from '../../model/format';
import { groupByRoom, isDiagnostic } from '../../model/layout';
import type { PropertyMeta } from '../../model/types';
import { controlOf } from '../../model/value';
import type { Dashboard, Place, Widget, WidgetKind } from '../types';
import { TABS_MAX, TITLE_MAX, WIDGETS_MAX } from './file';
import { COLUMNS, firstFree, rowsOf } from './layout';

export interface AProperty {
  id: string;
  meta: PropertyMeta;
}

export interface ADevice {
  id: string;
  name: string;
  room: string | null;
  properties: readonly AProperty[];
}

/** Most fitting first. */
const CONTROLS: Record<string, readonly string[]> = {
  toggle: ['switch', 'button'],
  slider: ['slider', 'stepper', 'number'],
  stepper: ['stepper', 'number', 'slider'],
  segmented: ['segmented', 'select'],
  select: ['select', 'segmented'],
  color: ['light', 'color', 'rgb'],
  text: ['text', 'text-input'],
  event: ['button'],
};
const SHOWS: Record<string, readonly string[]> = {
  bool: ['led', 'value'],
  int: ['value', 'label'],
  float: ['value', 'label'],
  enum: ['value', 'label'],
  string: ['value', 'label', 'text'],
  color: ['value', 'led'],
};
/** Of a device whose properties are many, so many are enough to begin with. */
const PER_DEVICE = 8;

/** More than this is divided into tabs. */
const ONE_PAGE_MAX = 48;

/** Whether widgets of this kind can show this property. */
export function fits(kind: WidgetKind, meta: Pick<PropertyMeta, 'type' | 'access'>): boolean {
  const { types, settable, max } = kind.sources;
  if (max === 0) return false;
  if (types !== null && !types.includes(meta.type)) return false;
  return !settable || meta.access.includes('set');
}

/** The kind that shows a property best, of those there are. */
export function kindFor(property: AProperty, kinds: readonly WidgetKind[]): WidgetKind | null {
  const control = controlOf(property.meta);
  const wanted = control === null ? SHOWS[property.meta.type] : CONTROLS[control];
  for (const name of wanted ?? []) {
    const kind = kinds.find((one) => one.kind === name && one.sources.min <= 1 && fits(one, property.meta));
    if (kind !== undefined) return kind;
  }
  return null;
}

export function fallbacks(kind: WidgetKind): Widget['options'] {
  return Object.fromEntries(kind.fields.map(({ key, fallback }) => [key, fallback]));
}

export interface Made {
  dashboard: Dashboard;
  /** Values for which there was no room. */
  left: number;
}

export function fromDevices(
  devices: Iterable<ADevice>,
  kinds: readonly WidgetKind[],
  words: { title: string; noRoom: string; rest: string },
): Made {
  const rooms = groupByRoom(devices).map(({ name, devices: inRoom }) => ({
    name: name ?? words.noRoom,
    shown: inRoom.map((device) => ({ device, values: valuesOf(device, kinds) })),
  }));
  const count = rooms.reduce(
    (sum, { shown }) => sum + shown.reduce((n, { values }) => n + values.length, 0),
    0,
  );
  const heading = kinds.find(({ kind, sources }) => kind === 'note' && sources.min === 0);
  // What fits on one page stays on one, under headings.
  const onePage = rooms.length <= 1 || (count <= ONE_PAGE_MAX && heading !== undefined);
  const tabs = onePage
    ? []
    : tabsOf(
        rooms.map(({ name }) => name),
        words.rest,
      );
  const widgets: Widget[] = [];
  const taken = new Map<string | undefined, Place[]>();
  let left = 0;
  const add = (kind: WidgetKind, desktop: Place, more: Partial<Widget>, tab: string | undefined): void => {
    taken.get(tab)?.push(desktop);
    widgets.push({
      id: `w${widgets.length + 1}`,
      kind: kind.kind,
      title: null,
      at: { desktop, phone: null },
      sources: [],
      options: fallbacks(kind),
      ...(tab === undefined ? {} : { tab }),
      ...more,
    });
  };
  rooms.forEach(({ name, shown }, index) => {
    const tab = tabs[Math.min(index, tabs.length - 1)];
    const places = taken.get(tab) ?? [];
    taken.set(tab, places);
    if (shown.every(({ values }) => values.length === 0)) return;
    if (onePage && rooms.length > 1 && heading !== undefined && widgets.length < WIDGETS_MAX) {
      const options = { ...fallbacks(heading), text: `## ${name}` };
      add(heading, { x: 0, y: rowsOf(places), w: COLUMNS.desktop, h: 1 }, { options }, tab);
    }
    const from = rowsOf(places);
    for (const { device, values } of shown) {
      values.forEach(({ property, kind }, n) => {
        if (widgets.length >= WIDGETS_MAX || n >= PER_DEVICE) {
          left += 1;
          return;
        }
        const place = firstFree(places, kind.size, COLUMNS.desktop, from);
        add(kind, place, { sources: [{ property: `${device.id}/${property.id}` }] }, tab);
      });
    }
  });
  const dashboard: Dashboard = {
    id: '',
    title: words.title,
    icon: null,
    owner: null,
    others: 'see',
    tabs,
    widgets,
  };
  return { dashboard, left };
}

/** What a device says of itself is left out, unless it says nothing else. */
function valuesOf(
  device: ADevice,
  kinds: readonly WidgetKind[],
): { property: AProperty; kind: WidgetKind }[] {
  const matters = device.properties.filter(({ id, meta }) => !isDiagnostic(id, meta));
  return (matters.length > 0 ? matters : device.properties).flatMap((property) => {
    const kind = kindFor(property, kinds);
    return kind === null ? [] : [{ property, kind }];
  });
}

/** One room needs no tab; of very many the last tab holds the rest. */
function tabsOf(names: readonly string[], rest: string): string[] {
  if (names.length <= 1) return [];
  const unique: string[] = [];
  for (const name of names.slice(0, TABS_MAX)) {
    const short = name.slice(0, TITLE_MAX);
    let free = short;
    for (let n = 2; unique.includes(free); n += 1) free = `${short} ${n}`;
    unique.push(free);
  }
  if (names.length > TABS_MAX) unique[TABS_MAX - 1] = rest;
  return unique;
}

/** "Lamp, Power" for a property that may not be there. */
export function nameFor(property: string, devices: (id: string) => { name: string } | undefined): string {
  const [device = '', name = ''] = property.split('/');
  return `${devices(device)?.name ?? device}, ${humanise(name)}`;
}
