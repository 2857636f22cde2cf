// What can be connected: boards, the protocols that make sense on each, and where the program for it is. The words are
// in strings.connect.ts, the programs in firmware/ and examples/ at the top of the repository.

import type { Json } from '../model/types';

export const PROTOCOLS = ['mqtt', 'http', 'websocket', 'blynk'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

export const BOARDS = [
  'uno',
  'esp8266',
  'esp32',
  'micropython',
  'raspberry',
  'python',
  'javascript',
  'shell',
  'other',
] as const;
export type Board = (typeof BOARDS)[number];

interface BoardFacts {
  /** A computer may run on the hub's own machine, and can be given a file with a certificate. */
  computer: boolean;
  wifi: boolean;
  /** From the top of the repository; a protocol that is not named makes no sense there. */
  sketches: Partial<Record<Protocol, string>>;
}

const ino = (folder: string, protocol: string): string =>
  `firmware/${folder}/housewire_${protocol}/housewire_${protocol}.ino`;

const onEach = (path: (protocol: string) => string): Record<Protocol, string> => ({
  mqtt: path('mqtt'),
  http: path('http'),
  websocket: path('websocket'),
  blynk: path('blynk'),
});

export const FACTS: Record<Board, BoardFacts> = {
  uno: { computer: false, wifi: false, sketches: onEach((protocol) => ino('arduino', protocol)) },
  esp8266: { computer: false, wifi: true, sketches: onEach((protocol) => ino('esp8266', protocol)) },
  esp32: { computer: false, wifi: true, sketches: onEach((protocol) => ino('esp32', protocol)) },
  micropython: {
    computer: false,
    wifi: true,
    sketches: {
      mqtt: 'firmware/micropython/mqtt_device.py',
      http: 'firmware/micropython/http_device.py',
    },
  },
  raspberry: {
    computer: true,
    wifi: false,
    sketches: onEach((protocol) => `examples/raspberry-pi/${protocol}_device.py`),
  },
  python: {
    computer: true,
    wifi: false,
    sketches: onEach((protocol) => `examples/python/${protocol}_device.py`),
  },
  javascript: {
    computer: true,
    wifi: false,
    sketches: {
      ...onEach((protocol) => `examples/javascript/${protocol}_device.mjs`),
      blynk: 'examples/javascript/blynk_device.cjs',
    },
  },
  shell: {
    computer: true,
    wifi: false,
    sketches: { mqtt: 'examples/shell/mqtt_device.sh', http: 'examples/shell/http_device.sh' },
  },
  // Whatever has no program here: told what to speak.
  other: { computer: false, wifi: false, sketches: {} },
};

/** Declared for a new device, so that the page shows a thermometer and a switch from the first value on. */
export function propertiesOf(board: Board, protocol: Protocol): Record<string, Json> {
  const { value, led } = namesOf(board, protocol);
  const degrees: Record<string, Json> = value === 'load' ? {} : { unit: '°C' };
  return {
    [value]: { type: 'float', access: ['read'], ...degrees },
    // A pin of Blynk has 1 and 0, and becomes what it says.
    ...(protocol === 'blynk' ? {} : { [led]: { type: 'bool', access: ['read', 'set'] } }),
  };
}

export function protocolsOf(board: Board): readonly Protocol[] {
  return board === 'other'
    ? PROTOCOLS
    : PROTOCOLS.filter((protocol) => FACTS[board].sketches[protocol] !== undefined);
}

/** What the device reports to, and what it obeys, as the sketches have it: Blynk has pins instead of names. */
export function namesOf(board: Board, protocol: Protocol): { value: string; led: string } {
  if (protocol === 'blynk') return { value: 'v0', led: 'v1' };
  return { value: board === 'shell' ? 'load' : 'temperature', led: 'led' };
}

/** What was chosen, and the device and token that the hub made for it. */
export interface Made {
  board: Board;
  protocol: Protocol;
  device: string;
  token: string;
  /** The device was there before, with what it has reported. */
  known: boolean;
}
