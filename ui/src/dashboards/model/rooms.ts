// A dashboard made of what the house has: a tab for each room, its devices in order, a widget for each value that matters. Which kind of
// widget shows what is decided by what a kind says of itself, so that new kinds need nothing here but a place in the order.
import { humanise } from '../../model/format';
import { groupByRoom, isDiagnostic } from '../../model/layout';
import type { PropertyMeta } from '../../model/types';
import { controlOf } from '../../model/value';
import type { Dashboard, Place, Widget, WidgetKind } from '../types';
import { TABS_MAX, TITLE_MAX, WIDGETS_MAX } from './file';
import { COLUMNS, firstFree } from './layout';

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
  const rooms = groupByRoom(devices);
  const tabs = tabsOf(
    rooms.map(({ name }) => name ?? words.noRoom),
    words.rest,
  );
  const widgets: Widget[] = [];
  const taken = new Map<string | undefined, Place[]>();
  let left = 0;
  rooms.forEach((room, index) => {
    const tab = tabs[Math.min(index, tabs.length - 1)];
    const places = taken.get(tab) ?? [];
    taken.set(tab, places);
    for (const device of room.devices) {
      const matters = device.properties.filter(({ id, meta }) => !isDiagnostic(id, meta));
      const shown = (matters.length > 0 ? matters : device.properties).flatMap((property) => {
        const kind = kindFor(property, kinds);
        return kind === null ? [] : [{ property, kind }];
      });
      // A device begins below those before it, as far as there is no room beside them.
      const from = Math.max(0, ...places.map(({ y }) => y));
      shown.forEach(({ property, kind }, n) => {
        if (widgets.length >= WIDGETS_MAX || n >= PER_DEVICE) {
          left += 1;
          return;
        }
        const desktop = firstFree(places, kind.size, COLUMNS.desktop, from);
        places.push(desktop);
        widgets.push({
          id: `w${widgets.length + 1}`,
          kind: kind.kind,
          title: null,
          at: { desktop, phone: null },
          sources: [{ property: `${device.id}/${property.id}` }],
          options: fallbacks(kind),
          ...(tab === undefined ? {} : { tab }),
        });
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
