// Widgets that show more than one value, or no value at all.
import BellRing from '@lucide/svelte/icons/bell-ring';
import Cctv from '@lucide/svelte/icons/cctv';
import CloudSun from '@lucide/svelte/icons/cloud-sun';
import Cpu from '@lucide/svelte/icons/cpu';
import House from '@lucide/svelte/icons/house';
import ImageIcon from '@lucide/svelte/icons/image';
import MapIcon from '@lucide/svelte/icons/map';
import StickyNote from '@lucide/svelte/icons/sticky-note';
import Table2 from '@lucide/svelte/icons/table-2';
import Terminal from '@lucide/svelte/icons/terminal';
import Timer from '@lucide/svelte/icons/timer';
import TvMinimal from '@lucide/svelte/icons/tv-minimal';
import { w } from '../../../strings.widgets';
import type { WidgetKind } from '../../types';
import { choice, lines, list, nameOf, number, text, toggle } from './field';

const f = w.fields;
const shows = (min: number, max: number, types: readonly string[] | null = null): WidgetKind['sources'] => ({
  min,
  max,
  types,
  topics: true,
  settable: false,
});
const noSources: WidgetKind['sources'] = { min: 0, max: 0, types: null, topics: false, settable: false };

export const MORE: WidgetKind[] = [
  {
    ...nameOf('timer'),
    group: 'control',
    icon: Timer,
    size: { w: 3, h: 4, minW: 2, minH: 2 },
    sources: { min: 1, max: 1, types: null, topics: true, settable: true },
    fields: [
      number('minutes', f.minutes, 10, { min: 0.02, max: 1_440 }),
      text('start', f.startValue, '', f.startHelp),
      text('end', f.endValue, '', f.autoHelp),
    ],
    canConfirm: false,
    load: () => import('../Timer.svelte'),
  },
  {
    ...nameOf('terminal'),
    group: 'control',
    icon: Terminal,
    size: { w: 4, h: 6, minW: 2, minH: 3 },
    sources: { min: 1, max: 2, types: null, topics: true, settable: false },
    fields: [
      number('keep', f.keep, 300, { min: 10, max: 2_000 }),
      toggle('times', f.times, true),
      toggle('line', f.line, true),
      choice('send', f.sendAs, { text: f.sendText, json: f.sendJson }),
    ],
    canConfirm: false,
    load: () => import('../Terminal.svelte'),
  },
  {
    ...nameOf('lcd'),
    group: 'show',
    icon: TvMinimal,
    size: { w: 4, h: 3, minW: 2, minH: 2 },
    sources: shows(1, 4),
    fields: [
      choice('size', f.sizeLcd, { '2x16': f.lcd216, '4x20': f.lcd420 }),
      choice('light', f.backlight, f.lights),
    ],
    canConfirm: false,
    load: () => import('../Lcd.svelte'),
  },
  {
    ...nameOf('table'),
    group: 'show',
    icon: Table2,
    size: { w: 4, h: 5, minW: 2, minH: 2 },
    sources: shows(1, 40),
    fields: [
      choice('rows', f.rows, f.rowsFrom),
      list('columns', f.columns, f.columnsHelp),
      number('keep', f.keep, 50, { min: 1, max: 200 }),
      toggle('newest', f.newest, true),
    ],
    canConfirm: false,
    load: () => import('../Table.svelte'),
  },
  {
    ...nameOf('weather'),
    group: 'show',
    icon: CloudSun,
    size: { w: 3, h: 4, minW: 1, minH: 2 },
    sources: shows(1, 12, ['int', 'float', 'string', 'enum']),
    fields: [list('roles', f.rolesOf, f.rolesHelp)],
    canConfirm: false,
    load: () => import('../Weather.svelte'),
  },
  {
    ...nameOf('image'),
    group: 'show',
    icon: ImageIcon,
    size: { w: 4, h: 5, minW: 1, minH: 1 },
    sources: shows(0, 1, ['string', 'bytes', 'json']),
    fields: [
      text('address', f.address, '', f.addressHelp),
      text('alt', f.alt),
      choice('fit', f.fit, { contain: f.contain, cover: f.cover }),
      number('every', f.every, 0, { min: 0, max: 86_400, help: f.everyHelp }),
    ],
    canConfirm: false,
    bare: true,
    load: () => import('../Image.svelte'),
  },
  {
    ...nameOf('video'),
    group: 'show',
    icon: Cctv,
    size: { w: 4, h: 5, minW: 2, minH: 2 },
    sources: shows(0, 1, ['string']),
    fields: [
      text('address', f.address, '', f.addressHelp),
      choice('as', f.videoAs, f.videoKinds),
      toggle('controls', f.controls, true),
      toggle('loop', f.loop),
    ],
    canConfirm: false,
    bare: true,
    load: () => import('../Video.svelte'),
  },
  {
    ...nameOf('map'),
    group: 'show',
    icon: MapIcon,
    size: { w: 4, h: 6, minW: 2, minH: 3 },
    sources: shows(1, 20, ['json', 'string', 'float']),
    fields: [
      number('trail', f.trail, 100, { min: 0, max: 1_000 }),
      number('zoom', f.zoom, null, { min: 0, max: 19, help: f.zoomHelp }),
      text('tiles', f.tiles, '', f.tilesHelp),
      text('attribution', f.attribution),
    ],
    canConfirm: false,
    bare: true,
    load: () => import('../PlaceMap.svelte'),
  },
  {
    ...nameOf('note'),
    group: 'show',
    icon: StickyNote,
    size: { w: 4, h: 4, minW: 1, minH: 1 },
    sources: shows(0, 20),
    fields: [lines('text', f.note, '', f.noteHelp)],
    canConfirm: false,
    bare: true,
    load: () => import('../Note.svelte'),
  },
  {
    ...nameOf('device'),
    group: 'place',
    icon: Cpu,
    size: { w: 4, h: 6, minW: 2, minH: 3 },
    sources: { min: 1, max: 1, types: null, topics: false, settable: false },
    fields: [],
    canConfirm: false,
    bare: true,
    load: () => import('../DeviceTile.svelte'),
  },
  {
    ...nameOf('rooms'),
    group: 'place',
    icon: House,
    size: { w: 4, h: 6, minW: 2, minH: 2 },
    sources: noSources,
    fields: [list('rooms', f.roomsOf, f.roomsHelp), toggle('without', f.without)],
    canConfirm: false,
    load: () => import('../Rooms.svelte'),
  },
  {
    ...nameOf('alerts'),
    group: 'place',
    icon: BellRing,
    size: { w: 4, h: 5, minW: 2, minH: 2 },
    sources: noSources,
    fields: [number('battery', f.batteryBelow, 20, { min: 1, max: 100 })],
    canConfirm: false,
    load: () => import('../Alerts.svelte'),
  },
];
