// Made-up devices for the components page. Part of the development build only.
import { DeviceCell } from '../hub/device.svelte';
import type { Session } from '../model/account';
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
