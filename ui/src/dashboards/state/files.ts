// Dashboards out of the page as files, and back in.
import { download } from '../../lib/download';
import { d } from '../../strings.dashboards';
import { BYTES_MAX, exported, fileName, FileTrouble, imported, type Imported } from '../model/file';
import type { Dashboard } from '../types';

export function save(dashboard: Dashboard): void {
  download(fileName(dashboard.title), exported(dashboard), 'application/json');
}

/** Asks the person for a file; null when they chose none. */
export function choose(): Promise<File | null> {
  return new Promise((resolve) => {
    const input = document.createElement('input');
    input.type = 'file';
    input.accept = '.json,application/json';
    input.hidden = true;
    input.dataset['import'] = '';
    input.onchange = () => {
      input.remove();
      resolve(input.files?.[0] ?? null);
    };
    input.oncancel = () => {
      input.remove();
      resolve(null);
    };
    // In the page, so that whoever drives a browser finds it.
    document.body.append(input);
    input.click();
  });
}

/** Throws an error with a sentence for a person. */
export async function read(file: File): Promise<Imported> {
  if (file.size > BYTES_MAX) throw new Error(d.import['too-large'](file.name));
  let text: string;
  try {
    text = await file.text();
  } catch {
    throw new Error(d.import.unreadable(file.name));
  }
  try {
    return imported(text);
  } catch (error) {
    if (error instanceof FileTrouble) throw new Error(d.import[error.trouble](file.name));
    throw error;
  }
}
