// What somebody saw last, kept in this browser so that the page opens without its hub: who it was, the last values of devices, and the
// dashboards that were opened. One person's at a time, bounded, and gone when that person signs out.
import type { Listed } from '../dashboards/state/dashboards';
import type { DashboardView } from '../dashboards/types';
import { sameSight, type Session } from '../model/account';
import type { DeviceView, Json } from '../model/types';

export interface Last {
  session: Session;
  /** Milliseconds since 1970. */
  saved: number;
  devices: DeviceView[];
}

/** A dashboard as it was seen last. */
export interface KeptBoard {
  /** Milliseconds since 1970. */
  saved: number;
  view: DashboardView;
  /** The last messages of the topics that it shows; properties are among the devices. */
  topics: Record<string, { value: Json; time: string | null }>;
}

export interface Boards {
  session: Session;
  /** Of the list and of the dashboards, whichever was kept later; milliseconds since 1970. */
  saved: number;
  /** null while the list was not seen. */
  list: Listed[] | null;
  /** Those that were opened, the latest first. */
  opened: KeptBoard[];
}

const NAME = 'housewire';
const STORE = 'last';
const KEY = 'look';
const BOARDS = 'boards';
/** Of one value, as JSON; a longer one is left out. */
const VALUE_CHARS_MAX = 1_000;
/** Of all of it; the devices beyond are left out. */
const CHARS_MAX = 4_000_000;

const LISTED_MAX = 500;
/** Dashboards that were opened; those that nobody looked at for longest go first. */
const OPENED_MAX = 30;
const TOPICS_MAX = 500;
/** Of all dashboards together, as JSON. */
const BOARDS_CHARS_MAX = 2_000_000;

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('IndexedDB'));
    request.onblocked = () => reject(new Error('IndexedDB'));
  });
}

async function once<T>(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open();
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = ask(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error ?? new Error('IndexedDB'));
    });
  } finally {
    database.close();
  }
}

/** What there is room for: whole devices, without values that are texts of their own. */
export function bounded(devices: readonly DeviceView[]): DeviceView[] {
  const kept: DeviceView[] = [];
  let chars = 0;
  for (const device of devices) {
    const properties = Object.entries(device.properties).map(([name, property]) => {
      const isLong = JSON.stringify(property.value ?? null).length > VALUE_CHARS_MAX;
      return [
        name,
        isLong ? { ...property, value: null, target: null } : { ...property, target: null },
      ] as const;
    });
    const view = { ...device, properties: Object.fromEntries(properties) };
    chars += JSON.stringify(view).length;
    if (chars > CHARS_MAX) break;
    kept.push(view);
  }
  return kept;
}

export async function saveLast(last: Last): Promise<void> {
  await once('readwrite', (store) => store.put({ ...last, devices: bounded(last.devices) }, KEY));
}

export async function loadLast(): Promise<Last | null> {
  const last = (await once('readonly', (store) => store.get(KEY))) as Last | undefined;
  return last !== undefined && Array.isArray(last.devices) && typeof last.saved === 'number' ? last : null;
}

export function boundedBoards(boards: Boards): Boards {
  let chars = 0;
  const opened: KeptBoard[] = [];
  for (const board of boards.opened.slice(0, OPENED_MAX)) {
    const topics = Object.entries(board.topics).filter(
      ([, { value }]) => JSON.stringify(value).length <= VALUE_CHARS_MAX,
    );
    const kept = { ...board, topics: Object.fromEntries(topics.slice(0, TOPICS_MAX)) };
    chars += JSON.stringify(kept).length;
    if (chars > BOARDS_CHARS_MAX) break;
    opened.push(kept);
  }
  return { ...boards, list: boards.list?.slice(0, LISTED_MAX) ?? null, opened };
}

/** Changes what is kept of dashboards, in one step; what another person saw is not there to be changed. */
export async function changeBoards(session: Session, change: (was: Boards) => Boards): Promise<void> {
  await once('readwrite', (store) => {
    const read = store.get(BOARDS) as IDBRequest<Boards | undefined>;
    read.onsuccess = () => {
      const was = read.result;
      const own =
        was !== undefined && sameSight(was.session, session)
          ? { ...was, session }
          : { session, saved: 0, list: null, opened: [] };
      store.put(boundedBoards(change(own)), BOARDS);
    };
    return read;
  });
}

export async function loadBoards(): Promise<Boards | null> {
  const boards = (await once('readonly', (store) => store.get(BOARDS))) as Boards | undefined;
  return boards !== undefined && Array.isArray(boards.opened) ? boards : null;
}

export async function clearLast(): Promise<void> {
  await once('readwrite', (store) => store.clear());
}
