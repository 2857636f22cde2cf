import { describe, expect, test } from 'vitest';
import {
  briefOf,
  bytesOfHex,
  bytesOfText,
  hexLines,
  hexOf,
  numbersOf,
  textOfBytes,
  trimmedText,
} from './bytes';
import { decodeCbor, encodeCbor } from './cbor';
import { diffLines, diffPayloads } from './diff';
import { CBOR, liveFilters } from './line.svelte';
import { payloadOf, topicPath, topicProblem } from './publish';
import { PublishedLog, PUBLISHED_MAX, type Published } from './published';

describe('CBOR', () => {
  test('an operation as RFC 8949 writes it', () => {
    expect(hexOf(encodeCbor({ op: 'ping', id: 500 }), '')).toBe('a2626f706470696e676269641901f4');
  });

  test('reads what it wrote', () => {
    const value = { a: [0, 23, 24, 255, 256, 65_536], b: Uint8Array.of(1, 2), c: null, d: true, e: 'ä' };
    expect({ ...(decodeCbor(encodeCbor(value)) as object) }).toEqual(value);
  });

  test('a message keeps its bytes; what is no message is nothing', () => {
    const frame = encodeCbor({ op: 'message', topic: 'a', payload: bytesOfText('21.50'), retain: true });
    const read = CBOR.decode(frame.buffer);
    expect(read).toMatchObject({ op: 'message', topic: 'a', retain: true });
    expect(read?.op === 'message' && textOfBytes(read.payload)).toBe('21.50');
    for (const bad of ['', 'ff', 'a1', '1b', 'bf', 'c074', '5affffffff00', 'a16161', '81'.repeat(40)])
      expect(CBOR.decode((bytesOfHex(bad) as Uint8Array<ArrayBuffer>).buffer)).toBeNull();
    expect(CBOR.decode('text')).toBeNull();
    expect(CBOR.decode(encodeCbor({ op: 'message', topic: 'a', payload: 'text' }).buffer)).toBeNull();
  });
});

describe('bytes', () => {
  test('text is text, and control characters make it bytes', () => {
    expect(textOfBytes(bytesOfText('ü\n'))).toBe('ü\n');
    expect(textOfBytes(Uint8Array.of(0x61, 0x00))).toBeNull();
    expect(textOfBytes(Uint8Array.of(0xff))).toBeNull();
  });

  test('hex as people write it', () => {
    expect(bytesOfHex('48 65:6C,6c 0x6f')).toEqual(bytesOfText('Hello'));
    expect(bytesOfHex('4')).toBeNull();
    expect(bytesOfHex('zz')).toBeNull();
    expect(bytesOfHex('')).toHaveLength(0);
  });

  test('a dump has place, hex and text', () => {
    expect(hexLines(Uint8Array.from({ length: 17 }, (_, i) => 0x41 + i))).toEqual([
      '0000  41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e 4f 50  ABCDEFGHIJKLMNOP',
      `0010  51${' '.repeat(47)}Q`,
    ]);
  });

  test('one line of it, cut between characters', () => {
    expect(briefOf(bytesOfText('a\n b'), 10)).toBe('a b');
    expect(briefOf(bytesOfText('x'.repeat(2_000)), 10)).toBe(`${'x'.repeat(10)}…`);
    expect(briefOf(Uint8Array.of(0xff, 0x00), 10)).toBe('ff 00');
    expect(trimmedText(bytesOfText('aü').subarray(0, 2))).toBe('a');
  });

  test('the numbers in it', () => {
    expect([...numbersOf(bytesOfText('21.50'))]).toEqual([['', 21.5]]);
    expect([...numbersOf(bytesOfText('{"t":1,"u":"x","h":2}'))]).toEqual([
      ['t', 1],
      ['h', 2],
    ]);
    expect([...numbersOf(bytesOfText('on'))]).toEqual([]);
  });
});

describe('what changed', () => {
  const lines = (a: string, b: string): string[] =>
    diffPayloads(bytesOfText(a), bytesOfText(b)).map(({ sign, text }) => sign + text);

  test('JSON by field, however it was spaced', () => {
    expect(lines('{"a":1,"b":2}', '{ "a": 1, "b": 3, "c": 4 }')).toEqual([
      ' {',
      '   "a": 1,',
      '-  "b": 2',
      '+  "b": 3,',
      '+  "c": 4',
      ' }',
    ]);
  });

  test('text by line, and nothing where nothing changed', () => {
    expect(lines('one\ntwo\nthree', 'one\n2\nthree')).toEqual([' one', '-two', '+2', ' three']);
    expect(lines('same', 'same')).toEqual([' same']);
  });

  test('bytes against text as bytes', () => {
    const diff = diffPayloads(bytesOfText('AB'), Uint8Array.of(0xff));
    expect(diff.map(({ sign }) => sign)).toEqual(['-', '+']);
    expect(diff[0]?.text).toContain('41 42');
  });

  test('what is very long is still compared', () => {
    const many = Array.from({ length: 3_000 }, (_, i) => String(i));
    const diff = diffLines(['x', ...many], ['y', ...many.slice(0, -1), 'z']);
    expect(diff.filter(({ sign }) => sign === '+')).toHaveLength(3_001);
  });
});

describe('publishing', () => {
  test('a topic that cannot be published to is told before', () => {
    for (const topic of ['', 'a/+', '#', '$SYS/x', 'a/../b']) expect(topicProblem(topic)).not.toBeNull();
    for (const topic of ['a', 'a//b', 'devices/lamp/power/set', 'ä b'])
      expect(topicProblem(topic)).toBeNull();
    expect(topicPath('a/b c/ü?')).toBe('/api/topics/a/b%20c/%C3%BC%3F');
  });

  test('payloads as text, JSON and bytes', () => {
    expect(payloadOf('21.50', 'json')).toEqual({ bytes: bytesOfText('21.50') });
    expect(payloadOf('{', 'json')).toHaveProperty('problem');
    expect(payloadOf('ff 00', 'hex')).toEqual({ bytes: Uint8Array.of(0xff, 0) });
    expect(payloadOf('f', 'hex')).toHaveProperty('problem');
    expect(payloadOf('x'.repeat(70_000), 'text')).toHaveProperty('problem');
  });

  const entry = (topic: string, payload = '1'): Published => ({
    topic,
    payload,
    mode: 'text',
    qos: 0,
    retain: false,
  });
  function storage(): Storage {
    const map = new Map<string, string>();
    return {
      getItem: (key: string) => map.get(key) ?? null,
      setItem: (key: string, value: string) => void map.set(key, value),
      removeItem: (key: string) => void map.delete(key),
    } as unknown as Storage;
  }

  test('what was published is remembered once, newest first, and not without end', () => {
    const kept = storage();
    const log = new PublishedLog(() => kept, 'anna');
    for (let i = 0; i < 30; i += 1) log.add(entry(`t/${i}`));
    log.add(entry('t/20'));
    expect(log.list()).toHaveLength(PUBLISHED_MAX);
    expect(
      log
        .list()
        .slice(0, 2)
        .map(({ topic }) => topic),
    ).toEqual(['t/20', 't/29']);
    expect(new PublishedLog(() => kept, 'bert').list()).toEqual([]);
    log.clear();
    expect(log.list()).toEqual([]);
  });

  test('secrets and long ones are not', () => {
    const kept = storage();
    const log = new PublishedLog(() => kept, 'anna');
    for (const secret of [entry('wifi/password'), entry('a', '{"token":"x"}'), entry('a', 'x'.repeat(3_000))])
      expect(log.add(secret)).toBe(false);
    expect(log.list()).toEqual([]);
  });

  test('a storage that is off or holds something else is no reason to fail', () => {
    const off = new PublishedLog(() => {
      throw new Error('off');
    }, 'anna');
    expect(off.add(entry('a'))).toBe(false);
    expect(off.list()).toEqual([]);
    const other = { getItem: () => '[1,{"topic":1},null]' } as unknown as Storage;
    expect(new PublishedLog(() => other, 'anna').list()).toEqual([]);
  });
});

test('the line subscribes to what may be read, and to the hub itself only when that is wanted', () => {
  expect(liveFilters({ read: ['#'] }, false)).toEqual(['#']);
  expect(liveFilters({ read: ['#', '$SYS/#'] }, true)).toEqual(['#', '$SYS/#']);
  expect(liveFilters({ read: ['devices/lamp/#', '$SYS/broker/uptime'] }, false)).toEqual(['devices/lamp/#']);
  expect(liveFilters({ read: [] }, true)).toEqual([]);
});
