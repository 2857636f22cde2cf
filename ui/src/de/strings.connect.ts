// The German words of "Connect a device". The menus of the Arduino IDE stay English: so it is when it was installed.
import type { c } from '../strings.connect';
import { plural } from './count';

const ARDUINO_LIBRARY = (names: string): string =>
  `Öffne in der Arduino IDE Tools → Manage Libraries, suche nach ${names} und drücke Install.`;
const BLYNK = 'Blynk von Volodymyr Shymanskyy';
const PUB_SUB = 'PubSubClient von Nick O’Leary';
const HTTP_CLIENT = 'ArduinoHttpClient von Arduino';
const WEB_SOCKETS = 'WebSockets von Markus Sattler';

const NOTHING = 'Nichts weiter: Was es braucht, kommt mit dem Paket der Platine.';
const PASTE = 'Wähle File → New Sketch und füge das Programm ein, an die Stelle dessen, was dort steht.';
const PORT = 'Wähle in der Liste über dem Programm deine Platine und ihren Port.';
const UPLOAD = 'Drücke → (Upload).';
const MONITOR = 'Öffne Tools → Serial Monitor, 115200 baud: Die Platine sagt, was sie tut.';
const SAVE = 'Speichere das Programm unter dem Namen, der darüber steht.';
const start = (command: string): string =>
  `Starte es in einem Terminal: ${command} und der Name der Datei. Es sagt, was es tut.`;

const de: typeof c = {
  title: 'Ein Gerät verbinden',
  lead: 'Wähle, was du hast. Der Hub legt das Gerät und seinen Token an und zeigt das ganze Programm dafür.',
  back: 'Geräte',
  button: 'Gerät verbinden',

  board: 'Was hast du?',
  protocol: 'Wie soll es sprechen?',
  suits: 'Passt meistens',
  name: 'Wie heißt es?',
  nameLabel: 'Name',
  nameHint: (id) =>
    id === '' ? 'Zum Beispiel „Schreibtischlampe“ oder „Gewächshaus“.' : `Seine Id wird ${id}.`,
  nameMissing: 'Gib ihm zuerst einen Namen.',
  existing: (name) =>
    `${name} ist schon bekannt. Es bekommt einen weiteren Token; die es hat, gelten weiter.`,
  make: 'Gerät und Token anlegen',
  half: 'Das Gerät und sein Token sind angelegt, aber Name und Eigenschaften wurden nicht gespeichert',
  halfBody: 'Das Programm unten läuft trotzdem. Den Namen kannst du auf der Seite des Geräts vergeben.',
  notAllowed:
    'Nur ein Admin kann ein Gerät und seinen Token anlegen. Bitte einen darum, oder melde dich als Admin an.',
  change: 'Neu wählen',
  summary: (board, protocol) => `${board}, ${protocol}`,

  boards: {
    uno: {
      name: 'Arduino Uno mit Ethernet',
      hint: 'Uno, Mega oder Leonardo mit einem Ethernet-Shield (W5100, W5500)',
      libraries: {
        mqtt: ARDUINO_LIBRARY(PUB_SUB),
        http: ARDUINO_LIBRARY(HTTP_CLIENT),
        websocket: ARDUINO_LIBRARY(HTTP_CLIENT),
        blynk: ARDUINO_LIBRARY(BLYNK),
      },
      steps: [
        'Stecke das Shield auf die Platine und verbinde es mit einem Kabel mit deinem Router, die Platine über USB mit diesem Rechner.',
        'Wähle in der Arduino IDE File → New Sketch und füge das Programm ein, an die Stelle dessen, was dort steht.',
        PORT,
        UPLOAD,
        MONITOR,
      ],
    },
    esp8266: {
      name: 'ESP8266',
      hint: 'NodeMCU, Wemos D1 mini, ESP-01',
      libraries: {
        mqtt: ARDUINO_LIBRARY(PUB_SUB),
        http: NOTHING,
        websocket: ARDUINO_LIBRARY(WEB_SOCKETS),
        blynk: ARDUINO_LIBRARY(BLYNK),
      },
      steps: [
        'Einmal: Füge unter File → Preferences http://arduino.esp8266.com/stable/package_esp8266com_index.json zu den Board-Manager-URLs hinzu, dann installiere unter Tools → Board → Boards Manager „esp8266“.',
        PASTE,
        PORT,
        UPLOAD,
        MONITOR,
      ],
    },
    esp32: {
      name: 'ESP32',
      hint: 'DevKit, NodeMCU-32S, S3, C3 …',
      libraries: {
        mqtt: ARDUINO_LIBRARY(PUB_SUB),
        http: NOTHING,
        websocket: ARDUINO_LIBRARY(WEB_SOCKETS),
        blynk: ARDUINO_LIBRARY(BLYNK),
      },
      steps: [
        'Einmal: Installiere unter Tools → Board → Boards Manager „esp32“ von Espressif Systems.',
        PASTE,
        PORT,
        'Drücke → (Upload). Wartet es mit Punkten, halte den BOOT-Knopf der Platine gedrückt.',
        MONITOR,
      ],
    },
    micropython: {
      name: 'MicroPython',
      hint: 'Auf einem ESP32, einem ESP8266 oder einem Raspberry Pi Pico W',
      libraries: {
        mqtt: 'In der Shell der Platine, sobald sie in deinem WLAN ist: import mip; mip.install("umqtt.simple")',
        http: 'In der Shell der Platine, sobald sie in deinem WLAN ist: import mip; mip.install("urequests")',
      },
      steps: [
        'Öffne Thonny und wähle unten rechts deine Platine.',
        'Füge das Programm in eine neue Datei ein und speichere sie auf der Platine als main.py.',
        'Drücke F5: Die Platine sagt in der Shell, was sie tut.',
      ],
    },
    raspberry: {
      name: 'Raspberry Pi',
      hint: 'Python, mit einer LED an einem Pin; auch ohne',
      libraries: {
        mqtt: 'pip install paho-mqtt gpiozero',
        http: 'pip install requests gpiozero',
        websocket: 'pip install websockets gpiozero',
        blynk: 'pip install blynklib==0.2.6 gpiozero',
      },
      steps: [
        'Speichere das Programm auf dem Pi unter dem Namen, der darüber steht.',
        'Wenn du magst, schließe eine LED mit einem Widerstand von 330 Ohm zwischen Pin 11 (GPIO 17) und Pin 9 (Masse) an.',
        start('python3'),
      ],
    },
    python: {
      name: 'Python',
      hint: 'Jeder Rechner mit Python 3.9 oder neuer',
      libraries: {
        mqtt: 'pip install paho-mqtt',
        http: 'pip install requests',
        websocket: 'pip install websockets',
        blynk: 'pip install blynklib==0.2.6',
      },
      steps: [SAVE, start('python3')],
    },
    javascript: {
      name: 'JavaScript',
      hint: 'Jeder Rechner mit Node.js 18 oder neuer',
      libraries: {
        mqtt: 'npm install mqtt',
        http: 'Nichts weiter: Node.js bringt mit, was es braucht.',
        websocket: 'npm install ws',
        blynk: 'npm install blynk-library',
      },
      steps: [
        'Speichere das Programm unter dem Namen, der darüber steht, in dem Ordner, in dem du die Bibliothek installiert hast.',
        start('node'),
      ],
    },
    shell: {
      name: 'Shell',
      hint: 'Linux oder macOS, mit bash',
      libraries: {
        mqtt: 'sudo apt install mosquitto-clients',
        http: 'sudo apt install curl',
      },
      steps: [SAVE, start('bash')],
    },
    other: {
      name: 'Etwas anderes',
      hint: 'Was immer eines davon spricht; du bekommst die Angaben',
      libraries: {},
      steps: [],
    },
  },

  protocols: {
    mqtt: {
      name: 'MQTT',
      hint: 'Bleibt verbunden: Der Schalter wirkt sofort, und der Hub weiß, wenn das Gerät fort ist. Richtig für die meisten Geräte.',
    },
    http: {
      name: 'HTTP',
      hint: 'Eine Anfrage je Wert: einfach, und richtig für ein Gerät, das dazwischen schläft. Den Schalter bemerkt eine Platine, wenn sie nachfragt, etwa einmal in der Sekunde.',
    },
    websocket: {
      name: 'WebSocket',
      hint: 'Bleibt verbunden wie MQTT, auf dem Weg des Webs: richtig, wo ein Netzwerk nur Webverkehr hinauslässt.',
    },
    blynk: {
      name: 'Blynk',
      hint: 'Pins V0 und V1 statt Namen: richtig für Programme, die für die Blynk-App geschrieben wurden.',
    },
  },

  sketch: {
    title: 'Das Programm',
    whole: 'Es ist vollständig: Was für dich eingetragen wurde, ist markiert.',
    once: 'Der Token wird nur hier und nur jetzt gezeigt. Kopiere oder speichere das Programm, bevor du gehst.',
    copy: 'Kopieren',
    copied: 'Kopiert',
    download: 'Speichern',
    label: 'Programm',
    failed:
      'Das Programm ließ sich nicht vom Hub holen. Lade die Seite neu; das Gerät und sein Token sind angelegt, und ein weiterer Token lässt sich jederzeit anlegen.',
    libraries: 'Was es braucht',
    steps: 'Dann',
    reach: 'Wo das Gerät den Hub findet',
    address: 'Adresse des Hubs',
    addressHint: 'Wie das Gerät ihn erreicht: eine Adresse dieses Hubs in deinem Netzwerk.',
    loopback: (host) =>
      `${host} ist dieser Rechner selbst. Eine Platine erreicht den Hub darunter nicht: Schreibe eine Adresse des Hubs in deinem Netzwerk, zum Beispiel 192.168.1.20. Hört der Hub nur auf diesem Rechner, starte ihn mit --bind 0.0.0.0.`,
    loopbackComputer: (host) =>
      `${host} stimmt, solange das Programm auf dem Rechner des Hubs läuft. Anderswo schreibe eine Adresse des Hubs in deinem Netzwerk.`,
    wifi: 'Dein WLAN',
    wifiName: 'Name des WLANs',
    wifiPassword: 'Passwort des WLANs',
    wifiHint: 'Wird nur in diesem Browser ins Programm eingetragen; beides geht nicht an den Hub.',
    wifiNameBlank: 'der Name deines WLANs',
    wifiPasswordBlank: 'sein Passwort',
    ca: 'Lege das CA-Zertifikat des Hubs neben das Programm:',
    plainOnly:
      'Andere Rechner nimmt dieser Hub nur über TLS an, und dieses Programm verschlüsselt nicht. Setze in der Konfiguration des Hubs unter [tls] mode = "on", oder nimm einen Computer.',
  },

  facts: {
    title: 'Was du ihm sagst',
    address: 'Adresse',
    port: 'Port',
    user: 'Benutzername',
    password: 'Passwort oder Token',
    clientId: 'Client-Id',
    report: 'Meldet an',
    obeys: 'Hört den Schalter auf',
    confirms: 'Sagt, dass es getan ist, auf',
    payload: 'Was es sendet',
    payloadText:
      'Text: 21.5, true, false. Gespeichert (retained), damit er da ist für alle, die später kommen.',
    header: 'Header',
    login: 'Meldet sich mit dem Token an; jede Blynk-Bibliothek tut das, mit diesem Server und Port.',
    pins: 'Pins',
    pinsText: 'V0 für einen Wert, V1 für einen Schalter.',
    frames: 'Frames',
  },

  wait: {
    title: 'Erste Nachricht',
    waiting: 'Wartet auf die erste Nachricht',
    waitingBody:
      'Starte das Programm. Seine erste Nachricht erscheint hier in dem Augenblick, in dem sie kommt, oder was der Hub ablehnen musste.',
    connected: 'Es ist verbunden',
    arrived: (via) => `Die erste Nachricht kam über ${via}.`,
    try: 'Drücke den Schalter: Das Gerät gehorcht und sagt es.',
    bytes: (n) => plural(n, 'Byte', 'Bytes'),
    toDevice: 'Gerät öffnen',
    toDashboard: 'Zu einem Dashboard hinzufügen',
    another: 'Noch eines verbinden',
    refused: 'Der Hub hat etwas abgelehnt',
    maybe: (address) =>
      address === null
        ? 'Inzwischen wurde jemand abgewiesen. Ist das dein Board?'
        : `Inzwischen wurde jemand unter ${address} abgewiesen. Ist das dein Board?`,
    ifYours: 'Wenn ja:',
    from: (peer) => `von ${peer}`,
    wrongType: (property) => `Ein Wert für ${property} wurde abgelehnt:`,
    hubSays: 'In den Worten des Hubs:',
    titles: {
      credentials: 'Der Hub kennt diesen Token nicht',
      permission: 'Auf dieses Topic darf das Gerät nicht schreiben',
      topic: 'Dieses Topic gibt es nicht',
      type: 'Der Wert hat den falschen Typ',
      tls: 'Die verschlüsselte Verbindung kam nicht zustande',
      protocol: 'Das war ein anderes Protokoll',
      limit: 'Zu viel oder zu oft',
    },
    long: 'Noch nichts. Sagt das Gerät in seiner eigenen Ausgabe, was es tut? Ist es im selben Netzwerk wie der Hub, und lässt eine Firewall es durch?',
    kinds: {
      credentials:
        'Der Token im Programm gehört nicht diesem Gerät. Kopiere das ganze Programm noch einmal, oder lege mit „Neu wählen“ einen neuen Token an.',
      permission:
        'Das Gerät darf nur unter seinem eigenen Namen schreiben. Vergleiche das Topic mit dem hier:',
      topic: 'Dieses Topic nimmt der Hub nicht. Es sollte sein:',
      type: 'Sende den Wert als einfachen Text, zum Beispiel 21.5 oder true.',
      tls: 'Das Gerät vertraut dem Hub nicht, oder es spricht ohne TLS, wo TLS erwartet wird. Nimm das Zertifikat dieses Hubs, oder die Adresse ohne Verschlüsselung.',
      protocol:
        'Es kam etwas anderes an als das gewählte Protokoll. Sind Adresse und Port die aus dem Programm?',
      limit: 'Das Gerät sendet zu viel oder zu oft. Lass es zwischen zwei Werten warten.',
    },
  },
};

export default de;
