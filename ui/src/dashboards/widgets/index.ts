// What the gallery shows and the grid draws: each kind by its name. What a kind draws is fetched when one is on screen.
import type { WidgetKind } from '../types';
import { CONTROLS } from './kinds/control';
import { HISTORIES } from './kinds/history';
import { MORE } from './kinds/more';
import { SHOWS } from './kinds/show';

const of = (group: WidgetKind['group']): WidgetKind[] =>
  [...CONTROLS, ...SHOWS, ...HISTORIES, ...MORE].filter((kind) => kind.group === group);

export const KINDS: WidgetKind[] = [...of('control'), ...of('show'), ...of('history'), ...of('place')];
