// Widgets that ask a device for something.
import ChevronsUpDown from '@lucide/svelte/icons/chevrons-up-down';
import Columns3 from '@lucide/svelte/icons/columns-3';
import Diff from '@lucide/svelte/icons/diff';
import Hash from '@lucide/svelte/icons/hash';
import Joystick from '@lucide/svelte/icons/joystick';
import Lightbulb from '@lucide/svelte/icons/lightbulb';
import Palette from '@lucide/svelte/icons/palette';
import SlidersHorizontal from '@lucide/svelte/icons/sliders-horizontal';
import SquareMousePointer from '@lucide/svelte/icons/square-mouse-pointer';
import TextCursorInput from '@lucide/svelte/icons/text-cursor-input';
import ToggleRight from '@lucide/svelte/icons/toggle-right';
import { w } from '../../../strings.widgets';
import type { WidgetKind } from '../../types';
import { choice, color, list, nameOf, number, text, toggle } from './field';

const f = w.fields;
const one = (types: readonly string[] | null): WidgetKind['sources'] => ({
  min: 1,
  max: 1,
  types,
  topics: true,
  settable: true,
});
const limits = [
  number('min', f.min, null, { help: f.ownHelp }),
  number('max', f.max, null, { help: f.ownHelp }),
];

export const CONTROLS: WidgetKind[] = [
  {
    ...nameOf('button'),
    group: 'control',
    icon: SquareMousePointer,
    size: { w: 2, h: 2, minW: 1, minH: 1 },
    sources: one(null),
    fields: [
      choice('mode', f.mode, f.modes),
      text('on', f.onValue, '', f.autoHelp),
      text('off', f.offValue, '', f.autoHelp),
      text('textOn', f.textOn),
      text('textOff', f.textOff),
      choice('look', f.look, { wide: f.wide, round: f.round }),
      color(),
    ],
    canConfirm: true,
    load: () => import('../Button.svelte'),
  },
  {
    ...nameOf('switch'),
    group: 'control',
    icon: ToggleRight,
    size: { w: 2, h: 2, minW: 1, minH: 1 },
    sources: one(null),
    fields: [
      text('on', f.onValue, '', f.autoHelp),
      text('off', f.offValue, '', f.autoHelp),
      text('textOn', f.textOn),
      text('textOff', f.textOff),
      color(),
    ],
    canConfirm: true,
    load: () => import('../Switch.svelte'),
  },
  {
    ...nameOf('slider'),
    group: 'control',
    icon: SlidersHorizontal,
    size: { w: 4, h: 3, minW: 1, minH: 1 },
    sources: one(['int', 'float']),
    fields: [
      ...limits,
      number('step', f.step, null, { min: 0, help: f.ownHelp }),
      choice('way', f.way, { auto: f.auto, lying: f.lying, standing: f.standing }),
      choice('send', f.send, { moving: f.sendMoving, release: f.sendRelease }),
      toggle('showValue', f.showValue, true),
      color(),
    ],
    canConfirm: true,
    load: () => import('../Slider.svelte'),
  },
  {
    ...nameOf('stepper'),
    group: 'control',
    icon: Diff,
    size: { w: 3, h: 2, minW: 2, minH: 1 },
    sources: one(['int', 'float']),
    fields: [...limits, number('step', f.step, null, { min: 0, help: f.ownHelp }), toggle('loop', f.loop)],
    canConfirm: true,
    load: () => import('../Stepper.svelte'),
  },
  {
    ...nameOf('number'),
    group: 'control',
    icon: Hash,
    size: { w: 3, h: 2, minW: 2, minH: 1 },
    sources: one(['int', 'float']),
    fields: limits,
    canConfirm: true,
    load: () => import('../NumberInput.svelte'),
  },
  {
    ...nameOf('text'),
    group: 'control',
    icon: TextCursorInput,
    size: { w: 4, h: 2, minW: 2, minH: 1 },
    sources: one(['string', 'enum']),
    fields: [
      text('hint', f.hint),
      number('length', f.length, 1_000, { min: 1, max: 10_000 }),
      toggle('lines', f.lines),
      toggle('clear', f.clear),
    ],
    canConfirm: true,
    load: () => import('../TextInput.svelte'),
  },
  {
    ...nameOf('select'),
    group: 'control',
    icon: ChevronsUpDown,
    size: { w: 3, h: 2, minW: 2, minH: 1 },
    sources: one(['enum', 'string', 'int', 'bool']),
    fields: [list('choices', f.choices, f.choicesHelp)],
    canConfirm: true,
    load: () => import('../Choose.svelte'),
  },
  {
    ...nameOf('segmented'),
    group: 'control',
    icon: Columns3,
    size: { w: 4, h: 2, minW: 2, minH: 1 },
    sources: one(['enum', 'string', 'int', 'bool']),
    fields: [list('choices', f.choices, f.choicesHelp)],
    canConfirm: true,
    load: () => import('../Choose.svelte'),
  },
  {
    ...nameOf('light'),
    group: 'control',
    icon: Palette,
    size: { w: 3, h: 4, minW: 2, minH: 2 },
    sources: {
      min: 1,
      max: 5,
      types: ['color', 'bool', 'int', 'float', 'string', 'json'],
      topics: true,
      settable: true,
    },
    fields: [choice('form', f.form, f.forms)],
    canConfirm: false,
    load: () => import('../Light.svelte'),
  },
  {
    ...nameOf('white'),
    group: 'control',
    icon: Lightbulb,
    size: { w: 3, h: 4, minW: 2, minH: 2 },
    sources: { min: 1, max: 3, types: ['int', 'float', 'bool'], topics: true, settable: true },
    fields: [
      number('min', f.warmest, null, { min: 1_000, max: 20_000, help: f.ownHelp }),
      number('max', f.coldest, null, { min: 1_000, max: 20_000, help: f.ownHelp }),
    ],
    canConfirm: false,
    load: () => import('../WhiteLight.svelte'),
  },
  {
    ...nameOf('joystick'),
    group: 'control',
    icon: Joystick,
    size: { w: 3, h: 5, minW: 2, minH: 3 },
    sources: { min: 1, max: 2, types: ['int', 'float', 'json', 'string'], topics: true, settable: true },
    fields: [
      number('min', f.min, null, { help: f.ownHelp }),
      number('max', f.max, null, { help: f.ownHelp }),
      toggle('springs', f.springs, true),
      choice('shape', f.shape, { circle: f.circle, square: f.square }),
      number('zone', f.zone, 5, { min: 0, max: 50 }),
      toggle('invert', f.invert),
      number('rate', f.rate, 10, { min: 1, max: 20 }),
      choice('form', f.stickForm, f.stickForms),
      toggle('showValue', f.showValue, true),
    ],
    canConfirm: false,
    load: () => import('../Joystick.svelte'),
  },
];
