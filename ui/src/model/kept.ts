// Of which properties the hub keeps a history. Apart from what draws one, as every device's page asks this.
import type { PropertyType } from './types';

const NUMBERS: readonly PropertyType[] = ['int', 'float'];
const KEPT: readonly PropertyType[] = ['bool', 'int', 'float', 'enum', 'string', 'color'];

export function isNumber(type: PropertyType): boolean {
  return NUMBERS.includes(type);
}

/** Whether the hub keeps a history of such properties at all. */
export function hasHistory(type: PropertyType): boolean {
  return KEPT.includes(type);
}
