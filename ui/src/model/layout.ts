// What comes first: the order of properties on a card, and of devices and rooms on Home. Decided by
// what things are, never by what they say at the moment, so that nothing moves while values change.
import { locale } from '../language';
import type { PropertyMeta } from './types';
import { controlOf } from './value';

/** Names and roles of what a device says about itself rather than about the house. */
const DIAGNOSTIC =
  /^(battery|rssi|signal|uptime|firmware|version|ip|mac|heap|free_heap|voltage|link|linkquality)/;
/** What people look for first, in this order. */
const FIRST = [
  /^temp/,
  /^(humidity|co2|motion|presence|occupancy|contact|door|window|lux|illuminance)/,
  /^(power|load|energy)/,
];

export function isDiagnostic(id: string, meta: PropertyMeta): boolean {
  return DIAGNOSTIC.test(meta.role ?? id);
}

/** Smaller comes first: values to read, then switches, then the finer controls, diagnostics last. */
export function propertyRank(id: string, meta: PropertyMeta): number {
  if (isDiagnostic(id, meta)) return 90;
  switch (controlOf(meta)) {
    case 'toggle':
      return id === 'power' || id === 'on' || meta.role === 'power' ? 10 : 30;
    case 'event':
      return 20;
    case 'slider':
    case 'stepper':
      return 40;
    case 'color':
      return 50;
    case 'segmented':
    case 'select':
      return 60;
    case 'text':
      return 70;
    case 'json':
    case 'bytes':
      return 80;
    case null:
      break;
  }
  if (meta.type === 'json' || meta.type === 'bytes') return 80;
  const first = FIRST.findIndex((pattern) => pattern.test(meta.role ?? id) || pattern.test(id));
  if (first >= 0) return first;
  return meta.type === 'string' ? 5 : 4;
}

export interface Ranked {
  id: string;
  meta: PropertyMeta;
}

export function orderProperties<T extends Ranked>(properties: Iterable<T>): T[] {
  return [...properties].sort(
    (a, b) => propertyRank(a.id, a.meta) - propertyRank(b.id, b.meta) || compareText(a.id, b.id),
  );
}

const collator = new Intl.Collator(locale, { numeric: true, sensitivity: 'base' });

export function compareText(a: string, b: string): number {
  return collator.compare(a, b);
}

export interface Room<T> {
  /** null holds the devices without a room, and comes last. */
  name: string | null;
  devices: T[];
}

export function groupByRoom<T extends { id: string; name: string; room: string | null }>(
  devices: Iterable<T>,
): Room<T>[] {
  const rooms = new Map<string | null, T[]>();
  for (const device of devices) {
    const list = rooms.get(device.room);
    if (list === undefined) rooms.set(device.room, [device]);
    else list.push(device);
  }
  const sorted = [...rooms].map(([name, list]) => ({
    name,
    devices: list.sort((a, b) => compareText(a.name, b.name) || compareText(a.id, b.id)),
  }));
  return sorted.sort((a, b) => {
    if (a.name === null || b.name === null) return a.name === b.name ? 0 : a.name === null ? 1 : -1;
    return compareText(a.name, b.name);
  });
}

/** Part of a room that lies side by side, `devices.length` columns wide. */
export interface Segment<T> {
  room: Room<T>;
  /** True for the part that carries the room's name. */
  first: boolean;
  devices: T[];
}

/** Lines of cards: small rooms share one, large rooms take several of their own. */
export function packRooms<T>(rooms: readonly Room<T>[], columns: number): Segment<T>[][] {
  const lines: Segment<T>[][] = [];
  let free = 0;
  for (const room of rooms) {
    for (let from = 0; from < room.devices.length; from += columns) {
      const devices = room.devices.slice(from, from + columns);
      const segment = { room, first: from === 0, devices };
      const last = lines.at(-1);
      if (last !== undefined && from === 0 && room.devices.length <= free) {
        last.push(segment);
        free -= devices.length;
      } else {
        lines.push([segment]);
        // A line that continues a room has no name above it, so nothing with a name fits beside it.
        free = from === 0 ? columns - devices.length : 0;
      }
    }
  }
  return lines;
}
