import { beforeEach, describe, expect, test } from 'vitest';
import { bytesOfText, textOfBytes } from './bytes';
import { Openings, rowsOf, stepOf, testOf } from './rows';
import { LIMITS, TopicTree, type Entry } from './tree';

let tree: TopicTree;
let seconds: number;

beforeEach(() => {
  tree = new TopicTree();
  seconds = 0;
});

function hear(topic: string, payload: string | Uint8Array, more: { retain?: boolean; via?: string } = {}) {
  const time = new Date(1_700_000_000_000 + seconds * 1000).toISOString();
  const bytes = typeof payload === 'string' ? bytesOfText(payload) : payload;
  return tree.add(
    { topic, payload: bytes, retain: more.retain ?? false, time, via: more.via ?? 'mqtt' },
    seconds * 1000,
  );
}

const words = (entries: readonly Entry[]): (string | null)[] =>
  entries.map(({ bytes }) => textOfBytes(bytes));
const topics = (openings = new Openings(), search = ''): string[] =>
  rowsOf(tree.root, openings, testOf(search, 'topic')).map(({ node }) => node.topic);

describe('what flows', () => {
  test('counts at the topic and at every level above it', () => {
    hear('home/hall/lamp', 'on');
    hear('home/hall/lamp', 'off');
    hear('home/note', 'hello');
    const home = tree.node('home');
    expect(home).toMatchObject({ messages: 3, own: 0, topics: 2, isTopic: false });
    expect(tree.node('home/hall/lamp')).toMatchObject({ messages: 2, own: 2, topics: 1 });
    expect(tree.root).toMatchObject({ messages: 3, topics: 2 });
  });

  test('what is stored is shown, and is no message that came', () => {
    const node = hear('home/note', 'old', { retain: true });
    expect(node).toMatchObject({ messages: 0, own: 0, topics: 1, retained: 'yes' });
    expect(node?.last?.stored).toBe(true);
  });

  test('a last value of a device is not taken for a retained message, and a cleared one is asked about', () => {
    expect(hear('devices/lamp/power', 'true', { retain: true })?.retained).toBe('unknown');
    const note = hear('home/note', 'x', { retain: true });
    hear('home/note', '');
    expect(note?.retained).toBe('unknown');
  });

  test('what is stored comes again after a reconnect, and is kept once', () => {
    hear('home/note', 'old', { retain: true });
    const node = hear('home/note', 'old', { retain: true });
    expect(node?.entries).toHaveLength(1);
  });

  test('a topic may also be a level of others, and levels may be empty', () => {
    hear('a', '1');
    hear('a/b', '2');
    hear('/a//b', '3');
    expect(tree.node('a')).toMatchObject({ topics: 2, own: 1, messages: 2 });
    expect(tree.node('/a//b')?.topic).toBe('/a//b');
    expect(tree.node('/a//b')?.own).toBe(1);
  });

  test('a rate is the mean of the last seconds and dies away', () => {
    for (let i = 0; i < 100; i += 1) {
      seconds = i / 10;
      hear('fast', String(i));
    }
    const node = tree.node('fast');
    expect(node?.rate(10_000)).toBeGreaterThan(7);
    expect(node?.rate(10_000)).toBeLessThan(11);
    expect(node?.rate(70_000)).toBeLessThan(0.01);
  });

  test('names like constructor and __proto__ are names', () => {
    hear('__proto__/constructor', '1');
    hear('toString', '2');
    expect(topics()).toEqual(['__proto__', '__proto__/constructor', 'toString']);
  });

  test('names are in the order people count in', () => {
    for (const name of ['lamp10', 'lamp2', 'Äpfel', 'lamp1']) hear(name, '');
    expect(topics()).toEqual(['Äpfel', 'lamp1', 'lamp2', 'lamp10']);
  });
});

describe('bounds', () => {
  test('of a topic the last messages are kept', () => {
    tree = new TopicTree({ ...LIMITS, history: 3 });
    for (let i = 0; i < 10; i += 1) hear('a', String(i));
    expect(words(tree.node('a')?.entries ?? [])).toEqual(['7', '8', '9']);
    expect(tree.node('a')?.own).toBe(10);
  });

  test('of a long payload the beginning is kept, and its size', () => {
    tree = new TopicTree({ ...LIMITS, payload_bytes: 10 });
    const last = hear('a', 'x'.repeat(1_000_000))?.last;
    expect(last).toMatchObject({ size: 1_000_000 });
    expect(last?.bytes).toHaveLength(10);
  });

  test('further topics are counted and nothing else', () => {
    tree = new TopicTree({ ...LIMITS, nodes: 3 });
    hear('a/b', '1');
    hear('a/c', '2');
    expect(hear('a/d', '3')).toBeUndefined();
    expect(hear('a/c', '4')).toBeDefined();
    expect(tree.overflow).toBe(1);
    expect(tree.root.topics).toBe(2);
  });

  test('when all together is too much the oldest of all goes, and an only one is cut', () => {
    tree = new TopicTree({ ...LIMITS, total_bytes: 20_000, stub_bytes: 10 });
    hear('only', 'o'.repeat(5_000));
    for (let i = 0; i < 50; i += 1) hear('many', 'm'.repeat(1_000));
    expect(tree.kept).toBeLessThanOrEqual(20_000);
    expect(tree.node('only')?.entries).toHaveLength(1);
    expect(tree.node('only')?.last).toMatchObject({ size: 5_000 });
    expect(tree.node('only')?.last?.bytes).toHaveLength(10);
    expect(tree.node('many')?.entries.length).toBeGreaterThan(10);
  });

  test('the account of bytes agrees with what is there after very many messages', () => {
    tree = new TopicTree({ ...LIMITS, total_bytes: 50_000, history: 5 });
    for (let i = 0; i < 20_000; i += 1) hear(`t/${i % 37}`, 'x'.repeat(i % 300));
    let bytes = 0;
    for (const node of tree.node('t')?.children ?? [])
      for (const entry of node.entries) bytes += 96 + entry.bytes.length;
    expect(tree.kept).toBe(bytes);
  });
});

describe('paused', () => {
  test('values stand still, counts go on, and the last one of each comes afterwards', () => {
    hear('a', '1');
    tree.pause();
    hear('a', '2');
    hear('a', '3');
    hear('new', 'n');
    expect(words(tree.node('a')?.entries ?? [])).toEqual(['1']);
    expect(tree.root.messages).toBe(4);
    expect(tree.heldCount).toBe(3);
    expect(topics()).toEqual(['a']);
    tree.resume();
    expect(words(tree.node('a')?.entries ?? [])).toEqual(['1', '3']);
    expect(topics()).toEqual(['a', 'new']);
    expect(tree.root.topics).toBe(2);
  });
});

describe('rows', () => {
  beforeEach(() => {
    for (const topic of ['devices/lamp/power', 'devices/lamp/level', 'devices/fan/speed', 'home/note'])
      hear(topic, topic);
  });

  test('a small house is open, of a large one the first level', () => {
    expect(topics()).toContain('devices/lamp/power');
    for (let i = 0; i < 200; i += 1) hear(`many/${i}/x`, '');
    expect(topics().slice(0, 5)).toEqual(['devices', 'devices/fan', 'devices/lamp', 'home', 'home/note']);
    const openings = new Openings();
    openings.reveal(tree.node('devices/lamp/power')!);
    expect(topics(openings)).toContain('devices/lamp/power');
    openings.all(tree.root, false);
    expect(topics(openings)).toEqual(['devices', 'home', 'many']);
  });

  test('a search shows what it finds with the levels above it', () => {
    expect(topics(new Openings(), 'LEVEL')).toEqual(['devices', 'devices/lamp', 'devices/lamp/level']);
    expect(topics(new Openings(), 'devices/+/speed')).toEqual([
      'devices',
      'devices/fan',
      'devices/fan/speed',
    ]);
    expect(topics(new Openings(), 'nothing')).toEqual([]);
  });

  test('a search goes through payloads, text and bytes', () => {
    hear('cam', Uint8Array.of(0xff, 0xd8, 0xff));
    const found = (search: string): string[] =>
      rowsOf(tree.root, new Openings(), testOf(search, 'payload')).map(({ node }) => node.topic);
    expect(found('HOME/no')).toEqual(['home', 'home/note']);
    expect(found('ff d8')).toEqual(['cam']);
  });

  test('arrow keys walk, open, close and go up', () => {
    const openings = new Openings();
    openings.all(tree.root, false);
    for (const open of ['devices', 'home']) openings.say(tree.node(open)!, true);
    const rows = rowsOf(tree.root, openings, null);
    expect(stepOf('ArrowDown', rows, -1, 10)).toEqual({ select: 0 });
    expect(stepOf('ArrowDown', rows, 4, 10)).toEqual({ select: 4 });
    expect(stepOf('ArrowRight', rows, 0, 10)).toEqual({ select: 1 });
    expect(stepOf('ArrowRight', rows, 1, 10)).toEqual({ toggle: 1, open: true });
    expect(stepOf('ArrowLeft', rows, 2, 10)).toEqual({ select: 0 });
    expect(stepOf('ArrowLeft', rows, 0, 10)).toEqual({ toggle: 0, open: false });
    expect(stepOf('ArrowRight', rows, 4, 10)).toBeNull();
    expect(stepOf('End', rows, 0, 10)).toEqual({ select: 4 });
    expect(stepOf('PageDown', rows, 0, 2)).toEqual({ select: 2 });
    expect(stepOf('x', rows, 0, 2)).toBeNull();
  });

  test('ten thousand topics are there at once', () => {
    for (let i = 0; i < 10_000; i += 1) hear(`many/${i}`, String(i));
    const rows = rowsOf(tree.root, new Openings(), null);
    expect(rows.length).toBe(10_006);
    expect(rows.at(-2)?.node.name).toBe('9998');
  });
});
