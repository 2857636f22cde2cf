// A dashboard as a file: versioned JSON. What comes from a file is somebody else's: every field is looked at, what does not fit is left
// out and counted, and nothing of it reaches the page unread.
import { isFilter } from '../../model/filter';
import { isName } from '../../model/topic';
import type { Json } from '../../model/types';
import type { Dashboard, Place, Source, Widget } from '../types';
import { clamp, COLUMNS, placesOn, withPlaces } from './layout';

export const FORMAT = 'housewire-dashboard';
/** Of the file, not of a dashboard. */
export const VERSION = 1;

// The hub's own bounds.
export const WIDGETS_MAX = 300;
export const BYTES_MAX = 512 * 1024;
/** 256 bytes in any script. */
export const TITLE_MAX = 85;
export const TABS_MAX = 32;
export const SOURCES_MAX = 64;

export interface Imported {
  dashboard: Dashboard;
  /** Widgets that could not be read. */
  dropped: number;
}

export type Trouble = 'not-json' | 'not-ours' | 'newer' | 'too-large' | 'empty';

export class FileTrouble extends Error {
  constructor(readonly trouble: Trouble) {
    super(trouble);
  }
}

type Fields = Record<string, Json>;

/** How a file of version n becomes one of n + 1. */
const STEPS: Record<number, (file: Fields) => Fields> = {
  // Before there was a number: the dashboard alone, without anything around it.
  0: (file) => ({ format: FORMAT, version: 1, dashboard: file }),
};

export function exported(dashboard: Dashboard): string {
  const { title, icon, others, tabs, widgets } = dashboard;
  // Who owns it means nothing at another hub.
  const file = { format: FORMAT, version: VERSION, dashboard: { title, icon, others, tabs, widgets } };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** A name for the file that every system takes. */
export function fileName(title: string): string {
  const plain = title
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-+|-+$/g, '');
  return `${plain.slice(0, 60) || 'dashboard'}.dashboard.json`;
}

/** Throws `FileTrouble`. The id is empty: the hub gives one. */
export function imported(text: string): Imported {
  if (text.length > BYTES_MAX) throw new FileTrouble('too-large');
  let file: Json;
  try {
    file = JSON.parse(text) as Json;
  } catch {
    throw new FileTrouble('not-json');
  }
  if (!isObject(file)) throw new FileTrouble('not-ours');
  return readDashboard(migrated(file));
}

function migrated(file: Fields): Fields {
  let version = versionOf(file);
  if (version > VERSION) throw new FileTrouble('newer');
  for (; version < VERSION; version += 1) file = (STEPS[version] as (typeof STEPS)[0])(file);
  if (!isObject(file['dashboard'])) throw new FileTrouble('not-ours');
  return file['dashboard'];
}

function versionOf(file: Fields): number {
  if (file['format'] === FORMAT && Number.isInteger(file['version'])) return file['version'] as number;
  if (Array.isArray(file['widgets'])) return 0;
  throw new FileTrouble('not-ours');
}

function readDashboard(fields: Fields): Imported {
  const listed = fields['widgets'];
  if (!Array.isArray(listed)) throw new FileTrouble('not-ours');
  const tabs = readTabs(fields['tabs']);
  const used = new Set<string>();
  const widgets = listed.flatMap((entry) => readWidget(entry, tabs, used) ?? []).slice(0, WIDGETS_MAX);
  if (widgets.length === 0 && listed.length > 0) throw new FileTrouble('empty');
  const dashboard: Dashboard = {
    id: '',
    title: line(fields['title']) ?? '',
    icon: line(fields['icon']) || null,
    owner: null,
    others: fields['others'] === 'see' || fields['others'] === 'edit' ? fields['others'] : 'nothing',
    tabs,
    widgets: settled(widgets, tabs),
  };
  return { dashboard, dropped: listed.length - widgets.length };
}

/** A file may say that everything stands in one place. */
function settled(widgets: Widget[], tabs: readonly string[]): Widget[] {
  let all = widgets;
  for (const tab of tabs.length === 0 ? [undefined] : tabs) {
    const here = all.filter((widget) => (widget.tab ?? tabs[0]) === tab);
    all = withPlaces(all, 'desktop', placesOn('desktop', here));
  }
  return all;
}

function readTabs(value: Json | undefined): string[] {
  if (!Array.isArray(value)) return [];
  const names = value.map((name) => line(name)?.trim() ?? '').filter((name) => name !== '');
  return [...new Set(names)].slice(0, TABS_MAX);
}

function readWidget(value: Json, tabs: readonly string[], used: Set<string>): Widget | null {
  if (!isObject(value) || !isObject(value['at'])) return null;
  const kind = textOr(value['kind'], '');
  const desktop = readPlace(value['at']['desktop'], COLUMNS.desktop);
  if (!isName(kind) || desktop === null) return null;
  const wished = textOr(value['id'], '');
  const id = isName(wished) && !used.has(wished) ? wished : freshId(used);
  used.add(id);
  const tab = textOr(value['tab'], '');
  const listed = Array.isArray(value['sources']) ? value['sources'] : [];
  return {
    id,
    kind,
    title: line(value['title']),
    at: { desktop, phone: readPlace(value['at']['phone'], COLUMNS.phone) },
    sources: listed.flatMap((source) => readSource(source) ?? []).slice(0, SOURCES_MAX),
    options: isObject(value['options']) ? value['options'] : {},
    ...(tabs.includes(tab) ? { tab } : {}),
  };
}

function readPlace(value: Json | undefined, columns: number): Place | null {
  if (!isObject(value)) return null;
  const { x, y, w, h } = value;
  const numbers = [x, y, w, h].every((part) => typeof part === 'number' && Number.isFinite(part));
  return numbers ? clamp({ x, y, w, h } as unknown as Place, columns) : null;
}

function readSource(value: Json): Source | null {
  if (!isObject(value)) return null;
  const { property, topic } = value;
  if (typeof property === 'string') {
    const [device = '', name = '', more] = property.split('/');
    return isName(device) && isName(name) && more === undefined ? { property } : null;
  }
  return typeof topic === 'string' && isTopic(topic) ? { topic } : null;
}

function isObject(value: Json | undefined): value is Fields {
  return value !== undefined && value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** One line of text as the hub takes it: no control characters, and no half of a letter at its end. */
function line(value: Json | undefined): string | null {
  if (typeof value !== 'string') return null;
  const plain = value.replace(/\p{Cc}+/gu, ' ').slice(0, TITLE_MAX);
  return plain.replace(/[\ud800-\udbff]$/, '');
}

function textOr(value: Json | undefined, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}

/** A topic that may be looked at; those of the hub itself as well. */
export function isTopic(text: string): boolean {
  return isFilter(text) && !/[+#]/.test(text);
}

/** By chance, so that two people who add a widget at once do not mean the same one. */
export function freshId(used: ReadonlySet<string>, chance: () => number = Math.random): string {
  for (;;) {
    const id = `w${Math.floor(chance() * 36 ** 6)
      .toString(36)
      .padStart(6, '0')}`;
    if (!used.has(id)) return id;
  }
}
