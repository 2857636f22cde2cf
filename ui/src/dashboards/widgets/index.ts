// The kinds of widgets there are.
import Gauge from '@lucide/svelte/icons/gauge';
import ToggleRight from '@lucide/svelte/icons/toggle-right';
import type { WidgetKind } from '../types';

export const KINDS: WidgetKind[] = [
  {
    kind: 'switch',
    name: 'Switch',
    about: 'Turns something on and off.',
    group: 'control',
    icon: ToggleRight,
    size: { w: 3, h: 2, minW: 2, minH: 1 },
    sources: { min: 1, max: 1, types: ['bool'], topics: true, settable: true },
    fields: [],
    canConfirm: true,
    load: () => import('./Switch.svelte'),
  },
  {
    kind: 'value',
    name: 'Value',
    about: 'One value, large.',
    group: 'show',
    icon: Gauge,
    size: { w: 2, h: 2, minW: 1, minH: 1 },
    sources: { min: 1, max: 1, types: null, topics: true, settable: false },
    fields: [{ key: 'decimals', label: 'Decimals', kind: 'number', fallback: null, min: 0, max: 6 }],
    canConfirm: false,
    load: () => import('./Value.svelte'),
  },
];
