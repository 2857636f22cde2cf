// Widgets that show what there is.
import BatteryMedium from '@lucide/svelte/icons/battery-medium';
import CircleDot from '@lucide/svelte/icons/circle-dot';
import CircleGauge from '@lucide/svelte/icons/circle-gauge';
import LoaderCircle from '@lucide/svelte/icons/loader-circle';
import RectangleEllipsis from '@lucide/svelte/icons/rectangle-ellipsis';
import Type from '@lucide/svelte/icons/type';
import { w } from '../../../strings.widgets';
import type { OptionField, WidgetKind } from '../../types';
import { choice, color, nameOf, number, text, toggle } from './field';

const f = w.fields;
const one = (types: readonly string[] | null): WidgetKind['sources'] => ({
  min: 1,
  max: 1,
  types,
  topics: true,
  settable: false,
});
const ends: OptionField[] = [
  number('min', f.min, null, { help: f.ownHelp }),
  number('max', f.max, null, { help: f.ownHelp }),
];
const limits: OptionField[] = [
  number('warn', f.warn),
  number('alarm', f.alarm, null, { help: f.limitHelp }),
  toggle('low', f.low),
];

export const SHOWS: WidgetKind[] = [
  {
    ...nameOf('value'),
    group: 'show',
    icon: Type,
    size: { w: 2, h: 2, minW: 1, minH: 1 },
    sources: one(null),
    fields: [
      number('decimals', f.decimals, null, { min: 0, max: 6 }),
      text('unit', f.unit, '', f.ownHelp),
      ...limits,
      text('textOn', f.textOn),
      text('textOff', f.textOff),
    ],
    canConfirm: false,
    load: () => import('../Value.svelte'),
  },
  {
    ...nameOf('labelled'),
    group: 'show',
    icon: RectangleEllipsis,
    size: { w: 3, h: 3, minW: 2, minH: 1 },
    sources: one(null),
    fields: [
      text('template', f.template, '', f.templateHelp),
      text('caption', f.caption),
      text('unit', f.unit, '', f.ownHelp),
      toggle('age', f.showAge, true),
      ...limits,
    ],
    canConfirm: false,
    load: () => import('../Labelled.svelte'),
  },
  {
    ...nameOf('led'),
    group: 'show',
    icon: CircleDot,
    size: { w: 1, h: 2, minW: 1, minH: 1 },
    sources: one(null),
    fields: [
      color(),
      number('max', f.full, 255, { min: 1 }),
      text('textOn', f.textOn),
      text('textOff', f.textOff),
      toggle('showWord', f.showWord, true),
    ],
    canConfirm: false,
    load: () => import('../Led.svelte'),
  },
  {
    ...nameOf('gauge'),
    group: 'show',
    icon: CircleGauge,
    size: { w: 3, h: 4, minW: 1, minH: 2 },
    sources: one(['int', 'float']),
    fields: [
      ...ends,
      number('decimals', f.decimals, null, { min: 0, max: 6 }),
      text('unit', f.unit, '', f.ownHelp),
      choice('look', f.look, { ring: f.ring, needle: f.needle }),
      ...limits,
      color(),
    ],
    canConfirm: false,
    load: () => import('../Gauge.svelte'),
  },
  {
    ...nameOf('level'),
    group: 'show',
    icon: BatteryMedium,
    size: { w: 2, h: 4, minW: 1, minH: 2 },
    sources: { ...one(['int', 'float', 'bool']), max: 2 },
    fields: [
      choice('look', f.look, { tank: f.tank, battery: f.battery }),
      ...ends,
      toggle('percent', f.percent),
      number('decimals', f.decimals, null, { min: 0, max: 6 }),
      number('warn', f.warn),
      number('alarm', f.alarm, null, { help: f.limitHelp }),
      toggle('low', f.low, true),
      color(),
    ],
    canConfirm: false,
    load: () => import('../Level.svelte'),
  },
  {
    ...nameOf('progress'),
    group: 'show',
    icon: LoaderCircle,
    size: { w: 3, h: 2, minW: 1, minH: 1 },
    sources: one(['int', 'float']),
    fields: [
      choice('look', f.look, { bar: f.bar, ring: f.ring }),
      ...ends,
      toggle('percent', f.percent, true),
      color(),
    ],
    canConfirm: false,
    load: () => import('../Progress.svelte'),
  },
];
