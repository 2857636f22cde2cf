// The German words of the page of one device that are seldom needed.
import type { d } from '../strings.device';
import { locale, plural } from './count';

/** Was der Hub auf Englisch sagt, nach seinem Wort für den Grund. */
const SAID: Record<string, string> = {
  goodbye:
    'Es hat sich verabschiedet: Es wurde ausgeschaltet, schläft, oder sein Programm beendete die Verbindung.',
  will: 'Die Verbindung brach, und sein letzter Wille sagt, dass es weg ist: Prüfe Strom und Netzwerk.',
  'keep-alive':
    'Es schwieg länger, als es angekündigt hatte: Prüfe Strom und Netzwerk, und ob sein Programm hängt.',
  network: 'Die Verbindung brach ohne Abschied: Prüfe Strom und Netzwerk.',
  replaced:
    'Ein anderer Client verband sich mit derselben Client-Id und nahm seinen Platz: Gib jedem Gerät eine eigene Client-Id.',
  revoked: 'Ein Admin hat es getrennt, oder sein Token wurde widerrufen: Gib ihm einen neuen Token.',
  protocol:
    'Der Hub hat die Verbindung beendet, wegen dem, was es schickte: Was das war, steht bei den Ablehnungen.',
  'hub restart':
    'Der Hub wurde neu gestartet, und das Gerät kam seitdem nicht zurück. Warum es vorher weg war, ist nicht bekannt: Gemerkt wird es seit dem Start.',
  'never connected':
    'Niemand hat von ihm gehört: Es hat sich nie verbunden oder nie einen Wert gesendet. Stimmen Adresse und Token?',
};

const de: typeof d = {
  icon: 'Bild',
  iconAuto: 'Nach dem gewählt, was das Gerät ist',

  presence: {
    title: 'Anwesenheit',
    whyTitle: 'Warum es offline ist',
    online: 'Verbunden.',
    since: 'Seit',
    lastSeen: 'Zuletzt gesehen',
    never: 'nie',
    reasons: {
      goodbye: 'Es hat sich verabschiedet',
      will: 'Es ging verloren, und sein letzter Wille wurde gesagt',
      'keep-alive': 'Es gab nicht rechtzeitig ein Lebenszeichen',
      network: 'Die Netzwerkverbindung brach',
      protocol: 'Der Hub hat die Verbindung beendet, wegen dem, was es schickte',
      replaced: 'Eine andere Verbindung desselben Namens nahm seinen Platz',
      revoked: 'Sein Zugang wurde widerrufen',
      'hub restart': 'Der Hub wurde neu gestartet',
      silent: 'Es ist verbunden, hat aber noch keinen Wert gesendet',
      'never connected': 'Es hat sich nie verbunden',
    },
    said: (reason, told) => (reason === null ? 'Es ist da.' : (SAID[reason] ?? told)),
    reason: 'Grund',
    past: 'Vorher',
    pastOf: (n) => plural(n, 'Wechsel', 'Wechsel'),
    timeline: (from, online) => `Seit ${from} war es ${online} der Zeit online.`,
    share: (share) =>
      new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 }).format(share),
    now: 'jetzt',
    online_: 'Online',
    offline_: 'Offline',
    refusals: 'Was der Hub ablehnte',
    refusalsNone: 'Seit der Hub läuft, wurde von diesem Gerät nichts abgelehnt.',
    next: 'Was zu tun ist:',
    connections: 'Verbunden durch',
    connection: (transport, over) => `${transport} über ${over}`,
    frames: 'Die Frames ansehen',
    framesOf: (peer) => `Die Frames von ${peer} ansehen`,
    device: 'Die Leitung beobachten, bis es kommt',
    deviceOnline: 'Seine Leitung beobachten',
  },

  announce: {
    title: 'Home Assistant',
    label: 'Dieses Gerät Home Assistant ankündigen',
    on: 'Ein Home Assistant, der diesen Hub benutzt, findet das Gerät von selbst.',
    off: 'Ein Home Assistant, der diesen Hub benutzt, findet dieses Gerät nicht.',
    hubOff: 'Dieser Hub kündigt keines seiner Geräte an. Schalte das zuerst ein, unter',
    settings: 'Einstellungen, Discovery',
  },
};

export default de;
