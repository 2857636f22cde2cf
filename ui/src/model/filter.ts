// Topic filters, for what the page has to know of rights itself: which control may be pressed, what may
// be subscribed to. The hub decides; this only spares people a press that would be refused.

/** The longest filter the hub takes, in characters. */
const FILTER_MAX = 1024;

/** True for what the hub accepts as a filter: wildcards fill a whole level, `#` stands last. */
export function isFilter(text: string): boolean {
  if (text === '' || text.length > FILTER_MAX || text.includes('\0')) return false;
  const levels = text.split('/');
  return levels.every((level, i) => {
    if (level === '#') return i === levels.length - 1;
    return level === '+' || !/[+#]/.test(level);
  });
}

/** A topic that messages are published under: no wildcard, no `$` in front. */
export function isPlainTopic(text: string): boolean {
  return isFilter(text) && !/[+#]/.test(text) && !text.startsWith('$') && !text.endsWith('/');
}

/** Whether a filter covers a topic. A wildcard in front does not reach what begins with `$`. */
export function matches(filter: string, topic: string): boolean {
  return covers(filter, topic);
}

/** Whether everything that `inner` matches is matched by `outer`, too. A topic is a filter without wildcards. */
export function covers(outer: string, inner: string): boolean {
  // Every topic has a first level.
  const a = outer === '+/#' ? ['#'] : outer.split('/');
  const b = inner.split('/');
  if (b[0]?.startsWith('$') && (a[0] === '#' || a[0] === '+')) return false;
  for (let i = 0; ; i += 1) {
    const x = a[i];
    const y = b[i];
    // Also where `inner` has ended: `a/#` matches `a`.
    if (x === '#') return true;
    if (x === undefined || y === undefined) return x === y;
    if (y === '#' || (x !== '+' && x !== y)) return false;
  }
}

/** Whether some topic is matched by both. */
export function overlap(one: string, other: string): boolean {
  const a = one.split('/');
  const b = other.split('/');
  for (let i = 0; ; i += 1) {
    const x = a[i];
    const y = b[i];
    if (x === '#' || y === '#') return true;
    if (x === undefined || y === undefined) return x === y;
    if (x !== y && x !== '+' && y !== '+') return false;
  }
}

/** One filter per line, as people write them; empty lines and spaces around do not count. */
export function parseFilters(text: string): { filters: string[]; wrong: string[] } {
  const all = text
    .split(/[\n,]/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const unique = [...new Set(all)];
  return { filters: unique.filter(isFilter), wrong: unique.filter((filter) => !isFilter(filter)) };
}
