// The German words of the page; see `strings.ts` beside this folder. „Du“, klar und kurz.
import type { t } from '../strings';
import { list, number, plural } from './count';

type Pair = [no: string, yes: string];

const roles: Record<string, Pair> = {
  motion: ['Ruhig', 'Bewegung'],
  presence: ['Abwesend', 'Anwesend'],
  occupancy: ['Leer', 'Belegt'],
  contact: ['Geschlossen', 'Offen'],
  door: ['Geschlossen', 'Offen'],
  window: ['Geschlossen', 'Offen'],
  lock: ['Entriegelt', 'Verriegelt'],
  leak: ['Trocken', 'Wasser'],
  smoke: ['Klar', 'Rauch'],
};

const devices = (n: number): string => plural(n, 'Gerät', 'Geräte');

const de: typeof t = {
  app: 'Housewire',
  skip: 'Zum Inhalt springen',
  nav: {
    label: 'Seiten',
    home: 'Start',
    dashboards: 'Dashboards',
    devices: 'Geräte',
    history: 'Verlauf',
    live: 'Live',
    settings: 'Einstellungen',
    more: 'Mehr',
    components: 'Bausteine',
  },

  bell: {
    name: 'Benachrichtigungen',
    label: (unread) =>
      unread === 0 ? 'Benachrichtigungen' : `Benachrichtigungen, ${unread > 99 ? 'mehr als 99' : unread} neu`,
  },

  value: {
    none: '–',
    noneLong: 'Noch kein Wert',
    switch: ['Aus', 'Ein'],
    bool: ['Nein', 'Ja'],
    roles,
    bytes: (n) => plural(n, 'Byte', 'Bytes'),
  },

  age: {
    now: 'gerade eben',
    seconds: (n) => `vor ${n} s`,
    minutes: (n) => `vor ${n} min`,
    hours: (n) => `vor ${n} h`,
    days: (n) => `vor ${plural(n, 'Tag', 'Tagen')}`,
    never: 'nie',
    stale: 'Später als gewohnt',
  },
  duration: {
    seconds: (n) => `${n} s`,
    minutes: (n) => `${n} min`,
    hours: (h, m) => `${h} h ${m} min`,
    days: (d, h) => `${plural(d, 'Tag', 'Tage')} ${h} h`,
  },
  range: {
    between: (min, max) => `${min} bis ${max}`,
    from: (min) => `ab ${min}`,
    upTo: (max) => `bis ${max}`,
    steps: (step) => `in Schritten von ${step}`,
  },

  door: {
    names: {
      mqtt: 'MQTT',
      http: 'HTTP',
      ws: 'WS',
      blynk: 'Blynk',
      gpio: 'GPIO',
      ble: 'BLE',
      hub: 'Hub',
      homeassistant: 'HA',
      tasmota: 'Tasmota',
      zigbee2mqtt: 'Z2M',
      homie: 'Homie',
    },
    title: (door) => `Die letzte Meldung kam über ${door}`,
    open: (door, device) => `${door}: die letzten Nachrichten von ${device} zeigen`,
  },

  link: {
    live: 'Live',
    connecting: 'Verbindet',
    lost: 'Keine Verbindung',
    bannerLost: 'Die Verbindung zum Hub ist weg. Was du siehst, kann veraltet sein.',
    bannerRetry: (seconds) => (seconds > 0 ? `Neuer Versuch in ${seconds} s.` : 'Neuer Versuch läuft.'),
    bannerTrying: 'Neuer Versuch läuft.',
    retry: 'Jetzt versuchen',
    back: 'Wieder verbunden.',
    oldTitle: 'Alte Werte',
    old: (when) =>
      `Der Hub antwortet nicht. Das hat dieser Browser zuletzt gesehen, ${when}. Sobald der Hub zurück ist, siehst du, was ist.`,
    askingTitle: (page) => `Ohne den Hub geht hier nichts: ${page}`,
    asking:
      'Was hier steht, wird jedes Mal beim Hub erfragt, und dieser Browser behält nichts davon. Es kommt, sobald der Hub antwortet.',
    updated: 'Dieser Hub wurde aktualisiert. Die Seite, die du siehst, ist von der Version davor.',
    reload: 'Neue Seite laden',
  },

  home: {
    title: 'Start',
    summary: (n, offline) => (offline === 0 ? devices(n) : `${devices(n)}, ${number(offline)} offline`),
    offline: (n) => `${n} offline`,
    noRoom: 'Ohne Raum',
    more: (n) => `${n} weitere`,
    moreLabel: (n, device) => `${plural(n, 'weitere Eigenschaft', 'weitere Eigenschaften')} von ${device}`,
    rejected: (n) => `${n} abgelehnt`,
    rejectedLabel: (n, device) =>
      `${n} abgelehnt: ${n === 1 ? 'eine Nachricht' : 'Nachrichten'} von ${device}. Zeigen, warum`,
    noProperties: 'Noch nichts gemeldet.',
    lastReport: 'Letzte Meldung',
    emptyTitle: 'Noch keine Geräte',
    emptyBody:
      'Ein Gerät erscheint hier, sobald es einen Wert meldet, auf welchem Weg auch immer. Anmelden musst du es nicht. Probier es in einem Terminal:',
    emptyOr: 'Oder lass diese Seite die erste Zeile für dich senden.',
    emptyButton: 'Ersten Wert melden',
  },

  demo: {
    badge: 'Demo',
    note: (n) =>
      `${plural(n, 'simuliertes Gerät lebt', 'simulierte Geräte leben')} hier, damit du dich umsehen kannst.`,
    remove: 'Demo-Haus entfernen',
    confirmTitle: 'Das Demo-Haus entfernen?',
    confirmBody: (n) =>
      `Das hält ${plural(n, 'simuliertes Gerät', 'simulierte Geräte')} an und löscht sie samt ihren Werten. Deine eigenen Geräte bleiben.`,
    keep: 'Behalten',
    removed: 'Demo-Haus entfernt.',
    none: 'Auf diesem Hub sind keine Demo-Geräte mehr.',
  },

  devices: {
    title: 'Geräte',
    search: 'Nach Name, Id oder Raum suchen',
    searchLabel: 'Ein Gerät suchen',
    name: 'Name',
    room: 'Raum',
    door: 'Weg',
    properties: 'Eigenschaften',
    last: 'Letzte Meldung',
    state: 'Zustand',
    none: (query) => `Kein Gerät passt zu „${query}“.`,
    clear: 'Suche leeren',
    emptyBody: 'Jedes Gerät, das je etwas gemeldet hat, steht hier.',
    add: 'Gerät hinzufügen',
    connect: 'Gerät verbinden',
  },

  found: {
    title: 'Gefundene Geräte',
    invite: (n) => plural(n, 'neues Gerät gefunden', 'neue Geräte gefunden'),
    names: (names, more) => list(more > 0 ? [...names, `${more} weitere`] : names),
    look: 'Ansehen',
    lookOne: 'Ansehen',
    sources: {
      homeassistant: 'Home-Assistant-Discovery',
      tasmota: 'Tasmota',
      zigbee2mqtt: 'Zigbee2MQTT',
      homie: 'Homie',
      mdns: 'das Netzwerk (mDNS)',
    },
    marks: { homeassistant: 'HA', tasmota: 'Tasmota', zigbee2mqtt: 'Z2M', homie: 'Homie', mdns: 'mDNS' },
    markTitle: (source) => `Angekündigt durch ${source}`,
    connection: 'Verbindung',
    adoptedFrom: 'Gefunden durch',
    announcedBy: 'Angekündigt von',
    topic: 'Auf dem Topic',
    through: 'Über',
    version: 'Seine Software',
    address: 'Adresse',
    ownPage: 'Seine eigene Seite öffnen',
    manage: 'Gefundene Geräte',
  },

  device: {
    online: 'Online',
    offline: 'Offline',
    edit: 'Bearbeiten',
    delete: 'Löschen',
    id: 'Id',
    topics: 'Seine Topics',
    room: 'Raum',
    properties: 'Eigenschaften',
    model: 'Modell',
    noProperties: 'Dieses Gerät hat noch nichts gemeldet.',
    target: 'Angefragt',
    editTitle: 'Gerät bearbeiten',
    name: 'Name',
    nameHint: (id) => `Leer lassen, um die Id zu zeigen: ${id}.`,
    roomHint: 'Leer lassen für keinen Raum.',
    save: 'Änderungen speichern',
    saved: 'Änderungen gespeichert.',
    cancel: 'Abbrechen',
    deleteTitle: (name) => `${name} löschen?`,
    deleteBody: (n) =>
      `${plural(n, 'Eigenschaft', 'Eigenschaften')}, letzte Werte und Verlauf werden entfernt. Meldet sich das Gerät wieder, kommt es als neues zurück.`,
    deleteConfirm: 'Gerät löschen',
    deleteKeep: 'Behalten',
    deleted: (name) => `${name} gelöscht.`,
    goneTitle: 'Kein solches Gerät',
    goneBody: (id) =>
      `Der Hub kennt kein Gerät mit der Id ${id}. Vielleicht wurde es gelöscht; meldet es sich wieder, kommt es zurück.`,
    goneButton: 'Alle Geräte zeigen',
    offlineNote: 'Dieses Gerät ist offline. Eine Anfrage wartet auf es, bis sie abläuft.',
    types: {
      bool: 'bool',
      int: 'int',
      float: 'float',
      enum: 'enum',
      string: 'string',
      color: 'color',
      json: 'json',
      bytes: 'bytes',
    },
    access: { read: 'lesen', set: 'setzen', event: 'Ereignis' },
    inferred: 'erschlossen',
    inferredTitle: 'Der Typ wurde aus dem erschlossen, was das Gerät meldet. Nichts wird abgelehnt.',
    declaredTitle: 'Der Typ wurde festgelegt. Was ihm widerspricht, wird abgelehnt.',
    declared: 'festgelegt',
  },

  history: {
    show: 'Verlauf',
    showOf: (property) => `Verlauf von ${property}`,
  },

  rejected: {
    title: 'Abgelehnte Nachrichten',
    count: (n) => `${plural(n, 'Nachricht', 'Nachrichten')} dieses Geräts passten nicht und änderten nichts.`,
  },

  reach: {
    title: 'So erreichst du es',
    property: 'Eigenschaft',
    read: 'Lesen',
    watch: 'Beobachten',
    ask: 'Einen Wert anfragen',
    report: 'Einen Wert melden, wie es das Gerät tut',
    loopback:
      'Diese Zeilen gelten auf dem Rechner, auf dem der Hub läuft. Von anderswo setze seine Netzwerkadresse ein statt',
    ca: 'Sie brauchen das Zertifikat des Hubs daneben:',
    token: 'Diese Zeilen brauchen einen Token des Geräts. Lege deinen zuerst in eine Variable:',
    none: 'Vor der ersten Meldung gibt es nichts zu erreichen.',
  },

  wire: {
    title: 'Leitung',
    frames: 'Byte für Byte',
    empty: 'Seit diese Seite offen ist, kam keine Nachricht dieses Geräts über die Leitung.',
    retained: 'gespeichert',
    retainedTitle: 'Gespeicherter Wert, gesendet, als diese Seite abonnierte',
    binary: 'base64',
    emptyPayload: 'leer',
    of: (name) => `Leitung von ${name}`,
    last: (name) => `Letzte Nachrichten von ${name}`,
  },

  request: {
    sending: 'Sendet',
    waiting: (value) => `Wartet auf ${value}`,
    arrow: '→',
    confirmed: 'Bestätigt',
    sent: 'Gesendet',
    dismiss: 'Ausblenden',
    instead: (asked, got) =>
      `Angefragt war ${asked}, aber das Gerät meldete ${got}. Vielleicht kann es diesen Wert nicht; versuche einen anderen.`,
    silent: (asked) =>
      `Angefragt war ${asked}, aber das Gerät bestätigte es nicht rechtzeitig. Prüfe, ob es auf Anfragen hört, und versuche es noch einmal.`,
    silentOffline: (asked) =>
      `Angefragt war ${asked}, aber das Gerät ist offline. Prüfe Strom und Netzwerk, dann versuche es noch einmal.`,
    announce: (device, property, text) => `${device}, ${property}: ${text}`,
  },

  control: {
    send: 'Senden',
    increase: (label) => `${label} erhöhen`,
    decrease: (label) => `${label} verringern`,
    press: 'Drücken',
    choose: 'Wählen',
    chooseColor: (label) => `${label} wählen`,
    badJson: 'Das ist kein gültiges JSON. Prüfe Anführungszeichen, Kommas und Klammern.',
    badNumber: 'Gib eine Zahl ein.',
    badHex: 'Schreibe eine Farbe mit sechs Hexziffern, zum Beispiel #ff8800.',
    badBase64: 'Das ist kein base64.',
    base64: 'base64',
  },

  color: {
    title: (label) => label,
    hex: 'Hex',
    hue: 'Farbton',
    area: 'Sättigung und Helligkeit',
    areaText: (s, v) => `Sättigung ${s} %, Helligkeit ${v} %`,
    swatch: (hex) => `Farbe ${hex}`,
  },

  code: { copied: 'Kopiert', copyLabel: (what) => `Kopieren: ${what}` },
  table: { more: (n) => `Mehr zeigen, noch ${n}` },
  dialog: { close: 'Schließen', keep: 'Behalten' },
  toast: { dismiss: 'Ausblenden' },

  settings: {
    title: 'Einstellungen',
    lead: 'Wie dieser Browser den Hub zeigt und was der Hub von sich sagt.',
    notYours: 'Dieser Abschnitt ist für Admins',
    notYoursBody: (section) =>
      `${section} ändert, wer was darf; darum öffnet ihn nur ein Admin. Bitte einen darum, oder darum, dass du Admin wirst.`,
    notYoursGuest: 'Du bist nicht angemeldet. Melde dich als Admin an, um ihn zu öffnen.',
    appearance: 'Aussehen',
    theme: 'Farben',
    themes: { system: 'System', light: 'Hell', dark: 'Dunkel' },
    themeHint: 'Bleibt in diesem Browser.',
    hub: 'Dieser Hub',
    address: 'Adresse',
    version: 'Version',
    uptime: 'Läuft seit',
    devices: 'Geräte',
    demo: 'Demo-Haus',
    docs: 'Wie Programme mit diesem Hub sprechen',
    addressHint: 'HTTP, WebSocket und MQTT antworten alle unter dieser Adresse.',
    api: 'Was Programme ihm sagen können',
  },
  language: {
    title: 'Sprache',
    hint: 'Dein Browser wählt, bis du wählst. Zahlen und Daten richten sich danach.',
  },
  sections: {
    general: 'Allgemein',
    account: 'Dein Konto',
    people: 'Personen',
    tokens: 'Tokens & Geräte',
    discovery: 'Discovery',
    history: 'Disk & Verlauf',
    templates: 'Gerätevorlagen',
    virtual: 'Virtuelle Geräte',
    firmware: 'Firmware',
    guest: 'Gäste',
    tls: 'Verschlüsselung',
    limits: 'Grenzen',
    backup: 'Sicherung',
    logs: 'Protokoll',
    audit: 'Audit-Log',
  },

  signIn: {
    unknown: 'Der Hub sagte nicht, wer du bist',
    title: 'Anmelden',
    lead: 'Mit Name und Passwort deines Kontos auf diesem Hub.',
    button: 'Anmelden',
    wait: (seconds) => `Noch ${seconds} s warten`,
    ended:
      'Deine Sitzung ist zu Ende, oder jemand hat sie beendet. Melde dich an, um dort weiterzumachen, wo du warst.',
    nameMissing: 'Gib deinen Namen ein.',
    passwordMissing: 'Gib dein Passwort ein.',
    forgotten: 'Passwort vergessen? Ein Admin gibt dir unter Einstellungen, Personen ein neues.',
  },
  setup: {
    title: 'Mach diesen Hub zu deinem',
    lead: 'Lege das erste Konto an. Es ist ein Admin: Es darf alles und lässt andere herein.',
    create: 'Admin anlegen',
    button: 'Diesen Hub einrichten',
    notNow: 'Nicht jetzt',
    later: 'Nicht jetzt, zu den Geräten',
    invite: 'Mach diesen Hub zu deinem',
    inviteText:
      'Er hat noch keinen Admin. Wer diesen Rechner benutzt, darf darum alles, und sonst kommt niemand herein. Lege ein Konto an, um dich vom Telefon anzumelden und Geräten Tokens zu geben.',
    key: 'Einrichtungsschlüssel',
    keyHint:
      'Beim ersten Start hat der Hub einen Link ausgegeben. Füge ihn hier ein, oder öffne ihn stattdessen.',
    keyMissing:
      'Füge den Link ein, oder was hinter seinem # steht. Du findest ihn dort, wo der Hub gestartet wurde, oder in seinem Protokoll.',
    nameHint: 'Womit du dich anmeldest, zum Beispiel anna.',
    done: 'Dieser Hub hat schon einen Admin. Melde dich an, oder bitte diese Person um ein Konto.',
  },
  plain: {
    title: 'Dein Passwort geht unverschlüsselt durchs Netz',
    text: 'Wer in diesem Netzwerk mithört, kann es lesen. Nimm die verschlüsselte Adresse; der Browser warnt dort, bis er diesem Hub vertraut.',
    none: 'Wer in diesem Netzwerk mithört, kann es lesen, und dieser Hub bietet keine verschlüsselte Adresse. Melde dich nur in einem Netzwerk an, dem du vertraust.',
    open: 'Verschlüsselte Adresse öffnen',
    trust: 'Dieses Gerät dem Hub vertrauen lassen',
  },
  trust: {
    title: 'Diesem Hub vertrauen',
    lead: 'Der Hub verschlüsselt mit einem Zertifikat, das er selbst unterschrieben hat. Sag deinem Gerät einmal, dass es ihm vertrauen soll, und die Warnungen enden.',
    back: 'Zurück zum Hub',
  },
  password: {
    label: 'Passwort',
    old: 'Jetziges Passwort',
    new: 'Neues Passwort',
    show: 'Passwort zeigen',
    hide: 'Passwort verbergen',
    change: 'Passwort ändern',
    changed: 'Passwort geändert. Andere Browser wurden abgemeldet.',
    endsOthers: 'Meldet dich überall sonst ab.',
    rule: '8 bis 256 Zeichen. Ein paar Wörter hintereinander sind gut.',
    strength: {
      short: 'Zu kurz. Nimm mindestens 8 Zeichen.',
      weak: 'Schwach: leicht zu raten. Mach es länger.',
      fair: 'Geht. Länger ist besser.',
      strong: 'Stark.',
      long: 'Zu lang. Nimm höchstens 256 Zeichen.',
    },
  },
  role: {
    admin: {
      text: 'Admin',
      hint: 'Alles: Geräte, Personen, Tokens, das Audit-Log.',
      read: ['#', '$SYS/#'],
      write: ['#', '$SYS/#'],
    },
    member: {
      text: 'Mitglied',
      hint: 'Sieht und schaltet jedes Gerät, gibt Geräten Tokens. Keine Personen, keine Einstellungen des Hubs.',
      read: ['#', '$SYS/#'],
      write: ['#'],
    },
    viewer: {
      text: 'Betrachter',
      hint: 'Sieht alles, schaltet nichts.',
      read: ['#', '$SYS/#'],
      write: [],
    },
  },
  account: {
    title: 'Dein Konto',
    lead: 'Wer du an diesem Hub bist und wo du angemeldet bist.',
    label: (name, role) => `Konto: ${name}, ${role}`,
    name: 'Name',
    role: 'Rolle',
    rights: 'Rechte',
    ownRights: 'Eigene Rechte',
    guest: 'Gast',
    guestOf: (policy) => (policy === 'lan' ? 'In diesem Netzwerk' : 'Auf diesem Rechner'),
    signOut: 'Abmelden',
  },
  rights: {
    read: 'Liest',
    write: 'Schreibt',
    deny: 'Nie',
    everything: 'alles',
    nothing: 'nichts',
  },
  filters: {
    wrong: (filters) =>
      `Kein Topic-Filter: ${filters}. „+“ steht für genau eine Ebene, „#“ für alle weiteren, nur am Ende.`,
  },
  sessions: {
    title: 'Wo du angemeldet bist',
    browser: 'Browser',
    unknown: 'Unbekannter Browser',
    from: 'Adresse',
    seen: 'Zuletzt gesehen',
    since: 'Seit',
    current: 'Dieser',
    end: 'Abmelden',
    endLabel: (browser) => `${browser} abmelden`,
    endTitle: 'Diesen Browser abmelden?',
    endBody: 'Er muss sich neu anmelden. Was er zeigt, verschwindet sofort.',
    endOwn: 'Das ist der Browser, den du gerade benutzt. Du musst dich neu anmelden.',
  },
  readOnly: {
    control: 'Du darfst das sehen, aber nicht ändern. Bitte einen Admin um das Recht dazu.',
    viewer: 'Du bist Betrachter: Du siehst alles und schaltest nichts.',
    rights: 'Du darfst hier schauen, aber nichts schalten.',
  },
  guest: {
    open: 'Dieser Hub lässt ohne Passwort herein',
    openLan:
      'Wer ihn im Netzwerk erreicht, sieht und schaltet jedes Gerät. So will es die Konfiguration mit guest = "lan".',
    openLoopback:
      'Jedes Programm auf dem Rechner des Hubs sieht und schaltet jedes Gerät. So will es die Konfiguration mit guest = "loopback".',
    look: 'Ansehen, was das heißt',
  },

  error: {
    title: 'Die Geräte können nicht gezeigt werden',
    retry: 'Noch einmal',
    network:
      'Der Hub antwortete nicht. Vielleicht ist er aus, oder das Netzwerk ist weg. Prüfe, ob er läuft, dann versuche es noch einmal.',
    timeout:
      'Der Hub antwortete nicht innerhalb von 10 s. Vielleicht ist er beschäftigt oder nicht erreichbar. Versuche es gleich noch einmal.',
    shape:
      'Der Hub schickte eine Antwort, die diese Seite nicht versteht. Vielleicht ist er von einer anderen Version. Lade die Seite neu.',
    status: (status) =>
      `Der Hub antwortete mit Status ${status}. Sieh in seinem Protokoll nach dem Grund, dann versuche es noch einmal.`,
    notFoundTitle: 'Keine solche Seite',
    notFound: (path) => `Unter ${path} ist nichts.`,
    toHome: 'Zum Start',
    part: 'Dieser Teil der Seite ließ sich nicht holen. Der Hub ist vielleicht nicht erreichbar oder wurde aktualisiert. Lade die Seite neu.',
    reload: 'Seite neu laden',
  },
  loading: 'Geräte werden geladen',
  loadingPart: 'Wird geladen',
};

export default de;
