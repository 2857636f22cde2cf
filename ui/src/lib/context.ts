// How components get at the store and at who is signed in: handed down from above, so that the components
// page and tests can hand down others.
import { getContext, setContext } from 'svelte';
import type { FoundStore } from '../hub/found.svelte';
import type { NotificationStore } from '../hub/notifications.svelte';
import type { SessionStore } from '../hub/session.svelte';
import type { HubStore } from '../hub/store.svelte';

const HUB = Symbol('hub');
const SESSION = Symbol('session');
const FOUND = Symbol('found');
const NOTIFICATIONS = Symbol('notifications');

export function provideHub(store: HubStore): void {
  setContext(HUB, store);
}

export function useHub(): HubStore {
  return getContext<HubStore>(HUB);
}

export function provideSession(session: SessionStore): void {
  setContext(SESSION, session);
}

export function useSession(): SessionStore {
  return getContext<SessionStore>(SESSION);
}

export function provideFound(store: FoundStore): void {
  setContext(FOUND, store);
}

export function useFound(): FoundStore {
  return getContext<FoundStore>(FOUND);
}

export function provideNotifications(store: NotificationStore): void {
  setContext(NOTIFICATIONS, store);
}

export function useNotifications(): NotificationStore {
  return getContext<NotificationStore>(NOTIFICATIONS);
}
