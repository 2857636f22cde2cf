// Moving and sizing widgets by pointer: where the hand is, what that means in cells, and the layout it would make. The layout is always made
// of the one the drag began with, so that what was pushed aside comes back when the hand goes on.
import {
  clamp,
  cells,
  GAP_PX,
  LEAST,
  put,
  ROW_PX,
  samePlace,
  type Least,
  type Places,
} from '../model/layout';
import type { Place } from '../types';

export interface Hold {
  id: string;
  how: 'move' | 'size';
  /** Where the pointer went down, in the page. */
  x: number;
  y: number;
  base: Places;
}

/** Closer to the edge of the window than this, it scrolls. */
const EDGE_PX = 56;
const SCROLL_PX = 14;
/** A hand that trembles is not yet a move. */
const SLOP_PX = 4;

export class Hands {
  hold: Hold | null = $state.raw(null);
  /** Moved so far, in pixels. */
  by: { x: number; y: number } = $state.raw({ x: 0, y: 0 });
  /** The layout it would make, or null while it would change nothing. */
  preview: Map<string, Place> | null = $state.raw(null);
  /** It is a drag, not a press. */
  moving = $state.raw(false);
  #last = { clientX: 0, clientY: 0 };
  #frame = 0;

  constructor(
    readonly grid: () => { columns: number; width: number; least: (id: string) => Least },
    readonly done: (places: Map<string, Place>, hold: Hold) => void,
  ) {}

  take(event: PointerEvent, id: string, how: Hold['how'], base: Places): void {
    this.hold = { id, how, x: event.clientX + scrollX, y: event.clientY + scrollY, base };
    this.by = { x: 0, y: 0 };
    this.moving = false;
    this.preview = null;
  }

  move(event: PointerEvent): void {
    if (this.hold === null) return;
    this.#last = { clientX: event.clientX, clientY: event.clientY };
    this.#follow();
    if (this.moving && this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#scroll());
  }

  #follow(): void {
    const { hold } = this;
    if (hold === null) return;
    const x = this.#last.clientX + scrollX - hold.x;
    const y = this.#last.clientY + scrollY - hold.y;
    if (!this.moving && Math.hypot(x, y) < SLOP_PX) return;
    this.moving = true;
    this.by = { x, y };
    const { columns, width, least } = this.grid();
    const start = hold.base.get(hold.id);
    if (start === undefined) return;
    const column_px = (width - GAP_PX * (columns - 1)) / columns;
    const dx = cells(x, column_px);
    const dy = cells(y, ROW_PX);
    const size = { ...LEAST, ...least(hold.id) };
    const wanted =
      hold.how === 'move'
        ? clamp({ ...start, x: start.x + dx, y: start.y + dy }, columns, size)
        : clamp({ ...start, w: Math.min(start.w + dx, columns - start.x), h: start.h + dy }, columns, size);
    // Growing does not push the widget itself aside.
    const fixed = hold.how === 'size' ? { ...wanted, x: start.x, y: start.y } : wanted;
    const before = this.preview?.get(hold.id) ?? start;
    if (!samePlace(before, fixed)) this.preview = put(hold.base, hold.id, fixed);
  }

  #scroll(): void {
    this.#frame = 0;
    if (this.hold === null) return;
    const { clientY } = this.#last;
    const by = clientY < EDGE_PX ? -SCROLL_PX : clientY > innerHeight - EDGE_PX ? SCROLL_PX : 0;
    if (by === 0) return;
    const before = scrollY;
    scrollBy(0, by);
    if (scrollY === before) return;
    this.#follow();
    this.#frame = requestAnimationFrame(() => this.#scroll());
  }

  /** Lets go where it is. */
  drop(): void {
    const { hold, preview, moving } = this;
    this.cancel();
    if (hold !== null && preview !== null && moving) this.done(preview, hold);
  }

  /** Lets go as if nothing had been. */
  cancel(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.hold = null;
    this.preview = null;
    this.moving = false;
  }
}
