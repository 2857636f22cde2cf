// Made-up devices for the components page. Part of the development build only.
import { DeviceCell } from '../hub/device.svelte';
import type { Session } from '../model/account';
import type { Found } from '../model/found';
import type { WearDay } from '../model/wear';
import type { DeviceView, Json, PropertyView } from '../model/types';

export function sampleSession(): Session {
  return {
    signed_in: true,
    kind: 'person',
    name: 'anna',
    role: 'admin',
    administers: true,
    read: ['#'],
    write: ['#'],
    deny: [],
    needs_setup: false,
    guest: { policy: 'off', kept: false },
    secure: false,
    https: null,
    expires: null,
  };
}

export function sampleProperty(view: Partial<PropertyView>): PropertyView {
  return {
    type: 'float',
    unit: null,
    min: null,
    max: null,
    step: null,
    options: null,
    access: ['read'],
    role: null,
    declared: true,
    value: null,
    target: null,
    time: new Date().toISOString(),
    via: 'mqtt',
    ...view,
  };
}

export function sampleDevice(view: Partial<DeviceView>): DeviceView {
  return {
    id: 'sample',
    name: view.id ?? 'Sample',
    room: null,
    model: null,
    icon: null,
    via: 'mqtt',
    demo: false,
    online: true,
    rejected: { count: 0, last: null },
    properties: {},
    ...view,
  };
}

const ASK = ['read', 'set'] as PropertyView['access'];

/** One property of every kind of control. */
export const everyControl: Record<string, PropertyView> = {
  temperature: sampleProperty({ value: 21.5, unit: '°C' }),
  power: sampleProperty({ type: 'bool', access: ASK, value: true }),
  brightness: sampleProperty({ type: 'int', access: ASK, value: 62, unit: '%', min: 0, max: 100 }),
  setpoint: sampleProperty({ access: ASK, value: 21, unit: '°C', step: 0.5 }),
  color: sampleProperty({ type: 'color', access: ASK, value: '#ff8800' }),
  mode: sampleProperty({ type: 'enum', access: ASK, value: 'auto', options: ['off', 'auto', 'eco'] }),
  effect: sampleProperty({
    type: 'enum',
    access: ASK,
    value: 'rainbow',
    options: ['none', 'rainbow', 'fire', 'ocean', 'sunrise'],
  }),
  message: sampleProperty({ type: 'string', access: ASK, value: 'Dinner at seven' }),
  ring: sampleProperty({ type: 'string', access: ['set', 'event'], value: 'press' }),
  config: sampleProperty({ type: 'json', access: ASK, value: { leds: 30, gamma: 2.2 } }),
};

/** The same property at each stage of a request. */
export function stages(): { name: string; device: DeviceCell }[] {
  const make = (view: Partial<PropertyView>): DeviceCell =>
    new DeviceCell(
      sampleDevice({
        properties: {
          power: sampleProperty({ type: 'bool', access: ASK, value: false, ...view }),
          brightness: sampleProperty({ type: 'int', access: ASK, value: 62, unit: '%', min: 0, max: 100 }),
        },
      }),
    );
  const asked = (after: (device: DeviceCell) => void): DeviceCell => {
    const device = make({});
    const values: Record<string, Json> = { power: true, brightness: 30 };
    for (const property of device.properties) property.sending(values[property.id] ?? null);
    after(device);
    return device;
  };
  const each = (device: DeviceCell, run: (property: DeviceCell['properties'][number]) => void): void =>
    device.properties.forEach(run);
  return [
    { name: 'idle', device: make({}) },
    { name: 'sending', device: asked(() => {}) },
    {
      name: 'pending',
      device: asked((d) => each(d, (p) => p.request && p.accepted(p.request, p.request.value, 0))),
    },
    {
      name: 'confirmed',
      device: asked((d) => each(d, (p) => p.request && p.report(p.request.value, null, null, false, 1))),
    },
    {
      name: 'refused',
      device: asked((d) =>
        each(
          d,
          (p) => p.request && p.refused(p.request, 'The value 130 is above the maximum 100. Send 0 to 100.'),
        ),
      ),
    },
    {
      name: 'unanswered',
      device: asked((d) =>
        each(d, (p) => {
          if (p.request)
            p.request = { ...p.request, phase: 'unanswered', reason: 'The device did not confirm it.' };
        }),
      ),
    },
  ];
}

/** A hub that remembers a day of whatever it is asked for. */
export function sampleHistory(url: string): Promise<Response> {
  const asked = new URL(url, location.href);
  const from = Date.parse(asked.searchParams.get('from') ?? '');
  const to = Date.parse(asked.searchParams.get('to') ?? '');
  const keys = asked.searchParams.get('series')?.split(',') ?? [
    asked.pathname.split('/').slice(3, 5).join('/'),
  ];
  const series = keys.map((key) => {
    const [device, property = ''] = key.split('/');
    const base = {
      device,
      property,
      unit: null,
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
    };
    const times = Array.from({ length: 90 }, (_, i) => from + ((i + 0.5) / 90) * (to - from));
    const at = (time: number, i: number): number =>
      18 + property.length / 4 + 3 * Math.sin(time / 7e6) + (i % 5) / 4;
    if (property === 'door')
      return { ...base, type: 'bool', raw: true, points: times.map((time, i) => [iso(time), i % 13 < 4]) };
    const points = times.filter((_, i) => i < 40 || i > 52).map((time, i) => [iso(time), at(time, i)]);
    return { ...base, type: 'float', raw: true, points };
  });
  return Promise.resolve(Response.json(keys.length === 1 ? series[0] : { series }));
}

const iso = (time: number): string => new Date(time).toISOString();

export function sampleDays(): WearDay[] {
  return Array.from({ length: 12 }, (_, i) => {
    const log = 9e6 + 2e6 * Math.sin(i);
    const day = iso(Date.now() - i * 86_400_000).slice(0, 10);
    return { day, bytes: log + 5e6, log, chunks: 3e6, database: 5e6, points: 400_000 };
  });
}

export function sampleFound(): Found {
  const property = { label: null, unit: null, role: null, options: null, min: null, max: null, step: null };
  return {
    id: 'ha-sample',
    source: 'homeassistant',
    also: ['mdns'],
    name: 'Kitchen spots',
    manufacturer: 'Acme',
    model: 'Spot 3',
    sw_version: '1.2.3',
    hw_version: null,
    area: 'Kitchen',
    via: null,
    url: 'http://192.0.2.7/',
    addresses: [],
    properties: [
      {
        ...property,
        name: 'power',
        type: 'bool',
        access: ['read', 'set'],
        component: 'light',
        category: null,
        value: true,
      },
      {
        ...property,
        name: 'level',
        type: 'int',
        unit: '%',
        access: ['read', 'set'],
        component: 'light',
        category: null,
        value: 62,
      },
      {
        ...property,
        name: 'rssi',
        type: 'int',
        unit: 'dBm',
        access: ['read'],
        component: 'sensor',
        category: 'diagnostic',
        value: null,
      },
    ],
    state: 'new',
    device: null,
    ghost: true,
    announced_by: {
      client: 'spots',
      user: 'spots',
      topic: 'homeassistant/device/spots/config',
      retained: true,
    },
    topics: { read: ['spots/state'], write: ['spots/set'] },
    problems: ['The template of “speed” uses a filter that is not known here. The value is left out.'],
    first_seen: iso(Date.now()),
    last_seen: iso(Date.now()),
  };
}
