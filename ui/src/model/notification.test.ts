import { describe, expect, it } from 'vitest';
import { joined, seen, type Notification } from './notification';

const one = (id: number, text = ''): Notification => ({
  id,
  time: '2026-11-23T00:00:00Z',
  device: 'lamp',
  kind: 'push',
  code: null,
  to: null,
  title: null,
  text,
  mail: null,
});

describe('what came', () => {
  it('takes the place of what was known, in order', () => {
    const all = joined([one(1), one(3, 'old')], [one(3, 'new'), one(2), one(4)], 3);
    expect(all.map(({ id, text }) => [id, text])).toEqual([
      [2, ''],
      [3, 'new'],
      [4, ''],
    ]);
  });
});

describe('what was seen', () => {
  const storage = (text: string | null): (() => Storage) => {
    const kept = new Map(text === null ? [] : [['housewire.notifications.seen', text]]);
    const made = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
    };
    return () => made as unknown as Storage;
  };

  it.each([
    [null, 0],
    ['7', 7],
    ['-7', 0],
    ['x', 0],
    ['1e99', 0],
  ])('%s counts as %s', (text, id) => expect(seen.read(storage(text))).toBe(id));

  it('is kept, and forgotten where nothing can be', () => {
    const kept = storage(null);
    seen.write(kept, 9);
    expect(seen.read(kept)).toBe(9);
    const none = (): Storage => {
      throw new Error('off');
    };
    seen.write(none, 9);
    expect(seen.read(none)).toBe(0);
  });
});
