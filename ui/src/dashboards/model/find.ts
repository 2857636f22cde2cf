// Finding properties among very many devices, by words of their names. Stops as soon as the list is full, so that what it costs is
// bounded by what is shown and by one look at each device's name.
import { humanise } from '../../model/format';
import type { AProperty } from './rooms';

export interface Findable<P extends AProperty = AProperty> {
  id: string;
  name: string;
  room: string | null;
  properties: readonly P[];
}

export interface Found<D extends Findable> {
  hits: { device: D; property: D['properties'][number]; key: string }[];
  /** There are more than are shown. */
  more: boolean;
}

export function find<D extends Findable>(
  devices: Iterable<D>,
  query: string,
  fits: (property: D['properties'][number]) => boolean,
  taken: (key: string) => boolean,
  most: number,
): Found<D> {
  const words = query
    .toLowerCase()
    .split(/[\s,]+/)
    .filter(Boolean);
  const hits: Found<D>['hits'] = [];
  for (const device of devices) {
    const about = `${device.name} ${device.room ?? ''} ${device.id}`.toLowerCase();
    // Words that the device does not answer to must be the property's.
    const open = words.filter((word) => !about.includes(word));
    for (const property of device.properties) {
      const key = `${device.id}/${property.id}`;
      if (open.length > 0) {
        const text = `${key} ${humanise(property.id)}`.toLowerCase();
        if (!open.every((word) => text.includes(word))) continue;
      }
      if (!fits(property) || taken(key)) continue;
      if (hits.length >= most) return { hits, more: true };
      hits.push({ device, property, key });
    }
  }
  return { hits, more: false };
}
