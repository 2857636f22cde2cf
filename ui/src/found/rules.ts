// What the page of found devices makes of them.
import { titleOf, type Found, type FoundProperty } from '../model/found';

/**
 * Nobody knows whether the sender still lives: the announcement was kept, and nothing was heard of the device itself.
 */
export function maybeGhost(found: Found): boolean {
  return (found.announced_by?.retained ?? false) && found.properties.every(({ value }) => value === null);
}

/** The main values first; what a device says of itself apart. */
export function split(properties: readonly FoundProperty[]): {
  main: FoundProperty[];
  rest: FoundProperty[];
} {
  return {
    main: properties.filter(({ category }) => category === null),
    rest: properties.filter(({ category }) => category !== null),
  };
}

/** By name, as people look for them. */
export function inOrder(found: readonly Found[], compare: (a: string, b: string) => number): Found[] {
  return [...found].sort((a, b) => compare(titleOf(a), titleOf(b)) || compare(a.id, b.id));
}
