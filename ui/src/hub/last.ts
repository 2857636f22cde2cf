// What somebody saw last, kept in this browser so that the page opens without its hub: who it was, and the last values of devices. One
// person's at a time, bounded, and gone when that person signs out.
import type { Session } from '../model/account';
import type { DeviceView } from '../model/types';

export interface Last {
  session: Session;
  /** Milliseconds since 1970. */
  saved: number;
  devices: DeviceView[];
}

const NAME = 'housewire';
const STORE = 'last';
const KEY = 'look';
/** Of one value, as JSON; a longer one is left out. */
const VALUE_CHARS_MAX = 1_000;
/** Of all of it; the devices beyond are left out. */
const CHARS_MAX = 4_000_000;

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

export async function clearLast(): Promise<void> {
  await once('readwrite', (store) => store.clear());
}
