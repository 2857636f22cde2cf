// What devices wanted people to be told. One bundle, fetched when somebody looks.
export { default as NotificationsPage } from './NotificationsPage.svelte';
