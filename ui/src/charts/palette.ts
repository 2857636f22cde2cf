// Which colour a line or a state has. Lines beyond the colours would be told apart by nobody: there are as many as
// a chart takes. States also differ by the word in their band and in the legend.
import type { PropertyMeta } from '../model/types';

/** Lines in one chart. */
export const SERIES_MAX = 8;
const STATES = 8;

export function seriesColor(index: number): string {
  return `--series-${(index % SERIES_MAX) + 1}`;
}

/** How the strokes in one panel differ as well, for who sees no colours: dashes in pixels. */
export function seriesDash(index: number): number[] | undefined {
  const dashes = [undefined, [12, 4], [5, 3], [12, 3, 3, 3]];
  return dashes[index % dashes.length];
}

const RESTING = new Set(['false', 'off', 'closed', 'idle', 'clear', 'none', 'standby', 'offline']);
const HEX = /^#[0-9a-f]{6}$/i;

/** A colour property is drawn in what it reported; a state of rest recedes; others take the palette in turn. */
export function stateColor(state: string, meta: PropertyMeta, states: readonly string[]): string {
  if (meta.type === 'color' && HEX.test(state)) return state;
  if (RESTING.has(state.toLowerCase())) return '--state-rest';
  const all = meta.options ?? states;
  const active = all.filter((one) => !RESTING.has(one.toLowerCase()));
  return `--series-${(Math.max(0, active.indexOf(state)) % STATES) + 1}`;
}
