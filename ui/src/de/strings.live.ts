// The German words of the live view and the wire view.
import type { l } from '../strings.live';
import { locale, number, plural } from './count';

const tenths = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

const rate = (perSecond: number): string => {
  if (perSecond >= 10) return `${number(Math.round(perSecond))}/s`;
  if (perSecond >= 0.1) return `${tenths.format(perSecond)}/s`;
  return '';
};

const topics = (n: number): string => plural(n, 'Topic', 'Topics');
const messages = (n: number): string => plural(n, 'Nachricht', 'Nachrichten');
const bytes = (n: number): string => plural(n, 'Byte', 'Bytes');

const de: typeof l = {
  title: 'Live',
  about: 'Jedes Topic, das du lesen darfst, wie es fließt.',
  wireLink: 'Leitung',
  topics,
  messages,
  rate,
  rateLong: (perSecond) => rate(perSecond) || '0/s',
  search: 'Suchen',
  searchTopics: 'Teil eines Topics, oder ein Filter wie +/lamp/#',
  searchPayloads: 'Teil einer Payload',
  searchIn: 'Suchen in',
  inTopic: 'Topics',
  inPayload: 'Payloads',
  nothingFound: (words) => `Nichts passt zu „${words}“.`,
  pause: 'Anhalten',
  resume: 'Fortsetzen',
  paused: (n) =>
    `Angehalten. Gezählt wird weiter: seitdem ${messages(n)}. Fortsetzen zeigt die letzte jedes Topics.`,
  clear: 'Leeren',
  clearTitle: 'Alles Gezählte vergessen und von vorn beginnen',
  system: '$SYS zeigen',
  openAll: 'Alle Ebenen öffnen',
  closeAll: 'Alle Ebenen schließen',
  treeLabel: 'Topics',
  emptyTitle: 'Noch fließt nichts',
  emptyBody:
    'Topics erscheinen hier, sobald etwas veröffentlicht wird, über MQTT, HTTP oder WebSocket. Veröffentliche selbst eine Nachricht, oder verbinde ein Gerät.',
  emptyButton: 'Gerät verbinden',
  waiting: 'Wartet auf den Hub.',
  failed:
    'Die Live-Ansicht hat keine Verbindung zum Hub. Sie versucht es von selbst wieder; was du siehst, bleibt.',
  notAllowed: 'Du darfst kein Topic lesen. Bitte einen Admin dieses Hubs um das Recht dazu.',
  overflow: (n, max) =>
    `Es gibt mehr als ${number(max)} Ebenen. ${plural(n, 'Nachricht an weitere Topics wurde', 'Nachrichten an weitere Topics wurden')} nur gezählt. Gesucht wird in dem, was hier steht.`,
  lost: (n) =>
    `Diese Seite kam nicht nach, und der Hub ließ ${messages(n)} aus. Die letzten Werte stimmen wieder, sobald sie sich ändern.`,
  retained: 'Gespeichert',
  retainedTitle:
    'Der Hub behält die letzte Nachricht dieses Topics (retained) und gibt sie jedem, der es abonniert',
  notRetained: 'Nicht gespeichert',
  stored: 'war schon da',
  storedTitle: 'War schon da, als diese Seite abonnierte',
  empty: 'leer',
  bytes,
  below: (below, n) => (n === 0 ? topics(below) : `${topics(below)}, ${messages(n)}`),
  rowLabel: (name, value) => `${name}: ${value}`,

  chooseTitle: 'Wähle ein Topic',
  chooseBody: 'Hier stehen dann seine Payload, was sich zuletzt änderte, sein Verlauf und ein Diagramm.',
  back: 'Alle Topics',
  copyTopic: 'Topic kopieren',
  copied: 'Kopiert.',
  openDevice: 'Gerät öffnen',
  openWire: 'Die Leitung ansehen',
  publishHere: 'Hier veröffentlichen',
  deleteRetained: 'Gespeicherte Nachricht löschen',
  deleteTitle: (topic) => `Die gespeicherte Nachricht von ${topic} löschen?`,
  deleteText:
    'Wer von jetzt an abonniert, bekommt zu diesem Topic nichts, bis wieder etwas darauf veröffentlicht wird. Wer es jetzt abonniert hat, sieht eine leere Nachricht.',
  deleteVerb: 'Gespeicherte Nachricht löschen',
  deleted: 'Gespeicherte Nachricht gelöscht.',
  payload: 'Payload',
  changed: 'Geändert',
  history: 'Verlauf',
  view: 'Ansicht',
  pretty: 'Formatiert',
  raw: 'Roh',
  hex: 'Hex',
  kindJson: 'JSON',
  kindText: 'Text',
  kindBytes: 'Bytes',
  cut: (shown, size) => `Die ersten ${number(shown)} von ${bytes(size)}.`,
  diffNone: 'Das ist die erste Nachricht dieses Topics, seit die Seite offen ist.',
  diffSame: 'Die letzten zwei Payloads sind gleich.',
  diffOf: (time) => `Verglichen mit der Nachricht von ${time}`,
  removed: 'Entfernt:',
  added: 'Dazu:',
  historyNote: (n) => `Höchstens die letzten ${number(n)} Nachrichten, seit diese Seite offen ist.`,
  chart: (n) => `Diagramm der letzten ${number(n)} Zahlen`,
  chartField: 'Feld',
  chartSelf: 'Payload',
  chartFrom: (min, max) => `${min} bis ${max}`,
  noOwn: 'Auf dieser Ebene selbst wurde nichts veröffentlicht.',
  via: 'Kam über',
  time: 'Zeit',
  value: 'Wert',
  noTime: 'ohne Zeit',

  publish: {
    title: 'Veröffentlichen',
    topic: 'Topic',
    topicHint: 'Zum Beispiel home/note. Um bei einem Gerät einen Wert anzufragen: devices/lamp/power/set.',
    payload: 'Payload',
    mode: 'Payload als',
    modes: { text: 'Text', json: 'JSON', hex: 'Hex' },
    qos: 'QoS',
    qosNames: ['0 – höchstens einmal', '1 – mindestens einmal', '2 – genau einmal'],
    retain: 'Speichern (retain)',
    retainHint: 'Der Hub behält sie für die, die später abonnieren.',
    button: 'Veröffentlichen',
    busy: 'Veröffentlicht',
    done: (topic) => `Auf ${topic} veröffentlicht.`,
    badTopic: 'Ein Topic hat kein +, kein # und beginnt nicht mit $. Schreibe es ganz aus.',
    dots: 'Ein Browser kann kein Topic mit einer Ebene „.“ oder „..“ ansprechen. Veröffentliche darauf über MQTT.',
    noTopic: 'Nenne zuerst ein Topic.',
    badJson: (reason) => `Das ist kein JSON: ${reason}`,
    badHex: 'Hex hat zwei Ziffern für jedes Byte, zum Beispiel 48 65 6c 6c 6f.',
    tooLong: (max) =>
      `Eine Payload hat hier höchstens ${bytes(max)}. Veröffentliche größere über MQTT oder HTTP.`,
    notAllowed:
      'Du darfst lesen, aber nicht veröffentlichen. Bitte einen Admin dieses Hubs um das Recht dazu.',
    history: 'Von hier veröffentlicht',
    historyNote:
      'Liegt nur in diesem Browser. Was nach einem Passwort oder Token aussieht, wird nicht aufgehoben.',
    historyClear: 'Diese vergessen',
    again: (topic, payload) => `Eintragen: ${topic}, ${payload}`,
  },

  wire: {
    title: 'Leitung',
    about: 'Die echten Frames einer Verbindung, in beiden Richtungen, Byte für Byte.',
    choose: 'Wähle eine Verbindung',
    search: 'Verbindungen suchen',
    searchHint: 'Name, Gerät, Adresse oder Protokoll',
    connections: 'Verbindungen',
    count: (n) => plural(n, 'Verbindung', 'Verbindungen'),
    none: 'Niemand ist verbunden',
    noneBody:
      'Eine Verbindung erscheint hier, sobald sich ein Gerät, eine App oder ein Browser mit diesem Hub verbindet.',
    noMatch: (words) => `Keine Verbindung passt zu „${words}“.`,
    forbidden: 'Die Leitung sehen Admins dieses Hubs; alle anderen sehen nur ihre eigenen Verbindungen.',
    name: 'Client',
    unnamed: 'ohne Namen',
    silent: 'Stumm',
    over: 'Spricht',
    peer: 'Von',
    since: 'Seit',
    traffic: 'Herein und hinaus',
    trafficOf: (into, out) => `${into} herein, ${out} hinaus`,
    frames: (n) => plural(n, 'Frame', 'Frames'),
    bytes: (n) => {
      if (n < 1000) return `${n} B`;
      if (n < 1_000_000) return `${tenths.format(n / 1000)} kB`;
      return `${tenths.format(n / 1_000_000)} MB`;
    },
    watch: (name) => `${name} beobachten`,
    back: 'Alle Verbindungen',
    seeAll: 'Alle Verbindungen zeigen',
    ofDevice: (name) => `Leitung von ${name}`,
    ofPeer: (peer) => `Leitung von ${peer}`,
    deviceAbout: 'Jede Verbindung dieses Geräts, auch die, die noch kommen.',
    gone: 'Diese Verbindung ist zu Ende',
    goneBody:
      'Sie endete, bevor diese Seite hinsah. Kam das Gerät oder die App zurück, dann mit einer anderen.',
    watching: 'Beobachtet',
    connecting: 'Verbindet',
    lost: 'Die Verbindung zum Hub brach ab. Frames, die inzwischen kommen, sind nicht zu sehen.',
    quiet: 'Seit diese Seite hinsieht, kam nichts',
    quietBody:
      'Jeder Frame erscheint hier in dem Augenblick, in dem er gelesen oder geschrieben wird. Lass das Gerät etwas senden.',
    direction: 'Richtung',
    directions: { both: 'Beide', in: 'Zum Hub', out: 'Vom Hub' },
    way: { in: 'zum Hub', out: 'vom Hub' },
    kinds: 'Arten von Frames',
    find: 'Frames suchen',
    findHint: 'Art oder Zusammenfassung',
    pause: 'Anhalten',
    resume: 'Fortsetzen',
    paused: (n) => `Angehalten. Seitdem ${plural(n, 'weiterer Frame', 'weitere Frames')}.`,
    clear: 'Leeren',
    copy: 'Frame kopieren',
    copied: 'Frame kopiert.',
    save: 'Als Text speichern',
    file: (of) => `leitung-${of}.txt`,
    timeline: 'Frames, älteste zuerst',
    latest: 'Zum neuesten',
    forgotten: (n) => `${plural(n, 'älterer Frame ist', 'ältere Frames sind')} nicht mehr da.`,
    narrowed: (shown, all) => `${number(shown)} von ${plural(all, 'Frame', 'Frames')}`,
    option: (way, kind, size, summary) => `${kind}, ${way}, ${size}. ${summary}`,
    chooseTitle: 'Wähle einen Frame',
    chooseBody: 'Hier stehen dann seine Bytes, jedes mit dem Feld, zu dem es gehört.',
    fields: 'Felder',
    allFrames: 'Alle Frames',
    dump: 'Bytes',
    noFields: 'Der Hub hat zu diesen Bytes nichts zu sagen.',
    bytePlaces: (from, to) =>
      to - from <= 1 ? `Byte ${number(from)}` : `Bytes ${number(from)}–${number(to - 1)}`,
    redacted: 'Zurückgehalten: ein Passwort, ein Token oder ein Cookie. Es hat den Hub nie verlassen.',
    length: bytes,
    words: {
      way: { in: '-> Hub', out: 'Hub ->' },
      gap: (lost) =>
        `${plural(lost, 'Frame fehlt', 'Frames fehlen')}: Es ging zu schnell, um alles zu zeigen.`,
      end: 'Die Verbindung wurde geschlossen.',
      broken: 'Diese Seite verlor ihre Verbindung zum Hub. Was inzwischen kam, war nicht zu sehen.',
      bytes,
      cut: (shown, of) => `Die ersten ${number(shown)} von ${bytes(of)}.`,
    },
  },
};

export default de;
