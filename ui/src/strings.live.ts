// English words of the live view and the wire view. They travel with that bundle.

const number = (n: number): string => new Intl.NumberFormat().format(n);
const plural = (n: number, one: string, many: string): string => `${number(n)} ${n === 1 ? one : many}`;

const rate = (perSecond: number): string => {
  if (perSecond >= 10) return `${number(Math.round(perSecond))}/s`;
  if (perSecond >= 0.1) return `${perSecond.toFixed(1)}/s`;
  return '';
};

export const l = {
  title: 'Live',
  about: 'Every topic you may read, as it flows.',
  wireLink: 'Wire view',
  topics: (n: number) => plural(n, 'topic', 'topics'),
  messages: (n: number) => plural(n, 'message', 'messages'),
  rate,
  rateLong: (perSecond: number) => `${rate(perSecond) || '0/s'}`,
  search: 'Search',
  searchTopics: 'Part of a topic, or a filter like +/lamp/#',
  searchPayloads: 'Part of a payload',
  searchIn: 'Search in',
  inTopic: 'Topics',
  inPayload: 'Payloads',
  nothingFound: (words: string) => `Nothing matches “${words}”.`,
  pause: 'Pause',
  resume: 'Resume',
  paused: (n: number) =>
    `Paused. Counting goes on: ${plural(n, 'message', 'messages')} since. Resume shows the last one of each topic.`,
  clear: 'Clear',
  clearTitle: 'Forget all that was counted, and begin again',
  system: 'Show $SYS',
  openAll: 'Open all levels',
  closeAll: 'Close all levels',
  treeLabel: 'Topics',
  emptyTitle: 'Nothing flows yet',
  emptyBody:
    'Topics appear here as soon as something is published, by MQTT, HTTP or WebSocket. Publish a message yourself, or connect a device.',
  emptyButton: 'Connect a device',
  waiting: 'Waiting for the hub.',
  failed: 'The live view has no connection to the hub. It tries again by itself; what you see stays.',
  notAllowed: 'You may not read any topic. Ask an admin of this hub for the right to.',
  overflow: (n: number, max: number) =>
    `There are more than ${number(max)} levels. ${plural(n, 'message', 'messages')} to further topics were only counted. Search is over what is shown.`,
  lost: (n: number) =>
    `This page did not keep up, and the hub left out ${plural(n, 'message', 'messages')}. The last values are right again when they change.`,
  retained: 'Retained',
  retainedTitle: 'The hub keeps the last message of this topic and gives it to whoever subscribes',
  notRetained: 'Not retained',
  stored: 'stored',
  storedTitle: 'Was there when this page subscribed',
  empty: 'empty',
  bytes: (n: number) => plural(n, 'byte', 'bytes'),
  below: (topics: number, messages: number) =>
    messages === 0
      ? plural(topics, 'topic', 'topics')
      : `${plural(topics, 'topic', 'topics')}, ${plural(messages, 'message', 'messages')}`,
  rowLabel: (name: string, value: string) => `${name}: ${value}`,

  chooseTitle: 'Choose a topic',
  chooseBody: 'Its payload, what changed last, its history and a chart stand here.',
  back: 'All topics',
  copyTopic: 'Copy topic',
  copied: 'Copied.',
  openDevice: 'Open device',
  openWire: 'See the wire',
  publishHere: 'Publish here',
  deleteRetained: 'Delete retained message',
  deleteTitle: (topic: string) => `Delete the retained message of ${topic}?`,
  deleteText:
    'Whoever subscribes from now on gets nothing for this topic until something is published to it again. Everybody who is subscribed now sees an empty message.',
  deleteVerb: 'Delete retained message',
  deleted: 'Retained message deleted.',
  payload: 'Payload',
  changed: 'Changed',
  history: 'History',
  view: 'View',
  pretty: 'Formatted',
  raw: 'Raw',
  hex: 'Hex',
  kindJson: 'JSON',
  kindText: 'Text',
  kindBytes: 'Bytes',
  cut: (shown: number, size: number) => `The first ${number(shown)} of ${number(size)} bytes.`,
  diffNone: 'This is the first message of this topic since the page was opened.',
  diffSame: 'The last two payloads are the same.',
  diffOf: (time: string) => `Compared with the message of ${time}`,
  removed: 'Removed:',
  added: 'Added:',
  historyNote: (n: number) => `The last ${n} messages at most, since this page was opened.`,
  chart: (n: number) => `Chart of the last ${n} numbers`,
  chartField: 'Field',
  chartSelf: 'Payload',
  chartFrom: (min: string, max: string) => `${min} to ${max}`,
  noOwn: 'Nothing was published to this level itself.',
  via: 'Came in by',
  time: 'Time',
  value: 'Value',
  noTime: 'without a time',

  publish: {
    title: 'Publish',
    topic: 'Topic',
    topicHint: 'For example home/note. To ask a device for a value: devices/lamp/power/set.',
    payload: 'Payload',
    mode: 'Payload as',
    modes: { text: 'Text', json: 'JSON', hex: 'Hex' } as Record<string, string>,
    qos: 'QoS',
    qosNames: ['0 – at most once', '1 – at least once', '2 – exactly once'],
    retain: 'Retain',
    retainHint: 'The hub keeps it for those who subscribe later.',
    button: 'Publish',
    busy: 'Publishing',
    done: (topic: string) => `Published to ${topic}.`,
    badTopic: 'A topic has no +, no # and does not begin with $. Write it out in full.',
    dots: 'A browser cannot address a topic with a level “.” or “..”. Publish to it by MQTT.',
    noTopic: 'Name a topic first.',
    badJson: (reason: string) => `This is not JSON: ${reason}`,
    badHex: 'Hex has two digits for each byte, such as 48 65 6c 6c 6f.',
    tooLong: (max: number) =>
      `A payload here has at most ${number(max)} bytes. Publish larger ones by MQTT or HTTP.`,
    notAllowed: 'You may read, but not publish. Ask an admin of this hub for the right to.',
    history: 'Published from here',
    historyNote: 'Kept in this browser only. What looks like a password or a token is not.',
    historyClear: 'Forget these',
    again: (topic: string, payload: string) => `Fill in ${topic}, ${payload}`,
  },
};
