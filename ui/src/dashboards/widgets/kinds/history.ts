// Widgets that show how values were.
import ChartLine from '@lucide/svelte/icons/chart-line';
import ChartSpline from '@lucide/svelte/icons/chart-spline';
import { w } from '../../../strings.widgets';
import type { WidgetKind } from '../../types';
import { choice, color, nameOf, number, toggle } from './field';

const f = w.fields;
const KEPT = ['bool', 'int', 'float', 'enum', 'string', 'color'] as const;
// The usual one first: it is the fallback.
const { '24h': day, ...others } = w.chart.ranges;
const ranges: Record<string, string> = { '24h': day ?? '24 h', ...others };

export const HISTORIES: WidgetKind[] = [
  {
    ...nameOf('chart'),
    group: 'history',
    icon: ChartLine,
    size: { w: 6, h: 7, minW: 2, minH: 2 },
    sources: { min: 1, max: 8, types: KEPT, topics: true, settable: false },
    fields: [
      choice('range', f.range, ranges),
      toggle('legend', f.legend, true),
      toggle('bar', f.zoomBar, true),
    ],
    canConfirm: false,
    load: () => import('../Chart.svelte'),
  },
  {
    ...nameOf('sparkline'),
    group: 'history',
    icon: ChartSpline,
    size: { w: 3, h: 3, minW: 1, minH: 1 },
    sources: { min: 1, max: 1, types: ['int', 'float'], topics: true, settable: false },
    fields: [
      number('hours', f.spanHours, 24, { min: 0.1, max: 8_760 }),
      number('decimals', f.decimals, null, { min: 0, max: 6 }),
      toggle('fill', f.sparkFill, true),
      toggle('extremes', f.extremes, true),
      color(),
    ],
    canConfirm: false,
    load: () => import('../Sparkline.svelte'),
  },
];
