// Which rows of a long list are in view. Pure arithmetic over row heights; the component measures.

export interface Span {
  /** First row to draw, and the one after the last. */
  start: number;
  end: number;
  /** Space that stands for the rows left out. */
  before_px: number;
  after_px: number;
}

/** Lists up to this length are drawn whole. */
export const WHOLE_MAX = 200;

export function visibleSpan(heights: readonly number[], top_px: number, bottom_px: number): Span {
  let start = 0;
  let before = 0;
  while (start < heights.length && before + (heights[start] as number) <= top_px) {
    before += heights[start] as number;
    start += 1;
  }
  let end = start;
  let offset = before;
  while (end < heights.length && offset < bottom_px) {
    offset += heights[end] as number;
    end += 1;
  }
  let after = 0;
  for (let i = end; i < heights.length; i += 1) after += heights[i] as number;
  return { start, end, before_px: before, after_px: after };
}
