// The English words of charts and of what is kept of readings, apart from the others because they are fetched with
// them. The rules of `strings.ts` hold here, too.

const plural = (n: number, one: string, many: string): string =>
  `${new Intl.NumberFormat().format(n)} ${n === 1 ? one : many}`;

export const c = {
  title: 'History',
  lead: 'How values were over time. Choose properties to compare them.',
  of: (names: string) => `Chart of ${names}`,
  keys: 'Arrow keys move the crosshair, with Shift the time; plus and minus zoom; Home and End go to the edges.',
  range: 'Time range',
  ranges: { '1h': '1 h', '24h': '24 h', '7d': '7 d', '30d': '30 d', '1y': '1 y', own: 'Own' } as Record<
    string,
    string
  >,
  from: 'From',
  to: 'To',
  show: 'Show',
  wrongRange: 'The start has to lie before the end.',
  zoomIn: 'Zoom in',
  zoomOut: 'Zoom out',
  earlier: 'Earlier',
  later: 'Later',
  now: 'Back to now',
  loading: 'Loading readings',
  none: 'Nothing was recorded in this time.',
  noneYet: 'Readings appear here as they come.',
  notKept: 'Of JSON and bytes no history is kept.',
  cut: 'There is more than fits. Zoom in to see all of it.',
  value: 'Value',
  least: 'Least',
  most: 'Most',
  last: 'Last',
  band: 'The line is the mean, the band reaches from the least to the most.',
  table: 'Show as a table',
  tableOf: 'Readings',
  time: 'Time',
  state: 'State',
  share: (percent: string, time: string) => `${percent} %, ${time}`,
  stateTime: 'Time in state',
  open: 'Compare on the History page',

  choose: 'Properties',
  add: 'Add a property',
  addLabel: 'Find a property to add',
  addHint: 'Device or property',
  most8: 'Eight at a time is the most. Remove one to add another.',
  nothingMatches: 'No property matches.',
  remove: (name: string) => `Remove ${name}`,
  emptyTitle: 'Choose what to look at',
  emptyBody: 'Add up to eight properties. They share one time axis, so that you see what goes together.',
  emptyHouse: 'As soon as a device reports values, their history can be looked at here.',
  problem: 'The history cannot be shown',

  csv: 'Export CSV',
  delete: 'Delete readings',
  deleteTitle: 'Delete readings',
  deleteWhat: 'Of which property?',
  deleteWhen: 'Of which time?',
  deleteShownTitle: 'What is shown',
  deleteAll: 'All of it',
  deleteAllHint: 'Since it began',
  deleteBody: 'They are gone for good, here and on the disk. The current value stays.',
  deleteConfirm: 'Delete for good',
  deleted: (name: string) => `Readings of ${name} deleted.`,

  policy: 'What is kept',
  policyOf: (name: string) => `What is kept of ${name}`,
  keeps: {
    all: { text: 'Every report', hint: 'Nothing is lost. Right for most.' },
    change: { text: 'Changes only', hint: 'A report of the same value is not written again.' },
    every: { text: 'At most one in a while', hint: 'For what reports much more often than anybody needs.' },
    off: {
      text: 'Nothing',
      hint: 'New reports are not recorded. What was recorded stays until it is deleted or expires.',
    },
  },
  everySeconds: 'Seconds between two',
  days: 'Days that single readings are kept',
  daysHint: 'Empty: as the hub keeps everything. Means, least and most of each hour are kept for years.',
  wrongEvery: 'Enter a number of seconds from 1 to 86400.',
  wrongDays: 'Enter a number of days from 1 to 3650, or leave it empty.',
  save: 'Save',
  saved: (name: string) => `What is kept of ${name} changed.`,

  wear: {
    lead: 'What the memory of this hub writes to the disk, and how long it stays. Memory cards die of being written.',
    written: 'Written each day',
    today: 'today',
    day: 'Day',
    log: 'log',
    chunks: 'readings',
    index: 'index',
    perDay: (bytes: string) => `${bytes} a day`,
    perYear: (bytes: string) => `At this rate it writes about ${bytes} a year.`,
    lasts: (years: string, size: string) =>
      `A cheap memory card as large as this disk (${size}) withstands that for ${years}. Other programs write to it, too.`,
    forever: 'more than a hundred years',
    years: (n: number) => `about ${plural(n, 'year', 'years')}`,
    less: 'less than a year',
    tooEarly: 'Too early to say what it writes in a year. Come back in an hour.',
    barLabel: (day: string, bytes: string) => `${day}: ${bytes}`,
    kept: 'What is kept',
    onDisk: 'On disk',
    free: 'Free',
    freeOf: (free: string, size: string) => `${free} of ${size}`,
    perPoint: 'A reading takes',
    raw: 'Single readings',
    minute: 'Minutes',
    hour: 'Hours',
    forDays: (n: number) =>
      n >= 730 ? plural(Math.round(n / 365), 'year', 'years') : plural(n, 'day', 'days'),
    sd: 'SD card mode',
    sdOn: (s: number) => `On: written together every ${s} s. A power cut loses at most so much.`,
    sdOff: (s: number) => `Off: written together every ${s === 1 ? 'second' : `${s} s`}.`,
    sdHow: 'It is set where the hub is started. On a memory card, start it with',
    config: 'Or in the config file, with how long readings are kept:',
    most: 'What writes most',
    property: 'Property',
    points: 'Readings a day',
    bytes: 'A day',
    change: 'What is kept',
    changeLabel: (name: string) => `Change what is kept of ${name}`,
    none: 'Nothing was recorded yet',
    noneBody: 'As soon as devices report, you see here what their readings cost.',
    dropped: (n: number) => `${plural(n, 'reading was', 'readings were')} lost`,
    droppedBody:
      'The disk could not keep up and the queue was full. Check the disk, or keep less of what writes most.',
    waiting: 'The disk is slower than the reports',
    waitingBody:
      'Devices that want to be sure wait for it. Check the disk, or keep less of what writes most.',
    high: 'The disk is slower than the reports at the moment',
    highBody: 'Nothing is lost yet. If it stays like that, keep less of what writes most.',
    low: 'Little space is left',
    lowBody: 'When the disk is full, readings are lost and changes are refused. Free some space.',
  },
};

/** Bytes as people say them, in powers of ten as disks are sold. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.5 ? 0 : value >= 9.95 ? 1 : 2;
  return `${new Intl.NumberFormat(undefined, { maximumFractionDigits: digits }).format(value)}\u202f${units[unit] ?? ''}`;
}
