// The English words of the list of notifications. The rules of `strings.ts` hold here, too.
import { translate } from './language';

export const n = {
  title: 'Notifications',
  lead: 'What your devices wanted people to be told. The hub keeps the last 1,000.',
  none: 'Nothing to tell yet',
  noneBody:
    'When a sketch calls Blynk.notify, Blynk.email or Blynk.logEvent, or a device uses those over HTTP, it appears here at once.',
  noneOf: (device: string) => `Nothing of ${device}`,
  noneOfBody: 'Other devices had something to tell.',
  all: 'All devices',
  device: 'Of which device',
  hub: 'The hub',
  list: 'Notifications, the newest first',
  offline: 'The line to the hub is lost. What comes meanwhile appears when it is back.',
  kinds: {
    push: 'Message',
    email: 'Mail',
    sms: 'SMS',
    tweet: 'Tweet',
    event: 'Event',
    clear: 'Over',
  },
  to: (address: string) => `to ${address}`,
  over: 'is over',
  mail: {
    waiting: 'Waiting',
    sent: 'Sent',
    failed: 'Not sent',
    none: 'Not mailed: the hub has no mail server ([mail] in its configuration).',
  },
  fresh: 'New',
  more: (count: string) => `Show ${count} older`,
};

await translate(n, { de: () => import('./de/strings.notifications') });
