// What only the page of one device shows, and seldom: fetched when it does.
export { default as Announce } from './Announce.svelte';
export { default as DeleteDevice } from './DeleteDevice.svelte';
export { default as EditDevice } from './EditDevice.svelte';
export { default as Presence } from './Presence.svelte';
