// How components get at the store: handed down from App, so that the components page and tests can hand
// down another one.
import { getContext, setContext } from 'svelte';
import type { HubStore } from '../hub/store.svelte';

const KEY = Symbol('hub');

export function provideHub(store: HubStore): void {
  setContext(KEY, store);
}

export function useHub(): HubStore {
  return getContext<HubStore>(KEY);
}
