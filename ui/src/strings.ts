// Every English word of the page, in one place. Plain, second person, sentence case. An error says what
// happened, why, and the next step. Functions where a number or a name belongs into the sentence.
import { locale, translate } from './language';

const plural = (n: number, one: string, many: string): string =>
  `${new Intl.NumberFormat(locale).format(n)} ${n === 1 ? one : many}`;

// The first word stands for false, the second for true.
type Pair = [no: string, yes: string];

const roles: Record<string, Pair> = {
  motion: ['Clear', 'Motion'],
  presence: ['Away', 'Present'],
  occupancy: ['Empty', 'Occupied'],
  contact: ['Closed', 'Open'],
  door: ['Closed', 'Open'],
  window: ['Closed', 'Open'],
  lock: ['Unlocked', 'Locked'],
  leak: ['Dry', 'Leak'],
  smoke: ['Clear', 'Smoke'],
};

export const t = {
  app: 'Housewire',
  skip: 'Skip to content',
  nav: {
    label: 'Pages',
    home: 'Home',
    dashboards: 'Dashboards',
    devices: 'Devices',
    history: 'History',
    live: 'Live',
    settings: 'Settings',
    more: 'More',
    components: 'Components',
  },

  bell: {
    name: 'Notifications',
    label: (unread: number) =>
      unread === 0 ? 'Notifications' : `Notifications, ${unread > 99 ? 'more than 99' : unread} new`,
  },

  value: {
    none: '–',
    noneLong: 'No value yet',
    switch: ['Off', 'On'] as Pair,
    bool: ['No', 'Yes'] as Pair,
    roles,
    bytes: (n: number) => plural(n, 'byte', 'bytes'),
  },

  age: {
    now: 'just now',
    seconds: (n: number) => `${n} s ago`,
    minutes: (n: number) => `${n} min ago`,
    hours: (n: number) => `${n} h ago`,
    days: (n: number) => plural(n, 'day ago', 'days ago'),
    never: 'never',
    stale: 'Later than usual',
  },
  duration: {
    seconds: (n: number) => `${n} s`,
    minutes: (n: number) => `${n} min`,
    hours: (h: number, m: number) => `${h} h ${m} min`,
    days: (d: number, h: number) => `${plural(d, 'day', 'days')} ${h} h`,
  },
  range: {
    between: (min: string, max: string) => `${min} to ${max}`,
    from: (min: string) => `from ${min}`,
    upTo: (max: string) => `up to ${max}`,
    steps: (step: string) => `in steps of ${step}`,
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
    } as Record<string, string>,
    title: (door: string) => `Last report came in by ${door}`,
    open: (door: string, device: string) => `${door}: show the last messages of ${device}`,
  },

  link: {
    live: 'Live',
    connecting: 'Connecting',
    lost: 'No connection',
    bannerLost: 'The connection to the hub is lost. What you see may be out of date.',
    bannerRetry: (seconds: number) => (seconds > 0 ? `Trying again in ${seconds} s.` : 'Trying again now.'),
    bannerTrying: 'Trying again now.',
    retry: 'Try now',
    back: 'Connected again.',
    oldTitle: 'Old values',
    old: (when: string) =>
      `The hub does not answer. This is what this browser saw last, ${when}. It shows what is as soon as the hub is back.`,
    askingTitle: (page: string) => `${page} needs the hub`,
    asking:
      'What stands here is asked of the hub each time, and nothing of it is kept in this browser. It comes as soon as the hub answers.',
    updated: 'This hub was updated. The page that you see is of the version before.',
    reload: 'Load the new page',
  },

  home: {
    title: 'Home',
    summary: (devices: number, offline: number) =>
      offline === 0
        ? plural(devices, 'device', 'devices')
        : `${plural(devices, 'device', 'devices')}, ${offline} offline`,
    offline: (n: number) => `${n} offline`,
    noRoom: 'Without a room',
    more: (n: number) => `${n} more`,
    moreLabel: (n: number, device: string) => `${plural(n, 'more property', 'more properties')} of ${device}`,
    rejected: (n: number) => `${n} refused`,
    rejectedLabel: (n: number, device: string) =>
      `${n} refused: ${n === 1 ? 'a message' : 'messages'} of ${device}. Show why`,
    noProperties: 'Nothing reported yet.',
    lastReport: 'Last report',
    emptyTitle: 'No devices yet',
    emptyBody:
      'A device appears here as soon as it reports a value, by any door. It needs no registration. Try it from a terminal:',
    emptyOr: 'Or let this page send the first line for you.',
    emptyButton: 'Report a first value',
  },

  demo: {
    badge: 'Demo',
    note: (n: number) =>
      `${plural(n, 'simulated device', 'simulated devices')} live here so that you can look around.`,
    remove: 'Remove demo house',
    confirmTitle: 'Remove the demo house?',
    confirmBody: (n: number) =>
      `This stops ${plural(n, 'simulated device', 'simulated devices')} and deletes them with their values. Your own devices stay.`,
    keep: 'Keep it',
    removed: 'Demo house removed.',
    none: 'No demo devices are left on this hub.',
  },

  devices: {
    title: 'Devices',
    search: 'Find by name, id or room',
    searchLabel: 'Find a device',
    name: 'Name',
    room: 'Room',
    door: 'Door',
    properties: 'Properties',
    last: 'Last report',
    state: 'State',
    none: (query: string) => `No device matches “${query}”.`,
    clear: 'Clear the search',
    emptyBody: 'Every device that has ever reported is listed here.',
    add: 'Add device',
    connect: 'Connect a device',
  },

  found: {
    title: 'Found devices',
    invite: (n: number) => plural(n, 'new device found', 'new devices found'),
    names: (names: readonly string[], more: number) =>
      new Intl.ListFormat(locale).format(more > 0 ? [...names, `${more} more`] : names),
    look: 'Look at them',
    lookOne: 'Look at it',
    sources: {
      homeassistant: 'Home Assistant discovery',
      tasmota: 'Tasmota',
      zigbee2mqtt: 'Zigbee2MQTT',
      homie: 'Homie',
      mdns: 'the network (mDNS)',
    } as Record<string, string>,
    marks: {
      homeassistant: 'HA',
      tasmota: 'Tasmota',
      zigbee2mqtt: 'Z2M',
      homie: 'Homie',
      mdns: 'mDNS',
    } as Record<string, string>,
    markTitle: (source: string) => `Announced by ${source}`,
    connection: 'Connection',
    adoptedFrom: 'Found by',
    announcedBy: 'Announced by',
    topic: 'On the topic',
    through: 'Through',
    version: 'Its software',
    address: 'Address',
    ownPage: 'Open its own page',
    manage: 'Found devices',
  },

  device: {
    online: 'Online',
    offline: 'Offline',
    edit: 'Edit',
    delete: 'Delete',
    id: 'Id',
    topics: 'Its topics',
    room: 'Room',
    properties: 'Properties',
    model: 'Model',
    noProperties: 'This device has not reported anything yet.',
    target: 'Asked for',
    editTitle: 'Edit device',
    name: 'Name',
    nameHint: (id: string) => `Leave it empty to show the id, ${id}.`,
    roomHint: 'Leave it empty for no room.',
    save: 'Save changes',
    saved: 'Changes saved.',
    cancel: 'Cancel',
    deleteTitle: (name: string) => `Delete ${name}?`,
    deleteBody: (n: number) =>
      `Its ${plural(n, 'property', 'properties')}, last values and history are removed. If the device reports again, it comes back as a new one.`,
    deleteConfirm: 'Delete device',
    deleteKeep: 'Keep it',
    deleted: (name: string) => `${name} deleted.`,
    goneTitle: 'No such device',
    goneBody: (id: string) =>
      `The hub knows no device with the id ${id}. It may have been deleted; it comes back when it reports again.`,
    goneButton: 'See all devices',
    offlineNote: 'This device is offline. A request waits for it until it expires.',
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
    access: { read: 'read', set: 'set', event: 'event' },
    inferred: 'inferred',
    inferredTitle: 'The type was inferred from what the device reported. Nothing is refused.',
    declaredTitle: 'The type was declared. What breaks it is refused.',
    declared: 'declared',
  },

  history: {
    show: 'History',
    showOf: (property: string) => `History of ${property}`,
  },

  rejected: {
    title: 'Refused messages',
    count: (n: number) =>
      `${plural(n, 'message', 'messages')} of this device did not fit and changed nothing.`,
  },

  reach: {
    title: 'Reach it',
    property: 'Property',
    read: 'Read it',
    watch: 'Watch it',
    ask: 'Ask for a value',
    report: 'Report a value, as the device does',
    loopback:
      'These lines work on the machine the hub runs on. From elsewhere, put its network address in place of',
    ca: 'They need the certificate of the hub beside them:',
    token: 'These lines need a token of the device. Put yours into a variable first:',
    none: 'There is nothing to reach before the first report.',
  },

  wire: {
    title: 'Wire',
    frames: 'Byte by byte',
    empty: 'No message of this device has crossed the wire since this page was opened.',
    retained: 'stored',
    retainedTitle: 'Stored value, sent when this page subscribed',
    binary: 'base64',
    emptyPayload: 'empty',
    of: (name: string) => `Wire of ${name}`,
    last: (name: string) => `Last messages of ${name}`,
  },

  request: {
    sending: 'Sending',
    waiting: (value: string) => `Waiting for ${value}`,
    arrow: '→',
    confirmed: 'Confirmed',
    sent: 'Sent',
    dismiss: 'Dismiss',
    instead: (asked: string, got: string) =>
      `Asked for ${asked}, but the device reported ${got}. It may not support that value; try another one.`,
    silent: (asked: string) =>
      `Asked for ${asked}, but the device did not confirm it in time. Check that it listens for requests, then try again.`,
    silentOffline: (asked: string) =>
      `Asked for ${asked}, but the device is offline. Check its power and network, then try again.`,
    announce: (device: string, property: string, text: string) => `${device}, ${property}: ${text}`,
  },

  control: {
    send: 'Send',
    increase: (label: string) => `Increase ${label}`,
    decrease: (label: string) => `Decrease ${label}`,
    press: 'Press',
    choose: 'Choose',
    chooseColor: (label: string) => `Choose ${label}`,
    badJson: 'This is not valid JSON. Check quotes, commas and brackets.',
    badNumber: 'Enter a number.',
    badHex: 'Write a colour as six hex digits, for example #ff8800.',
    badBase64: 'This is not base64.',
    base64: 'base64',
  },

  color: {
    title: (label: string) => label,
    hex: 'Hex',
    hue: 'Hue',
    area: 'Saturation and brightness',
    areaText: (s: number, v: number) => `saturation ${s} %, brightness ${v} %`,
    swatch: (hex: string) => `Colour ${hex}`,
  },

  code: { copied: 'Copied', copyLabel: (what: string) => `Copy: ${what}` },
  table: { more: (n: number) => `Show more, ${n} left` },
  dialog: { close: 'Close', keep: 'Keep it' },
  toast: { dismiss: 'Dismiss' },

  settings: {
    title: 'Settings',
    lead: 'How this browser shows the hub, and what the hub says of itself.',
    notYours: 'This section is for admins',
    notYoursBody: (section: string) =>
      `${section} changes who may do what, so only an admin opens it. Ask one to do it, or to make you an admin.`,
    notYoursGuest: 'You are not signed in. Sign in as an admin to open it.',
    appearance: 'Appearance',
    theme: 'Theme',
    themes: { system: 'System', light: 'Light', dark: 'Dark' },
    themeHint: 'Kept in this browser.',
    hub: 'This hub',
    address: 'Address',
    version: 'Version',
    uptime: 'Running for',
    devices: 'Devices',
    demo: 'Demo house',
    docs: 'How programs talk to this hub',
    addressHint: 'HTTP, WebSocket and MQTT all answer at this address.',
    api: 'What programs can say to it',
  },
  language: {
    title: 'Language',
    hint: 'Chosen by your browser until you choose. Numbers and dates follow it.',
  },
  sections: {
    general: 'General',
    account: 'Your account',
    people: 'People',
    tokens: 'Tokens & devices',
    discovery: 'Discovery',
    history: 'Disk & history',
    templates: 'Device templates',
    virtual: 'Virtual devices',
    firmware: 'Firmware',
    guest: 'Guest access',
    tls: 'Encryption',
    limits: 'Limits',
    backup: 'Backup',
    logs: 'Logs',
    audit: 'Audit log',
  },

  signIn: {
    unknown: 'The hub did not say who you are',
    title: 'Sign in',
    lead: 'With the name and password of your account on this hub.',
    button: 'Sign in',
    wait: (seconds: number) => `Try again in ${seconds} s`,
    ended: 'Your session ended, or somebody ended it. Sign in to go on where you were.',
    nameMissing: 'Enter your name.',
    passwordMissing: 'Enter your password.',
    forgotten: 'Forgotten your password? An admin can give you a new one under Settings, People.',
  },
  setup: {
    title: 'Make this hub yours',
    lead: 'Create the first account. It is an admin: it may do everything, and let others in.',
    create: 'Create admin',
    button: 'Set up this hub',
    notNow: 'Not now',
    later: 'Not now, go to the devices',
    invite: 'Make this hub yours',
    inviteText:
      'It has no admin yet, so whoever uses this computer may do everything, and nobody else gets in. Create an account to sign in from your phone and to give devices tokens.',
    key: 'Set-up key',
    keyHint: 'The hub printed a link when it started first. Paste it here, or open it instead.',
    keyMissing:
      'Paste the link, or what stands behind its #. You find it where the hub was started, or in its log.',
    nameHint: 'What you sign in with, for example anna.',
    done: 'This hub has an admin already. Sign in, or ask that person for an account.',
  },
  plain: {
    title: 'Your password travels unencrypted',
    text: 'Whoever listens on this network can read it. Use the encrypted address instead; the browser warns there until it trusts this hub.',
    none: 'Whoever listens on this network can read it, and this hub offers no encrypted address. Sign in only in a network that you trust.',
    open: 'Open the encrypted address',
    trust: 'Make this device trust the hub',
  },
  trust: {
    title: 'Trust this hub',
    lead: 'The hub encrypts with a certificate that it signed itself. Tell your device once to trust it, and the warnings end.',
    back: 'Back to the hub',
  },
  password: {
    label: 'Password',
    old: 'Current password',
    new: 'New password',
    show: 'Show password',
    hide: 'Hide password',
    change: 'Change password',
    changed: 'Password changed. Other browsers were signed out.',
    endsOthers: 'Signs you out everywhere else.',
    rule: '8 to 256 characters. A few words in a row are good.',
    strength: {
      short: 'Too short. Use at least 8 characters.',
      weak: 'Weak: easy to guess. Make it longer.',
      fair: 'Fair. Longer is better.',
      strong: 'Strong.',
      long: 'Too long. Use at most 256 characters.',
    },
  },
  role: {
    admin: {
      text: 'Admin',
      hint: 'Everything: devices, people, tokens, the audit log.',
      read: ['#', '$SYS/#'],
      write: ['#', '$SYS/#'],
    },
    member: {
      text: 'Member',
      hint: 'Sees and switches every device, gives devices tokens. No people, no settings of the hub.',
      read: ['#', '$SYS/#'],
      write: ['#'],
    },
    viewer: {
      text: 'Viewer',
      hint: 'Sees everything, switches nothing.',
      read: ['#', '$SYS/#'],
      write: [],
    },
  },
  account: {
    title: 'Your account',
    lead: 'Who you are at this hub, and where you are signed in.',
    label: (name: string, role: string) => `Account: ${name}, ${role}`,
    name: 'Name',
    role: 'Role',
    rights: 'Rights',
    ownRights: 'Rights of its own',
    guest: 'Guest',
    guestOf: (policy: string): string => (policy === 'lan' ? 'On this network' : 'On this computer'),
    signOut: 'Sign out',
  },
  rights: {
    read: 'Reads',
    write: 'Writes',
    deny: 'Never',
    everything: 'everything',
    nothing: 'nothing',
  },
  filters: {
    wrong: (filters: string) =>
      `Not a topic filter: ${filters}. “+” stands for one whole level, “#” for all that follow, at the end only.`,
  },
  sessions: {
    title: 'Where you are signed in',
    browser: 'Browser',
    unknown: 'Unknown browser',
    from: 'Address',
    seen: 'Last seen',
    since: 'Since',
    current: 'This one',
    end: 'Sign out',
    endLabel: (browser: string) => `Sign out ${browser}`,
    endTitle: 'Sign this browser out?',
    endBody: 'It has to sign in again. Whatever it shows disappears at once.',
    endOwn: 'This is the browser you are using. You have to sign in again.',
  },
  readOnly: {
    control: 'You may see this but not change it. Ask an admin for the right to.',
    viewer: 'You are a viewer: you see everything and switch nothing.',
    rights: 'You may look here, but not switch anything.',
  },
  guest: {
    open: 'This hub lets people in without a password',
    openLan:
      'Everybody who reaches it on the network sees and switches every device. The configuration asks for it with guest = "lan".',
    openLoopback:
      'Every program on the hub\u2019s own machine sees and switches every device. The configuration asks for it with guest = "loopback".',
    look: 'See what that means',
  },

  error: {
    title: 'The devices cannot be shown',
    retry: 'Try again',
    network:
      'The hub did not answer. It may be stopped, or the network is down. Check that it runs, then try again.',
    timeout: 'The hub did not answer within 10 s. It may be busy or unreachable. Try again in a moment.',
    shape:
      'The hub sent an answer this page does not understand. It may be of another version. Reload the page.',
    status: (status: number) =>
      `The hub answered with status ${status}. Look at its log for the reason, then try again.`,
    notFoundTitle: 'No such page',
    notFound: (path: string) => `There is nothing at ${path}.`,
    toHome: 'Go to Home',
    part: 'This part of the page could not be fetched. The hub may be unreachable, or was updated. Reload the page.',
    reload: 'Reload the page',
  },
  loading: 'Loading devices',
  loadingPart: 'Loading',
};

await translate(t, { de: () => import('./de/strings') });
