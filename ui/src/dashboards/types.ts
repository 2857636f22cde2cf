// What a dashboard is, and what stands between the grid and its widgets. The hub keeps a dashboard whole and looks only at what all
// widgets have in common; what a widget's options mean is known to its kind alone.
import type { Component } from 'svelte';
import type { Json } from '../model/types';
import type { IconComponent } from '../lib/icons';

export type Screen = 'desktop' | 'phone';

/** A place in the grid, in cells. A desktop has 12 columns, a phone 4; a row is 40 px high with 8 px between. */
export interface Place {
  x: number;
  y: number;
  w: number;
  h: number;
}

/** Where a widget's values come from: a property of a device, or any topic. */
export type Source = { property: string } | { topic: string };

export interface Widget {
  /** Unique within its dashboard; stays the same for life. */
  id: string;
  kind: string;
  /** Null: named after its source. */
  title: string | null;
  /** The phone's is made of the desktop's while it is null. */
  at: { desktop: Place; phone: Place | null };
  sources: Source[];
  options: Record<string, Json>;
  /** The tab it stands on, for dashboards with tabs; the first when it is absent. */
  tab?: string;
}

export interface Dashboard {
  id: string;
  title: string;
  icon: string | null;
  /** Whose it is; null for one that was made by nobody in particular (a guest, an import). */
  owner: string | null;
  /** What everybody else who is signed in may do with it. */
  others: 'nothing' | 'see' | 'edit';
  /** Tabs by name, in order; empty for a dashboard without. */
  tabs: string[];
  widgets: Widget[];
}

/** As the hub answers it. */
export interface DashboardView extends Dashboard {
  /** Grows with each change; also the ETag. */
  version: number;
  updated: string;
  updated_by: string | null;
  may_edit: boolean;
}

/** How a source is at the moment; each field is a signal of its own. */
export interface LiveSource {
  readonly source: Source;
  /** Name for people: "Lamp, Power". */
  readonly name: string;
  readonly unit: string | null;
  readonly type: string | null;
  /** What it is about, as its device says: contact, motion, lock. */
  readonly role?: string | null;
  readonly value: Json;
  readonly target: Json;
  /** RFC 3339, or null while nothing was reported. */
  readonly time: string | null;
  readonly min: number | null;
  readonly max: number | null;
  readonly step: number | null;
  readonly options: readonly string[];
  /**
   * loading: not known yet · live · stale: silent for longer than is its habit · offline: its device is away ·
   * missing: no such device, property or value · forbidden: may not be read
   */
  readonly state: 'loading' | 'live' | 'stale' | 'offline' | 'missing' | 'forbidden';
  readonly maySet: boolean;
  /**
   * Of the last request from here: idle, sending, pending, confirmed, refused (with `reason`), unanswered; of a topic sent,
   * once the hub has the message, as nobody says whether anything heeds it.
   */
  readonly phase: 'idle' | 'sending' | 'pending' | 'confirmed' | 'sent' | 'refused' | 'unanswered';
  readonly reason: string | null;
  /** Asks a device for a value, or publishes to the topic. Never throws: refusals are in `phase` and `reason`. */
  set(value: Json): void;
  /** Messages of a topic one by one, for terminals and lists; returns what ends it. */
  follow(heard: (message: { time: string; payload: Json; own: boolean }) => void): () => void;
}

/** What every widget is given. It draws its inside; frame, title, states and confirmation belong to the grid. */
export interface WidgetProps {
  widget: Widget;
  sources: LiveSource[];
  /** Its size on this screen, in cells and in pixels. */
  size: { w: number; h: number; width: number; height: number };
  /** While the dashboard is being edited nothing may be pressed. */
  editing: boolean;
}

/** One field of the form that configures a widget. */
export type OptionField =
  | { key: string; label: string; kind: 'text' | 'multiline'; fallback: string; help?: string }
  | {
      key: string;
      label: string;
      kind: 'number';
      fallback: number | null;
      min?: number;
      max?: number;
      help?: string;
    }
  | { key: string; label: string; kind: 'toggle'; fallback: boolean; help?: string }
  | {
      key: string;
      label: string;
      kind: 'choice';
      fallback: string;
      choices: { value: string; text: string }[];
      help?: string;
    }
  | { key: string; label: string; kind: 'color'; fallback: string; help?: string }
  | { key: string; label: string; kind: 'list'; fallback: string[]; help?: string };

/** A kind of widget, as the gallery shows it. */
export interface WidgetKind {
  kind: string;
  name: string;
  /** One line: what it is for. */
  about: string;
  group: 'control' | 'show' | 'history' | 'place';
  icon: IconComponent;
  size: { w: number; h: number; minW: number; minH: number };
  /** How many sources; which property types fit (null: any), and whether one that may be set is needed. */
  sources: { min: number; max: number; types: readonly string[] | null; topics: boolean; settable: boolean };
  fields: OptionField[];
  /** Asks before it acts when the person wants that (`options.confirm`, drawn by the frame). */
  canConfirm: boolean;
  /** True when the widget wants to stand without title and padding (image, video, map, note). */
  bare?: boolean;
  load: () => Promise<{ default: Component<WidgetProps> }>;
}
