// A value within words of one's own: `{value}`, `{value:1}` with so many decimals, `{unit}`, `{name}`.

export interface Filled {
  value: (decimals: number | null) => string;
  unit: string;
  name: string;
}

export type Piece = { kind: 'words' | 'value'; text: string };

const FIELD = /\{(value|unit|name)(?::(\d))?\}/g;

/** In pieces, so that the value can be drawn larger than the words around it. Unknown braces stay as they are. */
export function fillTemplate(template: string, filled: Filled): Piece[] {
  const pieces: Piece[] = [];
  const words = (text: string): void => {
    if (text === '') return;
    const last = pieces.at(-1);
    if (last?.kind === 'words') last.text += text;
    else pieces.push({ kind: 'words', text });
  };
  let from = 0;
  for (const found of template.matchAll(FIELD)) {
    words(template.slice(from, found.index));
    from = found.index + found[0].length;
    if (found[1] === 'value') {
      pieces.push({ kind: 'value', text: filled.value(found[2] === undefined ? null : Number(found[2])) });
    } else words(found[1] === 'unit' ? filled.unit : filled.name);
  }
  words(template.slice(from));
  return pieces;
}
