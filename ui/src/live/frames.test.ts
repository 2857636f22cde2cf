import { describe, expect, test } from 'vitest';
import { l } from '../strings.live';
import {
  bytesOfFrame,
  cellsOf,
  depthsOf,
  FrameLog,
  frameOfText,
  kindsOf,
  shownItems,
  textOfItems,
  type Field,
  type Frame,
} from './frames';

const field = (from: number, to: number, name: string, value = ''): Field => ({ from, to, name, value });

/** PUBLISH to `a/b` with the payload `on`. */
function publish(more: Partial<Frame> = {}): Frame {
  return {
    seq: 1,
    time: '2026-11-23T01:02:03.004Z',
    connection: 'c1',
    direction: 'in',
    transport: 'mqtt',
    bytes: 9,
    kind: 'PUBLISH',
    summary: 'a/b · QoS 0 · 2 bytes',
    hex: '30 07 00 03 61 2f 62 6f 6e',
    cut: false,
    fields: [
      field(0, 2, 'fixed header'),
      field(0, 1, 'packet type', 'PUBLISH'),
      field(1, 2, 'remaining length', '7'),
      field(2, 7, 'topic', 'a/b'),
      field(7, 9, 'payload', 'on'),
    ],
    redacted: [],
    ...more,
  };
}

describe('bytes and fields', () => {
  test('each byte belongs to the innermost field around it', () => {
    const cells = cellsOf(publish());
    expect(cells.map((cell) => cell.field)).toEqual([1, 2, 3, 3, 3, 3, 3, 4, 4]);
    expect(cells.map((cell) => cell.text).join('')).toBe('0...a/bon');
    expect(depthsOf(publish().fields)).toEqual([0, 1, 1, 0, 0]);
  });

  test('the bits of one byte stand beside each other, below what holds the byte', () => {
    const flags = ['packet type', 'DUP', 'QoS', 'RETAIN'].map((name) => field(0, 1, name));
    expect(depthsOf([field(0, 2, 'fixed header'), ...flags, field(1, 2, 'length')])).toEqual([
      0, 1, 1, 1, 1, 1,
    ]);
  });

  test('what is kept back is shown as that, however it is told', () => {
    expect(bytesOfFrame({ hex: '30 •• ••', redacted: [] })).toEqual([0x30, null, null]);
    expect(bytesOfFrame({ hex: '30••31', redacted: [] })).toEqual([0x30, null, 0x31]);
    expect(bytesOfFrame({ hex: '30 41 42', redacted: [[1, 2]] })).toEqual([0x30, null, 0x42]);
    expect(cellsOf(publish({ redacted: [[7, 9]] })).slice(7)).toEqual([
      { at: 7, hex: '••', text: '•', field: 4, redacted: true },
      { at: 8, hex: '••', text: '•', field: 4, redacted: true },
    ]);
  });

  test('fields beyond what was cut off do no harm', () => {
    const cells = cellsOf(
      publish({ hex: '30 07', cut: true, fields: [field(0, 5_000, 'all'), field(-3, 1, 'odd')] }),
    );
    expect(cells.map((cell) => cell.field)).toEqual([1, 0]);
  });

  test('what is no frame is none', () => {
    for (const text of ['', 'null', '{}', '[1]', '{"hex":"30","kind":"X","bytes":1,"direction":"up"}'])
      expect(frameOfText(text)).toBeNull();
    expect(frameOfText('{"hex":"30","kind":"X","bytes":1,"direction":"in"}')).toMatchObject({ fields: [] });
  });
});

describe('the timeline', () => {
  test('is bounded in frames and in size; the oldest go', () => {
    const log = new FrameLog(3, 100_000);
    for (let seq = 1; seq <= 5; seq += 1) log.add({ type: 'frame', frame: publish({ seq }) });
    expect(log.items.map((item) => item.type === 'frame' && item.frame.seq)).toEqual([3, 4, 5]);
    expect(log.forgotten).toBe(2);
    const small = new FrameLog(1_000, 5_000);
    for (let seq = 1; seq <= 50; seq += 1) small.add({ type: 'frame', frame: publish({ seq }) });
    expect(small.items.length).toBeGreaterThan(2);
    expect(small.items.length).toBeLessThan(20);
    small.add({ type: 'frame', frame: publish({ hex: '00 '.repeat(4_096) }) });
    expect(small.items).toHaveLength(1);
  });

  test('can be narrowed, but never hides that something is missing', () => {
    const log = new FrameLog();
    log.add({ type: 'frame', frame: publish() });
    log.add({ type: 'gap', lost: 3 });
    log.add({ type: 'frame', frame: publish({ kind: 'PINGREQ', summary: '' }) });
    log.add({ type: 'frame', frame: publish({ direction: 'out' }) });
    log.add({ type: 'end', connection: 'c1' });
    const types = (shown: Parameters<typeof shownItems>[1]): string =>
      shownItems(log.items, shown)
        .map((item) => (item.type === 'frame' ? item.frame.kind[1] : '-'))
        .join('');
    expect(types({ kinds: new Set(), direction: 'both', words: '' })).toBe('U-IU-');
    expect(types({ kinds: new Set(['PINGREQ']), direction: 'both', words: '' })).toBe('-I-');
    expect(types({ kinds: new Set(), direction: 'out', words: '' })).toBe('-U-');
    expect(types({ kinds: new Set(), direction: 'both', words: 'A/B' })).toBe('U-U-');
    expect(kindsOf(log.items)).toEqual([
      ['PINGREQ', 1],
      ['PUBLISH', 2],
    ]);
  });

  test('is written as a text that can be read without the page', () => {
    const log = new FrameLog();
    log.add({ type: 'frame', frame: publish({ redacted: [[7, 9]], bytes: 5_000, cut: true }) });
    log.add({ type: 'gap', lost: 1 });
    const text = textOfItems(log.items, l.wire.words);
    expect(text).toContain('2026-11-23T01:02:03.004Z');
    expect(text).toContain('  0000  30 07 00 03 61 2f 62 •• ••');
    expect(text).toContain('0...a/b••');
    expect(text).toContain('    [0–0] packet type: PUBLISH');
    expect(text).toContain(l.wire.words.gap(1));
    expect(text).not.toContain('6f 6e');
  });
});
