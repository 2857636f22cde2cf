// Made-up widgets for the page of widgets, one of each kind and each in its states. Part of the development build only.
import type { LiveSource, Widget } from '../dashboards/types';
import type { DeviceView, Json } from '../model/types';
import { everyControl, sampleDevice, sampleHistory, sampleProperty } from './samples';
import { FakeSource } from '../testing/source.svelte';

export interface Sample {
  name: string;
  kind: string;
  title: string;
  w: number;
  h: number;
  options: Record<string, Json>;
  sources: () => LiveSource[];
}

type Told = ConstructorParameters<typeof FakeSource>[0];
const of =
  (...told: Told[]) =>
  (): LiveSource[] =>
    told.map((one) => new FakeSource(one));

const power: Told = { property: 'lamp/power', name: 'Lamp, Power', type: 'bool', value: true };
const level: Told = {
  property: 'lamp/level',
  name: 'Lamp, Level',
  type: 'int',
  value: 62,
  min: 0,
  max: 100,
  unit: '%',
};
const heat: Told = {
  property: 'room/temperature',
  name: 'Room, Temperature',
  type: 'float',
  value: 21.4,
  unit: '°C',
  maySet: false,
};
const mode: Told = {
  property: 'fan/mode',
  name: 'Fan, Mode',
  type: 'enum',
  value: 'auto',
  options: ['off', 'auto', 'eco', 'boost'],
};
const color: Told = { property: 'strip/color', name: 'Strip, Colour', type: 'color', value: '#3b82f6' };

const sample = (
  kind: string,
  name: string,
  w: number,
  h: number,
  sources: () => LiveSource[],
  options: Record<string, Json> = {},
): Sample => ({ kind, name, title: name, w, h, options, sources });

/** As on a dashboard, one after the other. */
export const SAMPLES: Sample[] = [
  sample('button', 'Doorbell', 2, 2, of({ type: 'string', value: 'ring', property: 'bell/ring' }), {
    textOn: 'Ring',
  }),
  sample('button', 'Pump, held', 2, 3, of({ type: 'bool', value: false, property: 'pump/run' }), {
    mode: 'push',
    look: 'round',
    textOff: 'Hold',
  }),
  sample('button', 'Valve', 2, 2, of({ ...power }), {
    mode: 'toggle',
    textOn: 'Open',
    textOff: 'Closed',
    color: '#b85400',
  }),
  sample('switch', 'Ceiling lamp', 2, 2, of(power)),
  sample('switch', 'Fan', 2, 2, of({ ...power, value: false })),
  sample('switch', 'Gate', 1, 3, of(power)),
  sample('slider', 'Dimmer', 5, 2, of({ ...level, value: 70 })),
  sample('slider', 'Brightness', 3, 3, of(level)),
  sample('slider', 'Blind', 1, 5, of({ ...level, value: 35 })),
  sample('stepper', 'Setpoint', 3, 2, of({ ...heat, maySet: true, value: 21, step: 0.5 })),
  sample('number', 'Interval', 2, 2, of({ type: 'int', value: 1500, unit: 'ms', property: 'a/b' })),
  sample('text', 'Message', 3, 2, of({ type: 'string', value: 'Dinner at seven', property: 'panel/text' })),
  sample(
    'select',
    'Effect',
    3,
    2,
    of({ ...mode, options: ['none', 'rainbow', 'fire', 'ocean'], value: 'rainbow' }),
  ),
  sample('segmented', 'Mode', 4, 2, of(mode)),
  sample('light', 'Strip', 3, 5, of(color, power, level)),
  sample(
    'white',
    'Desk lamp',
    3,
    5,
    of(
      { type: 'int', value: 3200, min: 2200, max: 6500, unit: 'K', property: 'desk/temperature' },
      power,
      level,
    ),
  ),
  sample(
    'joystick',
    'Camera',
    3,
    6,
    of(
      { type: 'int', value: 0, min: -100, max: 100, property: 'cam/pan' },
      { type: 'int', value: 0, min: -100, max: 100, property: 'cam/tilt' },
    ),
  ),
  sample('light', 'Bulb', 3, 5, of(color)),
  sample(
    'led',
    'Door button',
    2,
    2,
    of({ ...power, role: 'contact', maySet: false, property: 'door/contact' }),
  ),
  sample('led', 'Alarm', 1, 2, of({ ...power })),
  sample('led', 'Glow', 1, 2, of({ type: 'int', value: 120, max: 255, property: 'a/led' }), {
    color: '#b3261e',
  }),
  sample('led', 'Off', 1, 2, of({ ...power, value: false })),
  sample('value', 'Temperature', 2, 2, of(heat)),
  sample('value', 'CO2', 2, 2, of({ type: 'int', value: 1280, unit: 'ppm', property: 'a/co2' }), {
    warn: 1000,
    alarm: 1500,
  }),
  sample('value', 'Door', 2, 2, of({ type: 'string', value: 'Closed', property: 'a/door' })),
  sample('labelled', 'Outside', 3, 3, of(heat), {
    template: 'It is {value:1} {unit} outside',
    caption: 'Balcony',
  }),
  sample(
    'gauge',
    'Pressure',
    3,
    4,
    of({ type: 'float', value: 1013.2, min: 960, max: 1060, unit: 'hPa', property: 'a/p' }),
    { warn: 1030, alarm: 1050 },
  ),
  sample(
    'gauge',
    'Load',
    3,
    5,
    of({ type: 'int', value: 72, min: 0, max: 100, unit: '%', property: 'a/l' }),
    { look: 'needle' },
  ),
  sample(
    'gauge',
    'Power',
    2,
    3,
    of({ type: 'int', value: -1840, min: -5000, max: 5000, unit: 'W', property: 'a/w' }),
  ),
  sample(
    'level',
    'Cistern',
    2,
    5,
    of({ type: 'float', value: 1840, min: 0, max: 3000, unit: 'l', property: 'a/c' }),
  ),
  sample(
    'level',
    'Cell',
    2,
    2,
    of({ type: 'int', value: 35, min: 0, max: 100, unit: '%', maySet: false, property: 'a/cell' }),
  ),
  sample(
    'level',
    'Battery',
    2,
    3,
    of({ type: 'int', value: 24, min: 0, max: 100, unit: '%', property: 'a/b' }, power),
    { look: 'battery' },
  ),
  sample('progress', 'Washing', 3, 2, of({ type: 'int', value: 62, min: 0, max: 100, property: 'a/x' })),
  sample('progress', 'Print', 2, 4, of({ type: 'int', value: 38, min: 0, max: 100, property: 'a/x' }), {
    look: 'ring',
  }),
  sample('timer', 'Coffee machine', 3, 4, of({ ...power }), { minutes: 10, start: 'true', end: 'false' }),
  sample(
    'terminal',
    'Console',
    4,
    6,
    of({ topic: 'board/console', name: 'board/console', type: 'string', value: 'ready' }),
  ),
  sample(
    'lcd',
    'Display',
    4,
    3,
    of({ type: 'string', value: 'Temp 21.4 °C\nHumidity 48 %', property: 'a/lcd' }),
  ),
  sample(
    'lcd',
    'Panel',
    4,
    4,
    of({
      type: 'json',
      value: { lines: ['Pump    on', 'Tank    61 %', 'Flow    12 l/min', 'Alarm   none'] },
      property: 'a/lcd',
    }),
    { size: '4x20', light: 'blue' },
  ),
  sample('table', 'Sensors', 4, 5, of(heat, level, mode, power)),
  sample(
    'table',
    'Departures',
    5,
    5,
    of({
      type: 'json',
      property: 'a/t',
      value: [
        { line: 'S3', to: 'Harbour', min: 4 },
        { line: '21', to: 'Zoo', min: 11 },
        { line: 'RE1', to: 'Airport with a long name', min: 27, note: 'late' },
      ],
    }),
  ),
  sample(
    'weather',
    'Garden',
    3,
    4,
    of(
      { ...heat, property: 'w/temperature' },
      { type: 'string', value: 'Partly cloudy', property: 'w/condition', name: 'Garden, Condition' },
      { type: 'int', value: 61, unit: '%', property: 'w/humidity', name: 'Garden, Humidity' },
      { type: 'float', value: 1013, unit: 'hPa', property: 'w/pressure', name: 'Garden, Pressure' },
      { type: 'float', value: 4.2, unit: 'm/s', property: 'w/wind', name: 'Garden, Wind' },
      { type: 'float', value: 0.4, unit: 'mm', property: 'w/rain', name: 'Garden, Rain' },
      { type: 'int', value: 230, unit: '°', property: 'w/direction', name: 'Garden, Direction' },
    ),
  ),
  sample('image', 'Picture', 3, 4, of(), { address: '/favicon.svg', alt: 'The mark of this hub' }),
  sample(
    'image',
    'Elsewhere',
    3,
    4,
    of({ type: 'string', value: 'https://pictures.example/cat.jpg', property: 'a/url' }),
  ),
  sample('video', 'Porch', 3, 4, of()),
  sample(
    'map',
    'Van',
    4,
    6,
    of(
      { type: 'json', value: { lat: 53.5511, lon: 9.9937 }, property: 'van/place', name: 'Van' },
      { type: 'string', value: '53.57, 10.03', property: 'bike/place', name: 'Bike' },
    ),
  ),
  sample('note', 'Note', 4, 5, of(heat), {
    text: '# Heating\nThe living room is at {{1}}.\n\n- **Boiler** in the cellar\n- [x] Bled in October\n- [ ] Filter in *spring*\n\n> Call 555 0100 when it drips.\n\nMore in the [history](/history) or `manual.pdf`.',
  }),
  sample('sparkline', 'Living room', 3, 3, of({ ...heat, property: 'sample/temperature' })),
  sample('sparkline', 'Balcony', 2, 2, of({ ...heat, value: 8.2, property: 'sample/outside' })),
  sample(
    'chart',
    'Climate',
    6,
    8,
    of(
      { ...heat, property: 'sample/temperature', name: 'Room, Temperature' },
      { ...heat, property: 'sample/outside', name: 'Outside', value: 8.4 },
      { type: 'bool', value: false, maySet: false, property: 'sample/door', name: 'Door' },
    ),
  ),
  sample(
    'chart',
    'Two units',
    7,
    6,
    of(
      { ...heat, property: 'sample/temperature', name: 'Thermometer, Temperature' },
      { ...heat, property: 'sample/humidity', name: 'Thermometer, Humidity', unit: '%', value: 53.3 },
    ),
  ),
  sample('chart', 'One', 3, 5, of({ ...heat, property: 'sample/temperature', name: 'Room, Temperature' })),
  sample('device', 'Device', 4, 6, of({ ...power, property: 'lamp/power' })),
  sample('rooms', 'Rooms', 4, 6, of()),
  sample('alerts', 'Notifications', 4, 6, of()),
];

const HOSTILE = '<img src=x onerror=alert(1)>\u202e <b>&amp;\u0000';

/** What a widget has to bear; each overrides what its sources say. */
export const STATES: Record<string, Told> = {
  live: {},
  pending: { phase: 'pending', answers: 'never' },
  refused: { phase: 'refused', reason: 'The value 130 is above the maximum 100. Send 0 to 100.' },
  offline: { state: 'offline' },
  'no value': { value: null, time: null },
  'may not set': { maySet: false },
  hostile: { value: HOSTILE, name: HOSTILE },
  'much text': { value: 'kilobytes '.repeat(100_000) },
  'wrong type': { value: { a: [1, { b: 2 }] } },
};

export function inState(sample: Sample, state: string): LiveSource[] {
  const told = STATES[state] ?? {};
  return sample.sources().map((source) => {
    const target = told.phase === 'pending' ? otherThan(source) : null;
    return Object.assign(source, { ...told, ...(target === null ? {} : { target }) });
  });
}

/** Something else a source of this type could be asked for. */
function otherThan({ type, value, options, min, max }: LiveSource): Json {
  if (type === 'bool') return value !== true;
  if (type === 'int' || type === 'float') return (min ?? 0) + ((max ?? 100) - (min ?? 0)) * 0.25;
  if (type === 'enum') return options.find((option) => option !== value) ?? null;
  return type === 'color' ? '#ff8800' : 'Something else';
}

export function widgetOf(sample: Sample): Widget {
  return {
    id: sample.name.toLowerCase().replace(/\W+/g, '-'),
    kind: sample.kind,
    title: sample.title,
    at: { desktop: { x: 0, y: 0, w: sample.w, h: sample.h }, phone: null },
    sources: sample.sources().map(({ source }) => source),
    options: sample.options,
  };
}

/** A small house for the widgets that look at devices themselves. */
export function sampleHouse(): DeviceView[] {
  const climate = (value: number, humidity: number): DeviceView['properties'] => ({
    temperature: sampleProperty({ value, unit: '°C' }),
    humidity: sampleProperty({ value: humidity, unit: '%' }),
  });
  const on = sampleProperty({ type: 'bool', access: ['read', 'set'], value: true });
  const open = sampleProperty({ type: 'bool', role: 'door', value: true });
  return [
    sampleDevice({
      id: 'lamp',
      name: 'Ceiling lamp',
      room: 'Living room',
      icon: 'lamp',
      properties: { ...everyControl, power: on },
    }),
    sampleDevice({ id: 'climate', name: 'Climate', room: 'Living room', properties: climate(21.4, 48) }),
    sampleDevice({
      id: 'kitchen',
      name: 'Kitchen climate',
      room: 'Kitchen',
      properties: { ...climate(23.1, 55), battery: sampleProperty({ type: 'int', unit: '%', value: 8 }) },
    }),
    sampleDevice({ id: 'door', name: 'Back door', room: 'Kitchen', properties: { contact: open } }),
    sampleDevice({
      id: 'strip',
      name: 'Bed strip',
      room: 'Bedroom',
      properties: { power: { ...on, value: false } },
    }),
    sampleDevice({
      id: 'cellar',
      name: 'Cellar',
      room: 'Cellar',
      online: false,
      properties: climate(14, 71),
    }),
    sampleDevice({
      id: 'meter',
      name: 'Meter',
      room: 'Hall',
      rejected: {
        count: 3,
        last: {
          property: 'load',
          value: 'abc',
          reason: 'load takes a number, but got the text “abc”. Send a number.',
          time: new Date().toISOString(),
        },
      },
      properties: {
        load: sampleProperty({ value: 412, unit: 'W' }),
        motion: sampleProperty({ type: 'bool', role: 'motion', value: true }),
      },
    }),
  ];
}

/** A hub that knows these devices and a day of anything. */
export function sampleHub(url: string): Promise<Response> {
  const { pathname } = new URL(url, location.href);
  if (pathname === '/api/devices') return Promise.resolve(Response.json(sampleHouse()));
  if (pathname === '/api/notifications') return Promise.resolve(Response.json({}, { status: 404 }));
  return sampleHistory(url);
}
