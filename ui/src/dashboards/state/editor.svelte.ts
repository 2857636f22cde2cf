// One dashboard while somebody looks at it or changes it: what the hub has, the working copy with its steps, what waits in this browser,
// and what happens when another saved first. Nothing is overwritten unseen, and nothing is lost with the line.
import { Problem, reasonOf } from '../../hub/api';
import { realTimers, type Timers } from '../../model/throttle';
import {
  COLUMNS,
  firstFree,
  LEAST,
  onTab,
  placesOn,
  put,
  tidy,
  withPlaces,
  type Least,
} from '../model/layout';
import { isNothing, difference, same } from '../model/conflict';
import type { Draft, Drafts } from '../model/drafts';
import { freshId, WIDGETS_MAX } from '../model/file';
import { again, back, begin, step, type Undo } from '../model/undo';
import type { Dashboard, DashboardView, Place, Screen, Widget } from '../types';
import type { KeptBoard } from '../../hub/last';
import { isConflict, plain, type Change, type Dashboards } from './dashboards';
import type { Kept } from './kept';

const KEEP_MS = 250;

export interface EditorOptions {
  id: string;
  api: Dashboards;
  drafts: Drafts;
  least?: (kind: string) => Least;
  timers?: Timers;
  /** What this browser keeps for a time without the hub. */
  kept?: Pick<Kept, 'old' | 'board' | 'keep' | 'forget'>;
  /** Told what the topics of a dashboard said last, when one is shown that was kept. */
  onremembered?: (topics: KeptBoard['topics']) => void;
}

export class Editor {
  readonly id: string;
  /** As the hub has it; null until it said so. */
  view: DashboardView | null = $state.raw(null);
  /** What is shown was kept by this browser then (milliseconds since 1970): the hub has not answered yet. */
  old: number | null = $state.raw(null);
  problem: string | null = $state.raw(null);
  gone = $state.raw(false);
  editing = $state.raw(false);
  #undo: Undo<Dashboard> | null = $state.raw(null);
  saving = $state.raw(false);
  /** Why it could not be saved. */
  saveProblem: string | null = $state.raw(null);
  /** What another saved while this was being edited. */
  theirs: DashboardView | null = $state.raw(null);
  /** What waits in this browser from an earlier time. */
  draft: Draft | null = $state.raw(null);
  /** False when this browser keeps nothing. */
  safe = $state.raw(true);

  readonly #api: Dashboards;
  readonly #drafts: Drafts;
  /** Of this page. Browsers make better ones at encrypted addresses only. */
  readonly #name = Math.random().toString(36).slice(2);
  /** Whose drafts are this page's to throw away: its own, and those it went on with. */
  readonly #own = new Set<string | undefined>([this.#name]);
  readonly #least: (kind: string) => Least;
  readonly #timers: Timers;
  readonly #kept: EditorOptions['kept'];
  readonly #onremembered: NonNullable<EditorOptions['onremembered']>;
  #cancelKeep: () => void = () => {};
  #turn = 0;
  /** Heard of while a save of our own was under way. */
  #news = false;

  constructor(options: EditorOptions) {
    this.id = options.id;
    this.#api = options.api;
    this.#drafts = options.drafts;
    this.#least = options.least ?? (() => LEAST);
    this.#timers = options.timers ?? realTimers;
    this.#kept = options.kept;
    this.#onremembered = options.onremembered ?? (() => {});
    this.draft = this.#drafts.of(this.id);
  }

  /** What is drawn: the working copy while there is one. */
  get shown(): Dashboard | null {
    return this.#undo?.now ?? this.view;
  }

  get dirty(): boolean {
    return this.#undo !== null && this.view !== null && !same(this.#undo.now, plain(this.view));
  }

  get canUndo(): boolean {
    return (this.#undo?.past.length ?? 0) > 0;
  }

  get canRedo(): boolean {
    return (this.#undo?.future.length ?? 0) > 0;
  }

  // --- the hub's side ---------------------------------------------------------------------------------

  async load(): Promise<void> {
    const turn = ++this.#turn;
    // Known not to answer: what was seen last is shown while it is asked once more.
    if (this.#kept?.old === true) await this.#remember(turn);
    try {
      const view = await this.#api.get(this.id);
      if (turn !== this.#turn) return;
      this.problem = null;
      this.#arrived(view);
      void this.#kept?.keep(view);
    } catch (error) {
      if (turn !== this.#turn) return;
      const status = error instanceof Problem ? error.status : null;
      if (status === 404) {
        this.gone = true;
        void this.#kept?.forget(this.id);
        return;
      }
      if (status === 0) await this.#remember(turn);
      if (turn === this.#turn) this.problem = reasonOf(error);
    }
  }

  /** Shows what this browser kept, to be looked at only. */
  async #remember(turn: number): Promise<void> {
    if (this.view !== null || this.#kept === undefined) return;
    const board = await this.#kept.board(this.id);
    if (board === null || turn !== this.#turn || this.view !== null) return;
    this.#onremembered(board.topics);
    this.old = board.saved;
    this.view = { ...board.view, may_edit: false };
  }

  #arrived(view: DashboardView): void {
    this.gone = false;
    // Of one that was kept it is not known what may be done with it.
    const before = this.old === null ? this.view : null;
    this.old = null;
    if (before !== null && before.version === view.version) return;
    if (this.editing && this.dirty) {
      this.theirs = view;
      return;
    }
    this.view = view;
    if (this.editing) this.#undo = begin(plain(view));
    if (this.draft !== null && same(this.draft.dashboard, plain(view))) this.forgetDraft();
  }

  /** Somebody changed it, says the hub. */
  heard(change: Change): void {
    if (this.saving) {
      this.#news = true;
      return;
    }
    if (change.deleted) {
      this.gone = true;
      return;
    }
    const known = this.theirs?.version ?? this.view?.version ?? 0;
    if (change.version > known) void this.load();
  }

  // --- editing ----------------------------------------------------------------------------------------

  /** Goes on with what waits in this browser, also if another page of this person left it meanwhile. */
  edit(): void {
    if (this.view === null || this.editing) return;
    this.draft ??= this.#drafts.of(this.id);
    if (this.draft !== null) {
      this.resume();
      return;
    }
    this.#undo = begin(plain(this.view));
    this.editing = true;
  }

  /** Goes on with what an earlier time left in this browser. */
  resume(): void {
    const { draft, view } = this;
    if (draft === null || view === null) return;
    this.#undo = step(begin(plain(view)), draft.dashboard);
    this.editing = true;
    this.draft = null;
    this.#own.add(draft.editor);
    if (draft.version === view.version) return;
    // Changed since by somebody else: shown at once, not when it is saved.
    this.theirs = view;
    this.view = { ...view, ...draft.base, version: draft.version };
    this.#undo = step(begin(draft.base), draft.dashboard);
  }

  forgetDraft(): void {
    const { draft } = this;
    this.draft = null;
    this.#drafts.drop(this.id, new Set([...this.#own, draft?.editor]));
  }

  /** Ends the editing, and with it what was not saved. */
  discard(): void {
    this.#cancelKeep();
    this.#drafts.drop(this.id, this.#own);
    this.#undo = null;
    this.editing = false;
    this.saveProblem = null;
    if (this.theirs !== null) {
      this.view = this.theirs;
      this.theirs = null;
    }
  }

  change(next: Dashboard, about: string | null = null): void {
    if (this.#undo === null) return;
    this.#undo = step(this.#undo, next, about);
    this.#keepSoon();
  }

  undo(): void {
    if (this.#undo === null) return;
    this.#undo = back(this.#undo);
    this.#keepSoon();
  }

  redo(): void {
    if (this.#undo === null) return;
    this.#undo = again(this.#undo);
    this.#keepSoon();
  }

  #keepSoon(): void {
    this.#cancelKeep();
    this.#cancelKeep = this.#timers.later(KEEP_MS, () => this.keepNow());
  }

  /** Writes the working copy into this browser; also when the page is about to go. */
  keepNow(): void {
    this.#cancelKeep();
    if (this.#undo === null || this.view === null) return;
    if (!this.dirty) {
      this.#drafts.drop(this.id, this.#own);
      return;
    }
    const { version } = this.view;
    const at = Date.now();
    const base = plain(this.view);
    this.safe = this.#drafts.keep({ dashboard: this.#undo.now, base, version, at, editor: this.#name });
  }

  // --- saving -----------------------------------------------------------------------------------------

  /** Returns true when the hub has it. On a conflict `theirs` is set and nothing is lost. */
  async save(): Promise<boolean> {
    const { view } = this;
    const undo = this.#undo;
    if (undo === null || view === null || this.saving) return false;
    // Known already: the hub would refuse it, and rightly.
    if (this.theirs !== null && this.dirty) return false;
    if (!this.dirty) {
      this.discard();
      return true;
    }
    return this.#put(undo.now, view.version);
  }

  /** Mine takes the place of theirs, which was shown. */
  async overwrite(): Promise<boolean> {
    const { theirs } = this;
    const undo = this.#undo;
    if (undo === null || theirs === null || this.saving) return false;
    return this.#put(undo.now, theirs.version);
  }

  async #put(dashboard: Dashboard, version: number): Promise<boolean> {
    this.saving = true;
    this.saveProblem = null;
    // An answer to an older question must not undo what is being saved.
    this.#turn += 1;
    this.keepNow();
    try {
      const saved = await this.#api.put(dashboard, version);
      this.theirs = null;
      void this.#kept?.keep(saved);
      const later = this.#undo !== null && this.#undo.now !== dashboard ? this.#undo : null;
      this.view = saved;
      if (later === null) this.discard();
      else this.keepNow();
      return later === null;
    } catch (error) {
      if (isConflict(error)) await this.#fetchTheirs();
      else if (error instanceof Problem && error.status === 404) this.gone = true;
      else this.saveProblem = reasonOf(error);
      return false;
    } finally {
      this.saving = false;
      if (this.#news) {
        this.#news = false;
        void this.load();
      }
    }
  }

  async #fetchTheirs(): Promise<void> {
    try {
      this.theirs = await this.#api.get(this.id);
    } catch (error) {
      this.saveProblem = reasonOf(error);
    }
  }

  /** Theirs it is; mine is thrown away. */
  takeTheirs(): void {
    const { theirs } = this;
    if (theirs === null) return;
    this.#undo = begin(plain(theirs));
    this.view = theirs;
    this.theirs = null;
    this.#drafts.drop(this.id, this.#own);
  }

  /** Mine becomes a dashboard of its own, theirs stays. Gives back the copy. */
  async keepCopy(title: string): Promise<DashboardView | null> {
    const undo = this.#undo;
    if (undo === null) return null;
    const copy = await this.#api.create({ ...undo.now, id: '', title });
    this.discard();
    return copy;
  }

  // --- steps ------------------------------------------------------------------------------------------

  places(screen: Screen, tab: string | undefined): Map<string, Place> {
    const dashboard = this.shown;
    return dashboard === null ? new Map() : placesOn(screen, onTab(dashboard, tab), this.#least);
  }

  /** Writes the places of one tab back. */
  place(screen: Screen, places: ReadonlyMap<string, Place>, about: string | null = null): void {
    const now = this.#undo?.now;
    if (now === undefined) return;
    this.change({ ...now, widgets: withPlaces(now.widgets, screen, places) }, about);
  }

  tidy(screen: Screen, tab: string | undefined): void {
    this.place(screen, tidy(this.places(screen, tab)));
  }

  get full(): boolean {
    return (this.shown?.widgets.length ?? 0) >= WIDGETS_MAX;
  }

  /** Adds a widget of this size where there is room, and gives back its id. */
  add(
    made: Pick<Widget, 'kind' | 'title' | 'sources' | 'options'>,
    size: { w: number; h: number },
    tab: string | undefined,
    from = 0,
  ): string | null {
    const now = this.#undo?.now;
    if (now === undefined || this.full) return null;
    const id = freshId(new Set(now.widgets.map((widget) => widget.id)));
    const desktop = free(this.places('desktop', tab), size, from);
    const widget: Widget = {
      id,
      ...made,
      at: { desktop, phone: null },
      ...(tab === undefined ? {} : { tab }),
    };
    this.change({ ...now, widgets: [...now.widgets, widget] });
    return id;
  }

  update(widget: Widget): void {
    const now = this.#undo?.now;
    if (now === undefined) return;
    const widgets = now.widgets.map((old) => (old.id === widget.id ? widget : old));
    this.change({ ...now, widgets });
  }

  remove(id: string): void {
    const now = this.#undo?.now;
    if (now === undefined) return;
    this.change({ ...now, widgets: now.widgets.filter((widget) => widget.id !== id) });
  }

  /** Right below the one it is a copy of. */
  duplicate(id: string): string | null {
    const now = this.#undo?.now;
    const widget = now?.widgets.find((one) => one.id === id);
    if (now === undefined || widget === undefined || this.full) return null;
    const copy = freshId(new Set(now.widgets.map((one) => one.id)));
    const tab = now.tabs.length === 0 ? undefined : (widget.tab ?? now.tabs[0]);
    const old = this.places('desktop', tab).get(id) as Place;
    const places = put(this.places('desktop', tab), copy, { ...old, y: old.y + old.h });
    const made: Widget = {
      ...widget,
      id: copy,
      at: { desktop: places.get(copy) as Place, phone: null },
      options: structuredClone(widget.options),
    };
    const widgets = withPlaces([...now.widgets, made], 'desktop', places);
    this.change({ ...now, widgets });
    return copy;
  }

  /** To another tab, where there is room. */
  move(id: string, tab: string): void {
    const now = this.#undo?.now;
    const widget = now?.widgets.find((one) => one.id === id);
    if (now === undefined || widget === undefined) return;
    const desktop = free(this.places('desktop', tab), widget.at.desktop, 0);
    this.update({ ...widget, tab, at: { desktop, phone: null } });
  }

  /** Title, icon, tabs and who may see it. */
  rename(
    frame: Pick<Dashboard, 'title' | 'icon' | 'others' | 'tabs'>,
    renamed: Record<string, string>,
  ): void {
    const now = this.#undo?.now;
    if (now === undefined) return;
    const widgets = now.widgets.map((widget) => {
      if (widget.tab === undefined) return widget;
      const { tab: was, ...rest } = widget;
      const tab = renamed[was];
      if (tab === was) return widget;
      // What stood on a tab that is gone comes to the first one.
      return tab === undefined ? rest : { ...rest, tab };
    });
    const next = { ...now, ...frame, widgets };
    if (!isNothing(difference(now, next))) this.change(next);
  }
}

function free(places: ReadonlyMap<string, Place>, size: { w: number; h: number }, from: number): Place {
  return firstFree(places.values(), size, COLUMNS.desktop, from);
}
