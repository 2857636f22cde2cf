// The German words of the list of notifications.
import type { n } from '../strings.notifications';

const de: typeof n = {
  title: 'Benachrichtigungen',
  lead: 'Was deine Geräte Menschen sagen wollten. Der Hub behält die letzten 1.000.',
  none: 'Noch nichts zu sagen',
  noneBody:
    'Ruft ein Sketch Blynk.notify, Blynk.email oder Blynk.logEvent auf, oder tut ein Gerät das über HTTP, erscheint es sofort hier.',
  noneOf: (device) => `Nichts von ${device}`,
  noneOfBody: 'Andere Geräte hatten etwas zu sagen.',
  all: 'Alle Geräte',
  device: 'Von welchem Gerät',
  hub: 'Der Hub',
  list: 'Benachrichtigungen, die neuesten zuerst',
  offline: 'Die Verbindung zum Hub ist weg. Was inzwischen kommt, erscheint, wenn sie wieder da ist.',
  kinds: {
    push: 'Nachricht',
    email: 'Mail',
    sms: 'SMS',
    tweet: 'Tweet',
    event: 'Ereignis',
    clear: 'Vorbei',
  },
  to: (address) => `an ${address}`,
  over: 'ist vorbei',
  mail: {
    waiting: 'Wartet',
    sent: 'Gesendet',
    failed: 'Nicht gesendet',
    none: 'Nicht gemailt: Der Hub hat keinen Mailserver ([mail] in seiner Konfiguration).',
  },
  fresh: 'Neu',
  more: (count) => `${count} ältere zeigen`,
};

export default de;
