// The English words of found devices and of discovery, apart from the others because they are fetched with them. The
// rules of `strings.ts` hold here, too.
import { locale, translate } from './language';

const plural = (n: number, one: string, many: string): string =>
  `${new Intl.NumberFormat(locale).format(n)} ${n === 1 ? one : many}`;

export const f = {
  lead: 'Devices that announced themselves to this hub. Adopt one, and its values live here like those of any other.',
  tabs: {
    new: (n: number) => `New (${n})`,
    adopted: (n: number) => `Adopted (${n})`,
    ignored: (n: number) => `Ignored (${n})`,
    gone: (n: number) => `Gone (${n})`,
  },
  tabsLabel: 'Which ones',
  settings: 'Discovery settings',
  none: {
    new: {
      title: 'Nothing new',
      body: 'Devices appear here when they announce themselves: by the MQTT discovery of Home Assistant (ESPHome and many others), as Tasmota, Zigbee2MQTT or Homie, or on the network by mDNS. Point them at this hub and switch discovery on in them.',
    },
    adopted: {
      title: 'None adopted yet',
      body: 'What you adopt is listed here, with the device that it became.',
    },
    ignored: { title: 'None ignored', body: 'What you do not want to be asked about again waits here.' },
    gone: { title: 'None gone', body: 'What withdrew its announcement is listed here.' },
  },
  off: 'Discovery is switched off',
  offBody: 'What announces itself is passed on like any message, but not offered here.',
  switchOn: 'Switch it on',

  adopt: 'Adopt',
  adoptAll: (n: number) => `Adopt all ${n}`,
  adoptedAll: (n: number) => `${plural(n, 'device', 'devices')} adopted.`,
  someFailed: (done: number, failed: number, reason: string) => `${done} adopted, ${failed} not: ${reason}`,
  adjust: 'Adjust',
  adjustLabel: (name: string) => `Adjust how ${name} is adopted`,
  adoptLabel: (name: string) => `Adopt ${name}`,
  ignore: 'Ignore',
  ignoreLabel: (name: string) => `Ignore ${name}`,
  restore: 'Offer again',
  restoreLabel: (name: string) => `Offer ${name} again`,
  forget: 'Forget',
  forgetLabel: (name: string) => `Forget ${name}`,
  open: 'Open device',
  adopted: (name: string) => `${name} adopted.`,
  ignored: (name: string) => `${name} is not offered any more.`,
  restored: (name: string) => `${name} is offered again.`,

  adoptTitle: (name: string) => `Adopt ${name}`,
  id: 'Id',
  idHint: 'Part of its topics; it does not change later.',
  idWrong: 'An id has 1 to 64 letters, digits, “-” or “_”, for example kitchen-lamp.',
  idGoesOn: (id: string) => `There is a device ${id} already. It goes on as this one, with its history.`,
  name: 'Name',
  room: 'Room',
  roomHint: 'May stay empty.',

  forgetTitle: (name: string) => `Forget ${name}?`,
  forgetWhat: 'What shall go?',
  removeOnly: 'Its announcement only',
  removeNewBody:
    'The announcement that is stored on this hub is deleted. The device itself is not touched: when it announces itself again, it is offered again.',
  removeAdoptedHint: (device: string) =>
    `It is disconnected, and the stored announcement deleted. ${device} stays, with its last values and its history.`,
  forgetAll: 'Everything of it',
  forgetAllHint: (device: string) =>
    `Also ${device} itself: its properties, last values and whole history. This cannot be undone.`,
  removeVerb: 'Delete announcement',
  forgetVerb: 'Delete everything',
  forgotten: (name: string) => `${name} forgotten.`,

  ghost: 'May be long gone',
  ghostTitle: 'The announcement was stored on the hub, and nothing was heard of the device itself since.',
  gone: 'Withdrew its announcement',
  announced: 'announced by',
  announcedUser: (user: string) => `as ${user}`,
  unknownClient: 'a stored message',
  removed: 'Announcement deleted',
  removedTitle: 'It is offered again as soon as its sender announces it anew.',
  agree: 'Adopt again',
  agreeLabel: (name: string) => `Adopt ${name} again, with what it announces now`,
  topics: 'topics',
  reads: 'Topics that are read',
  writes: 'Topics that are written',
  seen: 'seen',
  first: 'first',
  version: (version: string) => `version ${version}`,
  hardware: (version: string) => `hardware ${version}`,
  through: (name: string) => `through ${name}`,
  properties: 'Properties',
  noProperties: 'It has no values to show here. It was seen on the network only.',
  more: (n: number) => `${n} more`,
  rest: (n: number) => `${plural(n, 'setting or diagnosis', 'settings and diagnoses')}`,
  sets: 'can be set',
  problems: (n: number) => plural(n, 'part could not be used', 'parts could not be used'),
  details: 'Details',
  topic: 'Topic',
  address: 'Address',
  becomes: 'becomes',

  discovery: {
    lead: 'Whether devices that announce themselves are offered here, and whether this hub announces its own.',
    find: 'Find devices',
    enabled: 'Look for devices that announce themselves',
    adopt: 'When one is found',
    ask: 'Ask me',
    askHint: 'It is offered under Found devices, and nothing happens until you adopt it.',
    automatic: 'Adopt it',
    automaticHint:
      'It becomes a device at once, with its own name and room. Whoever may publish announcements decides what appears.',
    prefix: 'Prefix of Home Assistant discovery',
    prefixHint: 'What devices have as “discovery prefix”; nearly always homeassistant.',
    base: 'Base topic of Zigbee2MQTT',
    baseHint: 'base_topic in its configuration; nearly always zigbee2mqtt.',
    badTopic: 'Write a topic without wildcards, for example homeassistant.',
    announceTitle: 'Be found',
    announce: 'Announce the devices of this hub to Home Assistant',
    announceHint: 'A Home Assistant that is connected to this hub by MQTT then shows them by itself.',
    mdnsTitle: 'On the network',
    mdnsOn: 'This hub says on the local network where it is (mDNS), and looks for devices there.',
    mdnsOff:
      'This hub is silent on the local network: it listens on this machine only, or mdns is off in its configuration.',
    save: 'Save changes',
    saved: 'Discovery changed.',
    see: 'See what was found',
  },
};

await translate(f, { de: () => import('./de/strings.found') });
