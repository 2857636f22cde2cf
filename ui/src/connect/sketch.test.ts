import { describe, expect, it } from 'vitest';
import { BOARDS, FACTS, protocolsOf } from './boards';
import { fileName, fillIn, loadSketch, textOf, type Values } from './sketch';

const VALUES: Values = {
  HUB_HOST: '192.168.1.20',
  HUB_PORT: '8080',
  DEVICE: 'lamp',
  TOKEN: 't'.repeat(32),
  CA_FILE: '',
  WIFI_NAME: 'the "house"',
  WIFI_PASSWORD: 'back\\slash',
};

describe('fillIn', () => {
  it('replaces every placeholder and nothing else', () => {
    const pieces = fillIn('a "@HUB_HOST@" @HUB_PORT@ @blynk @UNKNOWN@ b@DEVICE@', VALUES);
    expect(textOf(pieces)).toBe('a "192.168.1.20" 8080 @blynk @UNKNOWN@ blamp');
    expect(pieces.flatMap((piece) => piece.of ?? [])).toEqual(['HUB_HOST', 'HUB_PORT', 'DEVICE']);
  });

  it('keeps a quote in the name of a Wi-Fi from ending the text', () => {
    expect(textOf(fillIn('"@WIFI_NAME@" "@WIFI_PASSWORD@"', VALUES))).toBe(
      '"the \\"house\\"" "back\\\\slash"',
    );
  });
});

describe('boards', () => {
  const all = BOARDS.flatMap((board) =>
    protocolsOf(board).map((protocol) => FACTS[board].sketches[protocol]),
  );

  it.each(all.filter((path) => path !== undefined))('%s is the file in the repository', async (path) => {
    const text = await loadSketch(path);
    expect(text).toContain('@HUB_HOST@');
    expect(textOf(fillIn(text, VALUES))).toContain(VALUES.TOKEN);
    expect(fileName(path)).not.toContain('/');
  });
});
