// Light, dark, or as the system says; the choice stays in this browser.

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'housewire.theme';
const THEMES: readonly Theme[] = ['system', 'light', 'dark'];

function stored(): Theme {
  try {
    const text = localStorage.getItem(KEY);
    return THEMES.find((theme) => theme === text) ?? 'system';
  } catch {
    return 'system';
  }
}

class ThemeSwitch {
  current: Theme = $state(stored());

  apply(): void {
    const root = document.documentElement;
    if (this.current === 'system') delete root.dataset['theme'];
    else root.dataset['theme'] = this.current;
  }

  choose(theme: Theme): void {
    this.current = theme;
    this.apply();
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // Storage is off: the choice lasts until the page is closed.
    }
  }
}

export const theme = new ThemeSwitch();
