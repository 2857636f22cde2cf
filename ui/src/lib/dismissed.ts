/** What somebody does not want to see again: remembered in this browser for as long as `storage` is. */
export interface Dismissed {
  /** Whether it was put away before. */
  stored: () => boolean;
  store: () => void;
}

/** `storage` is asked for each time, since even looking at it fails where it is off. */
export function dismissed(storage: () => Storage, key: string): Dismissed {
  return {
    stored: () => {
      try {
        return storage().getItem(key) !== null;
      } catch {
        return false;
      }
    },
    store: () => {
      try {
        storage().setItem(key, '1');
      } catch {
        // Storage is off: it comes back with the next visit.
      }
    },
  };
}
