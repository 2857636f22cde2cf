import { describe, expect, it } from 'vitest';
import {
  addLines,
  firmwareOf,
  groupOf,
  guessOf,
  isFirmwareName,
  isVersion,
  limitsOf,
  lineText,
  pickable,
  picked,
  shareOf,
  wishOf,
  type FirmwareFile,
  type LogLine,
  type Rollout,
} from './system';

const file = (name: string, version: string, uploaded: string): FirmwareFile => ({
  name,
  version,
  size: 1,
  sha256: '',
  md5: '',
  uploaded,
  by: null,
  note: null,
  damaged: false,
});
const rollout = (name: string): Rollout => ({
  name,
  version: '1',
  all: true,
  share: 100,
  paused: false,
  counts: {},
});

describe('firmware', () => {
  it('is gathered by name, the newest first, with its roll-out', () => {
    const files = [file('b', '1', '2026-01-01'), file('a', '1', '2026-01-01'), file('a', '2', '2026-02-01')];
    const all = firmwareOf(files, [rollout('a'), rollout('gone')]);
    expect(
      all.map(({ name, files, rollout }) => [name, files.map((f) => f.version), rollout !== null]),
    ).toEqual([
      ['a', ['2', '1'], true],
      ['b', ['1'], false],
      ['gone', [], true],
    ]);
  });

  it.each([
    ['desk-lamp-1.2.0.bin', 'desk-lamp', '1.2.0'],
    ['lamp_v2.bin', 'lamp', '2'],
    ['lamp 1.2.0-rc.1.bin', 'lamp', '1.2.0-rc.1'],
    ['firmware.ino.bin', 'firmware', ''],
    ['My Lamp (new).bin', 'My-Lamp-new', ''],
    ['lamp', 'lamp', ''],
  ])('guesses what %s is', (text, name, version) => {
    expect(guessOf(text)).toEqual({ name, version });
  });

  it('goes back to the hub as it came', () => {
    expect(wishOf({ ...rollout('a'), all: false, devices: ['x'] })).toEqual({
      version: '1',
      share: 100,
      paused: false,
      devices: ['x'],
    });
    expect(wishOf(rollout('a'))).toEqual({ version: '1', share: 100, paused: false, all: true });
  });

  it('knows names and versions', () => {
    expect(['lamp', 'a_B-1'].every(isFirmwareName)).toBe(true);
    expect(['', 'a b', 'set', 'ä', 'a/b'].some(isFirmwareName)).toBe(false);
    expect(['1', '1.2.0-rc.1+7'].every(isVersion)).toBe(true);
    expect(['', '..', '1/2', 'x'.repeat(65)].some(isVersion)).toBe(false);
  });
});

describe('logs', () => {
  const line = (seq: number): LogLine => ({
    seq,
    time: '2026-11-23T01:00:00Z',
    level: 'warn',
    target: 'housewire::x',
    message: 'm',
    fields: { peer: '127.0.0.1', n: 3 },
  });

  it('come once, and the oldest go', () => {
    const first = addLines([], [line(1), line(2)]);
    expect(addLines(first, [line(2), line(3)], 2).map(({ seq }) => seq)).toEqual([2, 3]);
    expect(addLines(first, [line(1)])).toBe(first);
  });

  it('are one text each', () => {
    expect(lineText(line(1))).toBe('2026-11-23T01:00:00Z  WARN housewire::x: m peer=127.0.0.1 n=3');
  });
});

describe('limits', () => {
  const { limits, memory } = limitsOf(
    [
      'process_resident_memory_bytes 1000',
      '# HELP x',
      'housewire_limit_current{limit="connections"} 9',
      'housewire_limit_current{limit="queued_bytes"} 50',
      'housewire_limit_bound{limit="connections"} 10',
      'housewire_limit_bound{limit="topic_bytes"} 4096',
      'housewire_limit_bound{limit="queued_bytes"} 100',
      'housewire_limit_reached_total{limit="connections"} 2',
      'housewire_limit_reached_total{limit="mqtt_keep_alive"} 0',
      '',
    ].join('\n'),
  );

  it('are read from the figures', () => {
    expect(memory).toBe(1000);
    expect(limits.map((limit) => [limit.name, shareOf(limit), limit.reached, groupOf(limit)])).toEqual([
      ['connections', 0.9, 2, 'connections'],
      ['queued_bytes', 0.5, 0, 'memory'],
      ['topic_bytes', null, 0, 'sizes'],
      ['mqtt_keep_alive', null, 0, 'sizes'],
    ]);
  });
});

describe('devices to choose from', () => {
  const devices = [
    { id: 'attic', name: 'Attic light' },
    { id: 'lamp', name: 'Desk lamp' },
    { id: 'made-up', name: 'Made up' },
  ];

  it('has those chosen before first, also ones that are unknown by now', () => {
    const all = pickable(devices, ['gone', 'lamp'], new Set(['made-up']));
    expect(all.map(({ id }) => id)).toEqual(['gone', 'lamp', 'attic']);
    expect(all[0]?.name).toBe('gone');
  });

  it('keeps a chosen one that could not be chosen now', () => {
    const all = pickable(devices, ['made-up'], new Set(['made-up']));
    expect(all.map(({ id }) => id)).toEqual(['made-up', 'attic', 'lamp']);
  });

  it('finds by name and id', () => {
    expect(picked(devices, ' LIGHT ').map(({ id }) => id)).toEqual(['attic']);
    expect(picked(devices, 'made-')).toHaveLength(1);
    expect(picked(devices, '')).toHaveLength(3);
  });
});
