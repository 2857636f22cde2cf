// Ids for new devices, made of what people call them.
import { isName } from './topic';

const ID_MAX = 64;

/** A device id from a name: what is no letter or digit becomes a dash. */
export function idFrom(name: string): string {
  const plain = name
    .replace(/ß/g, 'ss')
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase();
  const id = plain
    .replace(/[^a-z0-9_]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, ID_MAX)
    .replace(/-+$/, '');
  return isName(id) ? id : 'device';
}

/** The same with a number, if another device has that id. */
export function freeId(wanted: string, taken: (id: string) => boolean): string {
  if (!taken(wanted)) return wanted;
  for (let n = 2; ; n += 1) {
    const id = `${wanted.slice(0, ID_MAX - 1 - String(n).length)}-${n}`;
    if (!taken(id)) return id;
  }
}
