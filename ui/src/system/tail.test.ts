import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { LogLine } from '../model/system';
import { Tail } from './tail.svelte';

const line = (seq: number): LogLine => ({
  seq,
  time: '',
  level: 'info',
  target: '',
  message: '',
  fields: {},
});
const seqs = (tail: Tail): number[] => tail.lines.map(({ seq }) => seq);

class FakeSource {
  static last: FakeSource;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  readonly heard = new Map<string, () => void>();
  constructor() {
    FakeSource.last = this;
  }
  addEventListener(name: string, heard: () => void): void {
    this.heard.set(name, heard);
  }
  close(): void {}
  say(seq: number): void {
    this.onmessage?.({ data: JSON.stringify(line(seq)) });
  }
}

let answer: (value: { lines: LogLine[]; next: number }) => void;
let tail: Tail;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('EventSource', FakeSource);
  tail = new Tail({ logs: () => new Promise((resolve) => (answer = resolve)) }, 'info');
  tail.start();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('a line that comes while what was there is read is not lost', async () => {
  FakeSource.last.onopen?.();
  FakeSource.last.say(3);
  await vi.advanceTimersByTimeAsync(500);
  expect(seqs(tail)).toEqual([]);
  answer({ lines: [line(1), line(2)], next: 2 });
  await vi.advanceTimersByTimeAsync(0);
  expect(seqs(tail)).toEqual([1, 2, 3]);
  FakeSource.last.say(3);
  FakeSource.last.say(4);
  await vi.advanceTimersByTimeAsync(100);
  expect(seqs(tail)).toEqual([1, 2, 3, 4]);
});

test('lines that the hub no longer had are told of', () => {
  expect(tail.gap).toBe(false);
  FakeSource.last.heard.get('lost')?.();
  expect(tail.gap).toBe(true);
});
