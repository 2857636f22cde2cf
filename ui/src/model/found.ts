// Devices that announced themselves: the shapes of the API, and the rules the page draws from them.
import type { Access, Json, PropertyType } from './types';

export type Source = 'homeassistant' | 'tasmota' | 'zigbee2mqtt' | 'homie' | 'mdns';
/** `gone`: adopted and no longer announced. `removed`: not offered until its sender is heard again. */
export type FoundState = 'new' | 'adopted' | 'ignored' | 'removed' | 'gone';

export interface FoundProperty {
  name: string;
  label: string | null;
  type: PropertyType;
  unit: string | null;
  role: string | null;
  access: Access[];
  options: string[] | null;
  min: number | null;
  max: number | null;
  step: number | null;
  component: string | null;
  category: 'config' | 'diagnostic' | null;
  /** The device says that few people want to see it. */
  hidden?: boolean;
  value: Json;
}

export interface Found {
  id: string;
  source: Source;
  also: Source[];
  name: string | null;
  manufacturer: string | null;
  model: string | null;
  sw_version: string | null;
  hw_version: string | null;
  area: string | null;
  /** The id of the one through which it is reached. */
  via: string | null;
  /** Its own page. */
  url: string | null;
  addresses: string[];
  properties: FoundProperty[];
  state: FoundState;
  /** The device here that it became. */
  device: string | null;
  /** Announced by a stored message only: nobody knows whether its sender is still there. */
  ghost: boolean;
  announced_by: { client: string | null; user: string | null; topic: string; retained: boolean } | null;
  /** Of the device itself, read and written for it. */
  topics: { read: string[]; write: string[] };
  problems: string[];
  first_seen: string;
  last_seen: string;
}

export interface DiscoverySettings {
  enabled: boolean;
  adopt: 'ask' | 'automatic';
  homeassistant_prefix: string;
  zigbee2mqtt_base: string;
  /** Our own devices are announced to Home Assistant. */
  announce: boolean;
  /** Read only. */
  mdns?: boolean;
  /** Of our own devices those that are not; read only. Absent before the hub could tell. */
  unannounced?: string[];
}

/** A name to show: its own, or what stands for one. */
export function titleOf({ name, model, id }: Pick<Found, 'name' | 'model' | 'id'>): string {
  return name ?? model ?? id;
}

/** Maker and model in one line, without saying either twice. */
export function makeOf({ manufacturer, model }: Pick<Found, 'manufacturer' | 'model'>): string | null {
  if (manufacturer === null || model === null) return manufacturer ?? model;
  return model.toLowerCase().startsWith(manufacturer.toLowerCase()) ? model : `${manufacturer} ${model}`;
}

const SHOWN = 3;

/** The first few names, and how many more there are. */
export function someNames(found: readonly Found[]): { names: string[]; more: number } {
  const names = found.slice(0, SHOWN).map(titleOf);
  return { names, more: found.length - names.length };
}

/** An address that a link may lead to: nothing but http and https. */
export function safeUrl(url: string | null): string | null {
  if (url === null || !URL.canParse(url)) return null;
  return /^https?:$/.test(new URL(url).protocol) ? url : null;
}
