// Which language the page speaks, and how its words come. English is in the code; another language is a catalogue for each bundle of
// words, which the bundle fetches itself before anything of it is drawn, and which nobody fetches who does not read it.
//
// A catalogue has the type of the English words, so that a missing one does not compile. It must not import anything of the page: the
// page waits for it.

export type Language = 'en' | 'de';
export const LANGUAGES: readonly Language[] = ['en', 'de'];
/** Each in itself, so that whoever reads it finds it. */
export const NAMES: Record<Language, string> = { en: 'English', de: 'Deutsch' };

const KEY = 'housewire.language';

function stored(): Language | null {
  try {
    const text = localStorage.getItem(KEY);
    return LANGUAGES.find((language) => language === text) ?? null;
  } catch {
    return null;
  }
}

/** The first of the reader's languages that there is; English where there is none. */
export function wanted(chosen: Language | null, readers: readonly string[]): Language {
  if (chosen !== null) return chosen;
  for (const tag of readers) {
    const found = LANGUAGES.find((language) => tag.toLowerCase().split('-')[0] === language);
    if (found !== undefined) return found;
  }
  return 'en';
}

/** For numbers and dates: the reader's own kind of that language. Who reads neither has English words and dates of his own. */
export function localeFor(
  language: Language,
  chosen: boolean,
  readers: readonly string[],
): string | undefined {
  const own = readers.find((tag) => tag.toLowerCase().split('-')[0] === language);
  return own ?? (chosen || language !== 'en' ? language : readers[0]);
}

const readers: readonly string[] = typeof navigator === 'undefined' ? [] : (navigator.languages ?? []);
const chosen = stored();
const current = wanted(chosen, readers);

/** What `Intl` is given everywhere. */
export const locale: string | undefined = localeFor(current, chosen !== null, readers);

export const language = {
  current,
  choose(next: Language): void {
    if (next === current) return;
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // Storage is off: the browser's languages decide.
      return;
    }
    location.reload();
  },
};

if (typeof document !== 'undefined') {
  document.documentElement.lang = current;
  document.documentElement.dataset['locale'] = locale ?? current;
}

type Catalogue<Words> = { default: Words };

/** Puts the words of the language in use in the place of the English ones, before anybody has read them. */
export async function translate<Words extends object>(
  english: Words,
  catalogues: Record<Exclude<Language, 'en'>, () => Promise<Catalogue<Words>>>,
): Promise<void> {
  if (current === 'en') return;
  try {
    replace(english, (await catalogues[current]()).default);
  } catch {
    // The catalogue could not be fetched: English words are better than none.
  }
}

/** Goes into objects, so that what a catalogue does not have stays English. */
export function replace(words: object, others: object): void {
  const into = words as Record<string, unknown>;
  for (const [key, other] of Object.entries(others)) {
    const own = into[key];
    const both = isObject(own) && isObject(other);
    if (both) replace(own, other);
    else into[key] = other;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
