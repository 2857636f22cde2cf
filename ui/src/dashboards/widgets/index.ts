// What the gallery shows and the grid draws: each kind by its name. What a kind draws is fetched when one is on screen.
import type { WidgetKind } from '../types';
import { CONTROLS } from './kinds/control';
import { SHOWS } from './kinds/show';

export const KINDS: WidgetKind[] = [...CONTROLS, ...SHOWS];
