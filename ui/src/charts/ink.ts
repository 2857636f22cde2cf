// Colours for a canvas, which knows no custom properties: what a token comes to in the theme of the moment.
import { theme } from '../theme.svelte';

const known = new Map<string, string>();
let probe: HTMLElement | null = null;

/** Called when the theme may have changed. */
export function forgetInk(): void {
  known.clear();
}

/** `--accent`, or a colour that a device reported, as `rgb(…)`. */
export function ink(color: string, alpha = 1): string {
  let found = known.get(color);
  if (found === undefined) {
    if (probe === null) {
      probe = document.createElement('span');
      probe.hidden = true;
      document.body.append(probe);
    }
    probe.style.color = color.startsWith('--') ? `var(${color})` : color;
    found = getComputedStyle(probe).color;
    known.set(color, found);
  }
  if (alpha === 1) return found;
  const parts = /^rgba?\(([\d.]+),? ([\d.]+),? ([\d.]+)/.exec(found);
  return parts === null ? found : `rgb(${parts[1]} ${parts[2]} ${parts[3]} / ${alpha})`;
}

/** Runs `changed` whenever light becomes dark or the other way round. Use within an effect. */
export function onTheme(changed: () => void): () => void {
  void theme.current;
  const query = matchMedia('(prefers-color-scheme: dark)');
  const run = (): void => {
    forgetInk();
    changed();
  };
  run();
  query.addEventListener('change', run);
  return () => query.removeEventListener('change', run);
}
