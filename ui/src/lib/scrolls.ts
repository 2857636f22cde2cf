// What is longer than its room can be scrolled by keys, too; what is not is no stop on their way.

/** Makes an element focusable for as long as it has something to scroll to. */
export function scrolls(node: HTMLElement): { destroy(): void } {
  const look = (): void => {
    const longer = node.scrollHeight > node.clientHeight + 1 || node.scrollWidth > node.clientWidth + 1;
    // Not while it is where the keys are: they would be lost.
    if (longer) node.tabIndex = 0;
    else if (document.activeElement !== node) node.removeAttribute('tabindex');
  };
  const sizes = new ResizeObserver(look);
  const watch = (): void => {
    sizes.disconnect();
    sizes.observe(node);
    for (const child of node.children) sizes.observe(child);
    look();
  };
  const parts = new MutationObserver(watch);
  parts.observe(node, { childList: true, characterData: true, subtree: true });
  watch();
  return {
    destroy() {
      sizes.disconnect();
      parts.disconnect();
    },
  };
}
