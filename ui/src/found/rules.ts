// What the page of found devices makes of them.
import { titleOf, type Found, type FoundProperty } from '../model/found';

/** The main values first; what a device says of itself apart. */
export function split(properties: readonly FoundProperty[]): {
  main: FoundProperty[];
  rest: FoundProperty[];
} {
  return {
    main: properties.filter(({ category, hidden }) => category === null && hidden !== true),
    rest: properties.filter(({ category, hidden }) => category !== null || hidden === true),
  };
}

/** By name, as people look for them. */
export function inOrder(found: readonly Found[], compare: (a: string, b: string) => number): Found[] {
  return [...found].sort((a, b) => compare(titleOf(a), titleOf(b)) || compare(a.id, b.id));
}
