// More widgets onto a dashboard that is there, below what it has.
import type { Dashboard, Widget } from '../types';

/** The same dashboard with these at the foot of its first tab, under ids that are free. */
export function appended(dashboard: Dashboard, more: readonly Widget[]): Dashboard {
  const tab = dashboard.tabs[0];
  const beside = dashboard.widgets.filter((widget) => tab === undefined || (widget.tab ?? tab) === tab);
  const foot = Math.max(0, ...beside.map(({ at: { desktop } }) => desktop.y + desktop.h));
  const taken = new Set(dashboard.widgets.map(({ id }) => id));
  const added = more.map((widget): Widget => {
    const { tab: _tab, ...rest } = widget;
    let n = 1;
    while (taken.has(`w${n}`)) n += 1;
    taken.add(`w${n}`);
    const { desktop } = widget.at;
    const at = { desktop: { ...desktop, y: desktop.y + foot }, phone: null };
    return { ...rest, id: `w${n}`, at, ...(tab === undefined ? {} : { tab }) };
  });
  return { ...dashboard, widgets: [...dashboard.widgets, ...added] };
}
