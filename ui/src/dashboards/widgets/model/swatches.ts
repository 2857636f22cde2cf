// Colours to choose from, in as many rows as a place has room for.

const GAP_PX = 6;
const EDGE_PX = 3;
/** A finger hits it. */
const LEAST_PX = 36;
/** The first six are for where there is no room for all. */
const SWATCHES = [
  '#ffffff', '#ffb46b', '#ff3b30', '#a855f7', '#3b82f6', '#10b981',
  '#ffe4b5', '#ff8800', '#ff2d92', '#22d3ee', '#a3e635', '#facc15',
]; // prettier-ignore

export interface Swatches {
  colors: readonly string[];
  columns: number;
}

/** All of them where each can be large enough, else the first six; in the columns that make the smallest side longest. */
export function swatchesFor(place_width_px: number, place_height_px: number): Swatches {
  const [width_px, height_px] = [place_width_px - 2 * EDGE_PX, place_height_px - 2 * EDGE_PX];
  const best = (count: number, columns: readonly number[]): { columns: number; side: number } =>
    columns
      .map((n) => {
        const rows = count / n;
        const side = Math.min((width_px - (n - 1) * GAP_PX) / n, (height_px - (rows - 1) * GAP_PX) / rows);
        return { columns: n, side };
      })
      .reduce((a, b) => (b.side > a.side ? b : a));
  const all = best(12, [12, 6, 4, 3]);
  if (all.side >= LEAST_PX) return { colors: SWATCHES, columns: all.columns };
  return { colors: SWATCHES.slice(0, 6), columns: best(6, [6, 3]).columns };
}
