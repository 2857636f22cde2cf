import { describe, expect, it } from 'vitest';
import type { Dashboard, Widget } from '../types';
import { appended } from './append';

const widget = (id: string, y: number, tab?: string): Widget => ({
  id,
  kind: 'value',
  title: null,
  at: { desktop: { x: 0, y, w: 3, h: 2 }, phone: null },
  sources: [],
  options: {},
  ...(tab === undefined ? {} : { tab }),
});
const dashboard = (tabs: string[], widgets: Widget[]): Dashboard => ({
  id: 'home',
  title: 'Home',
  icon: null,
  owner: null,
  others: 'see',
  tabs,
  widgets,
});

describe('appended', () => {
  it('stands below what is there, under ids that are free', () => {
    const after = appended(dashboard([], [widget('w1', 0), widget('w3', 4)]), [
      widget('w1', 0),
      widget('w2', 2),
    ]);
    expect(after.widgets.map(({ id, at }) => [id, at.desktop.y])).toEqual([
      ['w1', 0],
      ['w3', 4],
      ['w2', 6],
      ['w4', 8],
    ]);
  });

  it('stands on the first tab, whose foot alone counts', () => {
    const after = appended(dashboard(['Hall', 'Attic'], [widget('a', 0), widget('b', 90, 'Attic')]), [
      widget('w1', 0, 'elsewhere'),
    ]);
    expect(after.widgets.at(-1)).toMatchObject({ id: 'w1', tab: 'Hall', at: { desktop: { y: 2 } } });
  });

  it('begins at the top of an empty one', () => {
    expect(appended(dashboard([], []), [widget('w1', 0)]).widgets[0]?.at.desktop.y).toBe(0);
  });
});
