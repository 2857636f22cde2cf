// What there is to say of a whole house: what goes on in each room, and what needs somebody.
import type { PropertyMeta, Json } from '../../../model/types';
import { asNumber } from './values';

/** A device as far as these summaries look at it. */
export interface Seen {
  id: string;
  name: string;
  room: string | null;
  online: boolean;
  rejected: { count: number; last: { reason: string; time: string | null } | null };
  lastReport: string | null;
  properties: readonly { id: string; meta: PropertyMeta; value: Json }[];
}

export interface RoomSummary {
  name: string | null;
  devices: number;
  offline: number;
  /** Means of what reports; null where nothing does. */
  temperature: { value: number; unit: string } | null;
  humidity: number | null;
  lights: number;
  open: number;
  motion: boolean;
}

const LIGHT = /lamp|light|bulb|led|strip|licht/i;
const OPENING = /^(contact|door|window|opening|garage)/;

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;

const isLight = (device: Seen): boolean =>
  LIGHT.test(`${device.id} ${device.name}`) ||
  device.properties.some(({ id, meta }) => meta.type === 'color' || /^bright/.test(id));

/** One room's devices. What is offline is counted, and its values are not. */
export function summarise(name: string | null, devices: readonly Seen[]): RoomSummary {
  const online = devices.filter((device) => device.online);
  const all = online.flatMap((device) => device.properties);
  const role = ({ id, meta }: { id: string; meta: PropertyMeta }): string => (meta.role ?? id).toLowerCase();
  const temperatures = all.filter(
    (one) => /^temp/.test(role(one)) && !one.meta.access.includes('set') && typeof one.value === 'number',
  );
  const unit = temperatures[0]?.meta.unit ?? '°C';
  const warm = mean(
    temperatures.filter(({ meta }) => (meta.unit ?? '°C') === unit).map(({ value }) => value as number),
  );
  const damp = mean(
    all.flatMap((one) => (/^hum/.test(role(one)) && typeof one.value === 'number' ? [one.value] : [])),
  );
  const lit = online.filter(
    (device) =>
      isLight(device) &&
      device.properties.some(
        ({ id, meta, value }) => meta.type === 'bool' && /^(power|on|state)$/.test(id) && value === true,
      ),
  );
  return {
    name,
    devices: devices.length,
    offline: devices.length - online.length,
    temperature: warm === null ? null : { value: warm, unit },
    humidity: damp,
    lights: lit.length,
    open: all.filter((one) => one.meta.type === 'bool' && OPENING.test(role(one)) && one.value === true)
      .length,
    motion: all.some(
      (one) =>
        one.meta.type === 'bool' && /^(motion|presence|occupancy)/.test(role(one)) && one.value === true,
    ),
  };
}

/** How far what is seen of the house may be believed. */
export type Known = 'loading' | 'failed' | 'old' | 'known';

export function knownAs(hub: {
  ready: boolean;
  old: number | null;
  problem: unknown;
  link: { state: string };
}): Known {
  if (!hub.ready) return hub.problem === null ? 'loading' : 'failed';
  return hub.old === null && hub.problem === null && hub.link.state === 'live' ? 'known' : 'old';
}

export interface Alert {
  /** Stays the same while the same thing is wrong. */
  key: string;
  kind: 'offline' | 'battery' | 'rejected' | 'told';
  tone: 'warn' | 'bad';
  device: string | null;
  name: string;
  /** Percent of a battery. */
  level: number | null;
  count: number;
  text: string | null;
  time: string | null;
}

/** What needs somebody, the worst first. */
export function alertsOf(devices: readonly Seen[], batteryBelow: number): Alert[] {
  const alerts: Alert[] = [];
  for (const device of devices) {
    const about = { device: device.id, name: device.name, level: null, count: 0, text: null };
    if (!device.online)
      alerts.push({
        ...about,
        key: `offline ${device.id}`,
        kind: 'offline',
        tone: 'warn',
        time: device.lastReport,
      });
    const battery = device.properties.find(({ id, meta }) =>
      /^battery(_?(level|percent))?$/.test(meta.role ?? id),
    );
    const level = battery === undefined || battery.meta.type === 'bool' ? null : asNumber(battery.value);
    if (level !== null && level >= 0 && level < batteryBelow)
      alerts.push({
        ...about,
        key: `battery ${device.id}`,
        kind: 'battery',
        tone: level < batteryBelow / 2 ? 'bad' : 'warn',
        level,
        time: null,
      });
    if (device.rejected.count > 0)
      alerts.push({
        ...about,
        key: `rejected ${device.id}`,
        kind: 'rejected',
        tone: 'warn',
        count: device.rejected.count,
        text: device.rejected.last?.reason ?? null,
        time: device.rejected.last?.time ?? null,
      });
  }
  const rank = { bad: 0, warn: 1 };
  return alerts.sort((a, b) => rank[a.tone] - rank[b.tone] || (b.time ?? '').localeCompare(a.time ?? ''));
}

const TOLD_MAX = 100;

/** The hub's own notifications, in whatever of the usual shapes they come; what is none is left out. */
export function toldAlerts(answer: Json): Alert[] {
  const list = Array.isArray(answer)
    ? answer
    : answer !== null && typeof answer === 'object'
      ? answer['notifications']
      : null;
  if (!Array.isArray(list)) return [];
  return list.slice(0, TOLD_MAX).flatMap((one, i): Alert[] => {
    if (one === null || typeof one !== 'object' || Array.isArray(one)) return [];
    const words = (...names: string[]): string | null => {
      const found = names.map((name) => one[name]).find((value) => typeof value === 'string' && value !== '');
      return typeof found === 'string' ? found.slice(0, 500) : null;
    };
    const title = words('title', 'text', 'message', 'what');
    if (title === null) return [];
    const text = words('body', 'message', 'text', 'next');
    return [
      {
        key: `told ${words('id') ?? (typeof one['id'] === 'number' ? String(one['id']) : String(i))}`,
        kind: 'told',
        tone: /error|bad|alarm|critical/.test(words('level', 'tone', 'severity', 'kind') ?? '')
          ? 'bad'
          : 'warn',
        device: words('device'),
        name: title,
        level: null,
        count: 0,
        text: text === title ? null : text,
        time: words('time', 'at', 'created'),
      },
    ];
  });
}
