// The English words of "Connect a device", fetched with that page. The rules of `strings.ts` hold here, too.
import type { Board, Protocol } from './connect/boards';
import { translate } from './language';

interface BoardWords {
  name: string;
  hint: string;
  /** What to install, and how; `{protocol}` has what differs. */
  libraries: Partial<Record<Protocol, string>>;
  /** What to press, in order. */
  steps: readonly string[];
}

const ARDUINO_LIBRARY = (names: string): string =>
  `In the Arduino IDE open Tools → Manage Libraries, look for ${names} and press Install.`;
const BLYNK = 'Blynk by Volodymyr Shymanskyy';

export const c = {
  title: 'Connect a device',
  lead: 'Choose what you have. The hub makes the device and its token, and shows the whole program for it.',
  back: 'Devices',
  button: 'Connect a device',

  board: 'What do you have?',
  protocol: 'How should it talk?',
  suits: 'Suits most',
  name: 'What is it called?',
  nameLabel: 'Name',
  nameHint: (id: string) => (id === '' ? 'Such as “Desk lamp” or “Greenhouse”.' : `Its id will be ${id}.`),
  nameMissing: 'Give it a name first.',
  existing: (name: string) => `${name} is known already. It gets another token; those it has go on working.`,
  make: 'Make the device and its token',
  half: 'The device and its token are made, but its name and properties were not stored',
  halfBody: 'The program below works all the same. The name can be given on the device’s own page.',
  notAllowed: 'Only an admin can make a device and its token. Ask one, or sign in as one.',
  change: 'Choose again',
  summary: (board: string, protocol: string) => `${board}, ${protocol}`,

  boards: {
    uno: {
      name: 'Arduino Uno with Ethernet',
      hint: 'Uno, Mega or Leonardo with an Ethernet shield (W5100, W5500)',
      libraries: {
        mqtt: ARDUINO_LIBRARY('PubSubClient by Nick O’Leary'),
        http: ARDUINO_LIBRARY('ArduinoHttpClient by Arduino'),
        websocket: ARDUINO_LIBRARY('ArduinoHttpClient by Arduino'),
        blynk: ARDUINO_LIBRARY(BLYNK),
      },
      steps: [
        'Put the shield on the board, and connect it to your router with a cable and to this computer by USB.',
        'In the Arduino IDE choose File → New Sketch, and paste the program over what is there.',
        'Choose your board and its port in the list above the program.',
        'Press → (Upload).',
        'Open Tools → Serial Monitor, 115200 baud: the board says what it does.',
      ],
    },
    esp8266: {
      name: 'ESP8266',
      hint: 'NodeMCU, Wemos D1 mini, ESP-01',
      libraries: {
        mqtt: ARDUINO_LIBRARY('PubSubClient by Nick O’Leary'),
        http: 'Nothing more: what it needs comes with the board’s package.',
        websocket: ARDUINO_LIBRARY('WebSockets by Markus Sattler'),
        blynk: ARDUINO_LIBRARY(BLYNK),
      },
      steps: [
        'Once: in File → Preferences add http://arduino.esp8266.com/stable/package_esp8266com_index.json to the board manager URLs, then install “esp8266” in Tools → Board → Boards Manager.',
        'Choose File → New Sketch, and paste the program over what is there.',
        'Choose your board and its port in the list above the program.',
        'Press → (Upload).',
        'Open Tools → Serial Monitor, 115200 baud: the board says what it does.',
      ],
    },
    esp32: {
      name: 'ESP32',
      hint: 'DevKit, NodeMCU-32S, S3, C3 …',
      libraries: {
        mqtt: ARDUINO_LIBRARY('PubSubClient by Nick O’Leary'),
        http: 'Nothing more: what it needs comes with the board’s package.',
        websocket: ARDUINO_LIBRARY('WebSockets by Markus Sattler'),
        blynk: ARDUINO_LIBRARY(BLYNK),
      },
      steps: [
        'Once: in Tools → Board → Boards Manager install “esp32” by Espressif Systems.',
        'Choose File → New Sketch, and paste the program over what is there.',
        'Choose your board and its port in the list above the program.',
        'Press → (Upload). If it waits with dots, hold the board’s BOOT button.',
        'Open Tools → Serial Monitor, 115200 baud: the board says what it does.',
      ],
    },
    micropython: {
      name: 'MicroPython',
      hint: 'On an ESP32, an ESP8266 or a Raspberry Pi Pico W',
      libraries: {
        mqtt: 'In the board’s shell, once it is in your Wi-Fi: import mip; mip.install("umqtt.simple")',
        http: 'In the board’s shell, once it is in your Wi-Fi: import mip; mip.install("urequests")',
      },
      steps: [
        'Open Thonny and choose your board at the lower right.',
        'Paste the program into a new file, and save it on the board as main.py.',
        'Press F5: the board says in the shell what it does.',
      ],
    },
    raspberry: {
      name: 'Raspberry Pi',
      hint: 'Python, with an LED at a pin; also without one',
      libraries: {
        mqtt: 'pip install paho-mqtt gpiozero',
        http: 'pip install requests gpiozero',
        websocket: 'pip install websockets gpiozero',
        blynk: 'pip install blynklib==0.2.6 gpiozero',
      },
      steps: [
        'Save the program on the Pi under the name above it.',
        'If you like, connect an LED with a resistor of 330 ohms between pin 11 (GPIO 17) and pin 9 (ground).',
        'Start it in a terminal: python3 and the file’s name. It says what it does.',
      ],
    },
    python: {
      name: 'Python',
      hint: 'Any computer with Python 3.9 or newer',
      libraries: {
        mqtt: 'pip install paho-mqtt',
        http: 'pip install requests',
        websocket: 'pip install websockets',
        blynk: 'pip install blynklib==0.2.6',
      },
      steps: [
        'Save the program under the name above it.',
        'Start it in a terminal: python3 and the file’s name. It says what it does.',
      ],
    },
    javascript: {
      name: 'JavaScript',
      hint: 'Any computer with Node.js 18 or newer',
      libraries: {
        mqtt: 'npm install mqtt',
        http: 'Nothing more: Node.js brings what it needs.',
        websocket: 'npm install ws',
        blynk: 'npm install blynk-library',
      },
      steps: [
        'Save the program under the name above it, in the folder where you installed the library.',
        'Start it in a terminal: node and the file’s name. It says what it does.',
      ],
    },
    shell: {
      name: 'Shell',
      hint: 'Linux or macOS, with bash',
      libraries: {
        mqtt: 'sudo apt install mosquitto-clients',
        http: 'sudo apt install curl',
      },
      steps: [
        'Save the program under the name above it.',
        'Start it in a terminal: bash and the file’s name. It says what it does.',
      ],
    },
    other: {
      name: 'Something else',
      hint: 'Whatever speaks one of these; you get the facts',
      libraries: {},
      steps: [],
    },
  } satisfies Record<Board, BoardWords> as Record<Board, BoardWords>,

  protocols: {
    mqtt: {
      name: 'MQTT',
      hint: 'Stays connected: the switch acts at once, and the hub knows when the device is gone. Right for most devices.',
    },
    http: {
      name: 'HTTP',
      hint: 'One request for each value: simple, and right for a device that sleeps in between. A board notices the switch when it asks, about once a second.',
    },
    websocket: {
      name: 'WebSocket',
      hint: 'Stays connected like MQTT, through the web’s own door: right where a network lets only web traffic out.',
    },
    blynk: {
      name: 'Blynk',
      hint: 'Pins V0 and V1 instead of names: right for programs that were written for the Blynk app.',
    },
  } satisfies Record<Protocol, { name: string; hint: string }> as Record<
    Protocol,
    { name: string; hint: string }
  >,

  sketch: {
    title: 'The program',
    whole: 'It is complete: what was filled in for you is marked.',
    once: 'The token is shown only here and only now. Copy or save the program before you leave.',
    copy: 'Copy',
    copied: 'Copied',
    download: 'Save',
    label: 'Program',
    failed:
      'The program could not be fetched from the hub. Reload the page; the device and its token are made, and another token can be made at any time.',
    libraries: 'What it needs',
    steps: 'Then',
    reach: 'Where the device finds the hub',
    address: 'Address of the hub',
    addressHint: 'As the device reaches it: an address of this hub in your network.',
    loopback: (host: string) =>
      `${host} is this very computer. A board cannot reach the hub under it: write an address of the hub in your network, such as 192.168.1.20. If the hub listens on this computer alone, start it with --bind 0.0.0.0.`,
    loopbackComputer: (host: string) =>
      `${host} is right while the program runs on the hub’s own computer. Elsewhere, write an address of the hub in your network.`,
    wifi: 'Your Wi-Fi',
    wifiName: 'Name of the Wi-Fi',
    wifiPassword: 'Password of the Wi-Fi',
    wifiHint: 'Only filled into the program in this browser; neither is sent to the hub.',
    wifiNameBlank: 'the name of your Wi-Fi',
    wifiPasswordBlank: 'its password',
    ca: 'Put the hub’s certificate authority beside the program:',
    plainOnly:
      'This hub takes other machines over TLS only, and this program does not encrypt. In the hub’s configuration set mode = "on" under [tls], or use a computer.',
  },

  facts: {
    title: 'What to tell it',
    address: 'Address',
    port: 'Port',
    user: 'User name',
    password: 'Password or token',
    clientId: 'Client id',
    report: 'Reports to',
    obeys: 'Hears the switch at',
    confirms: 'Says that it is done at',
    payload: 'What it sends',
    payloadText: 'Text: 21.5, true, false. Retained, so that it is there for who comes later.',
    header: 'Header',
    login: 'Logs in with the token; any Blynk library does, with this server and port.',
    pins: 'Pins',
    pinsText: 'V0 for a value, V1 for a switch.',
    frames: 'Frames',
  },

  wait: {
    title: 'First message',
    waiting: 'Waiting for the first message',
    waitingBody:
      'Start the program. Its first message appears here in the moment it arrives, or what the hub had to refuse.',
    connected: 'It is connected',
    arrived: (via: string) => `The first message came over ${via}.`,
    try: 'Press the switch: the device obeys, and says so.',
    bytes: (n: number) => (n === 1 ? '1 byte' : `${n} bytes`),
    toDevice: 'Open the device',
    toDashboard: 'Add it to a dashboard',
    another: 'Connect another one',
    refused: 'The hub refused something',
    maybe: (address: string | null) =>
      address === null
        ? 'Somebody was refused meanwhile. Is that your board?'
        : `Somebody at ${address} was refused meanwhile. Is that your board?`,
    ifYours: 'If it is:',
    from: (peer: string) => `from ${peer}`,
    wrongType: (property: string) => `A value for ${property} was refused:`,
    hubSays: 'In the hub’s words:',
    titles: {
      credentials: 'The hub does not know this token',
      permission: 'This topic is not the device’s to write',
      topic: 'This topic does not exist',
      type: 'The value has the wrong type',
      tls: 'The encrypted connection failed',
      protocol: 'This was another protocol',
      limit: 'Too much, or too often',
    } as Record<string, string>,
    long: 'Nothing yet. Does the device’s own output say what it does? Is it in the same network as the hub, and does a firewall let it through?',
    kinds: {
      credentials:
        'The token in the program is not this device’s. Copy the whole program again, or make a new token with “Choose again”.',
      permission: 'The device may write only below its own name. Compare the topic with the one here:',
      topic: 'The topic is none the hub takes. It should be:',
      type: 'Send the value as plain text, such as 21.5 or true.',
      tls: 'The device does not trust the hub, or speaks without TLS where TLS is expected. Use the certificate of this hub, or the address without encryption.',
      protocol: 'Something else than the chosen protocol arrived. Are address and port those in the program?',
      limit: 'The device sends too much or too often. Let it wait between two values.',
    } as Record<string, string>,
  },
};

await translate(c, { de: () => import('./de/strings.connect') });
