// Rows and columns from whatever JSON a source holds.
import type { Json } from '../../../model/types';
import { clip } from './values';

export interface Rows {
  columns: string[];
  /** Text of each cell, in the order of the columns. */
  rows: string[][];
  /** How many there were, before they were cut. */
  all: number;
  /** There were more columns. */
  wide: boolean;
}

export const ROWS_MAX = 500;
export const COLUMNS_MAX = 20;
export const CELL_MAX = 300;

export function cellText(value: Json | undefined): string {
  if (value === null || value === undefined) return '';
  return clip(typeof value === 'string' ? value : JSON.stringify(value), CELL_MAX);
}

/** Text that holds JSON counts as that JSON. */
export function unwrap(value: Json): Json {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value) || value.length > 2_000_000) return value;
  try {
    return JSON.parse(value) as Json;
  } catch {
    return value;
  }
}

/** A list of objects, a list of lists, a list of values, or an object; null for what is no table. `words` name the columns. */
export function tableOf(
  value: Json,
  wanted: readonly string[],
  words: { key: string; item: string },
): Rows | null {
  const held = unwrap(value);
  if (Array.isArray(held)) return listTable(held, wanted, words.item);
  if (held === null || typeof held !== 'object') return null;
  // `{"columns": [...], "rows": [...]}` says itself what its columns are.
  const { columns, rows } = held;
  if (Array.isArray(columns) && Array.isArray(rows)) {
    const names = columns.map(cellText);
    return cut(
      names,
      rows.slice(0, ROWS_MAX).map((row) => listed(row).map(cellText)),
      rows.length,
    );
  }
  const entries = Object.entries(held).filter(([key]) => wanted.length === 0 || wanted.includes(key));
  return {
    columns: [words.key, words.item],
    rows: entries.slice(0, ROWS_MAX).map(([key, item]) => [clip(key, CELL_MAX), cellText(item)]),
    all: entries.length,
    wide: false,
  };
}

function listed(row: Json): Json[] {
  if (Array.isArray(row)) return row;
  return row !== null && typeof row === 'object' ? Object.values(row) : [row];
}

function listTable(items: readonly Json[], wanted: readonly string[], item: string): Rows {
  const kept = items.slice(0, ROWS_MAX);
  const objects = kept.filter(isObject);
  if (objects.length > 0) {
    const names = wanted.length > 0 ? [...wanted] : fieldsOf(objects);
    const rows = kept.map((row) => names.map((name) => (isObject(row) ? cellText(own(row, name)) : '')));
    return cut(names, rows, items.length);
  }
  const wide = kept.reduce<number>((most, row) => Math.max(most, Array.isArray(row) ? row.length : 1), 0);
  const names =
    wanted.length > 0
      ? [...wanted]
      : wide <= 1
        ? [item]
        : Array.from({ length: Math.min(wide, COLUMNS_MAX + 1) }, (_, i) => String(i + 1));
  return cut(
    names,
    kept.map((row) => (Array.isArray(row) ? row : [row]).slice(0, names.length).map(cellText)),
    items.length,
  );
}

const isObject = (value: Json): value is { [key: string]: Json } =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** Own fields only: a column named `constructor` is a column. */
const own = (row: { [key: string]: Json }, name: string): Json | undefined =>
  Object.prototype.hasOwnProperty.call(row, name) ? row[name] : undefined;

/** In the order in which they first appear. */
function fieldsOf(rows: readonly { [key: string]: Json }[]): string[] {
  const names = new Set<string>();
  for (const row of rows) {
    for (const name of Object.keys(row)) {
      names.add(name);
      if (names.size > COLUMNS_MAX) return [...names];
    }
  }
  return [...names];
}

function cut(names: string[], rows: string[][], all: number): Rows {
  const columns = names.slice(0, COLUMNS_MAX).map((name) => clip(name, CELL_MAX));
  return {
    columns,
    rows: rows.map((row) => columns.map((_, i) => row[i] ?? '')),
    all,
    wide: names.length > COLUMNS_MAX,
  };
}

export interface Heard {
  seq: number;
  time: string;
  payload: Json;
}

/** Messages as rows: their fields where they are objects, else the text. The time is drawn by whoever shows them. */
export function messageRows(messages: readonly Heard[], wanted: readonly string[], item: string): Rows {
  const payloads = messages.map(({ payload }) => unwrap(payload));
  if (payloads.some(isObject) || wanted.length > 0) {
    const objects = payloads.filter(isObject);
    const names = wanted.length > 0 ? [...wanted] : fieldsOf(objects);
    const plain = payloads.some((payload) => !isObject(payload));
    const columns = plain && wanted.length === 0 ? [...names, item] : names;
    return cut(
      columns,
      payloads.map((payload) =>
        columns.map((name) =>
          isObject(payload) ? cellText(own(payload, name)) : name === item ? cellText(payload) : '',
        ),
      ),
      messages.length,
    );
  }
  return cut(
    [item],
    payloads.map((payload) => [cellText(payload)]),
    messages.length,
  );
}

/** Whether all cells of a column are numbers, so that it is set to the right. */
export function isNumeric(rows: readonly (readonly string[])[], column: number): boolean {
  let numbers = 0;
  for (const row of rows) {
    const cell = row[column] ?? '';
    if (cell === '') continue;
    if (!/^[-+]?\d[\d.,]*(e[-+]?\d+)?$/i.test(cell)) return false;
    numbers += 1;
  }
  return numbers > 0;
}
