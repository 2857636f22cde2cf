// Copies a text. `shown` holds it, for where the browser has no clipboard to give.

export async function copyText(text: string, shown: HTMLElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Plain http from another machine has no clipboard: select the text and use the old way.
    getSelection()?.selectAllChildren(shown);
    document.execCommand('copy');
    getSelection()?.removeAllRanges();
  }
}
