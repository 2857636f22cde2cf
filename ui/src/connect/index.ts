// The way from a board to its first message: one bundle, fetched when somebody connects a device.
export { default as ConnectPage } from './ConnectPage.svelte';
