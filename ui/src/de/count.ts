// What all German catalogues need. Imports nothing of the page, which waits for them.

export const locale =
  typeof document === 'undefined' ? 'de' : (document.documentElement.dataset['locale'] ?? 'de');
const format = new Intl.NumberFormat(locale);

export const number = (n: number): string => format.format(n);

export const plural = (n: number, one: string, many: string): string =>
  `${number(n)} ${n === 1 ? one : many}`;

export const list = (items: readonly string[]): string => new Intl.ListFormat(locale).format(items);
