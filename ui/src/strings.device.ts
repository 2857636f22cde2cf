// English words of the page of one device that are seldom needed. They travel with that bundle.
import { locale, translate } from './language';

const number = (n: number): string => new Intl.NumberFormat(locale).format(n);
const plural = (n: number, one: string, many: string): string => `${number(n)} ${n === 1 ? one : many}`;

export const d = {
  icon: 'Picture',
  iconAuto: 'Chosen by what the device is',

  presence: {
    title: 'Presence',
    whyTitle: 'Why it is offline',
    online: 'Connected.',
    since: 'Since',
    lastSeen: 'Last seen',
    never: 'never',
    reasons: {
      goodbye: 'It said goodbye',
      will: 'It was lost, and its last will was told',
      'keep-alive': 'It gave no sign of life in time',
      network: 'The network connection broke',
      replaced: 'Another connection of the same name took its place',
      revoked: 'Its credential was taken back',
      protocol: 'The hub ended the connection because of what it sent',
      'hub restart': 'The hub was restarted',
      silent: 'It is connected, but has sent no value yet',
      'never connected': 'It never connected',
    } as Record<string, string>,
    /** The hub tells in English what happened and what to look at; `reason` is its word for it, null for a device that is there. */
    said: (_reason: string | null, told: string): string => told,
    reason: 'Reason',
    past: 'Past',
    pastOf: (n: number) => plural(n, 'change', 'changes'),
    timeline: (from: string, online: string) => `Since ${from} it was online ${online} of the time.`,
    share: (share: number) =>
      new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 }).format(share),
    now: 'now',
    online_: 'Online',
    offline_: 'Offline',
    refusals: 'What the hub refused',
    refusalsNone: 'Nothing of this device was refused since the hub started.',
    next: 'What to do:',
    connections: 'Connected by',
    connection: (transport: string, over: string) => `${transport} over ${over}`,
    frames: 'See the frames',
    framesOf: (peer: string) => `See the frames of ${peer}`,
    device: 'Watch the wire until it comes',
    deviceOnline: 'Watch its wire',
  },

  announce: {
    title: 'Home Assistant',
    label: 'Announce this device to Home Assistant',
    on: 'A Home Assistant that uses this hub finds the device by itself.',
    off: 'A Home Assistant that uses this hub does not find this device.',
    hubOff: 'This hub announces none of its devices. Switch that on first, under',
    settings: 'Settings, Discovery',
  },
};

await translate(d, { de: () => import('./de/strings.device') });
