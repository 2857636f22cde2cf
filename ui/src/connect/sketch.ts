// Programs with this hub's address and a token filled in. The files come as bundles of their own, one for each, so that
// a visit fetches only what it shows.

const FILES = import.meta.glob<string>(
  ['../../../firmware/**/*.{ino,py}', '../../../examples/**/*.{py,mjs,cjs,sh}'],
  { query: '?raw', import: 'default' },
);

/** What firmware/README.md names; nothing else between two @ is touched. */
const PLACEHOLDER = /@(HUB_HOST|HUB_PORT|DEVICE|TOKEN|CA_FILE|WIFI_NAME|WIFI_PASSWORD)@/g;
export type Placeholder =
  'HUB_HOST' | 'HUB_PORT' | 'DEVICE' | 'TOKEN' | 'CA_FILE' | 'WIFI_NAME' | 'WIFI_PASSWORD';
export type Values = Record<Placeholder, string>;

/** `path` from the top of the repository. */
export async function loadSketch(path: string): Promise<string> {
  const load = FILES[`../../../${path}`];
  if (load === undefined) throw new Error(`there is no ${path} in this page`);
  return load();
}

export interface Piece {
  text: string;
  /** What stands here instead of a placeholder; absent where it is the program's own text. */
  of?: Placeholder;
}

/** The program in pieces, so that what was filled in can be shown as such. */
export function fillIn(text: string, values: Values): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(PLACEHOLDER)) {
    const of = match[1] as Placeholder;
    pieces.push({ text: text.slice(from, match.index) }, { text: escape(values[of]), of });
    from = match.index + match[0].length;
  }
  pieces.push({ text: text.slice(from) });
  return pieces.filter((piece) => piece.text !== '');
}

export function textOf(pieces: readonly Piece[]): string {
  return pieces.map((piece) => piece.text).join('');
}

/** All placeholders stand between double or single quotes. What could end those is only in what a person types for a board. */
function escape(value: string): string {
  return value.replace(/[\\"]/g, '\\$&').replace(/[\r\n]/g, '');
}

/** The file's own name, as it should be saved. */
export function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
