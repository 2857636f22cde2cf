// What flows: the tree of topics, and the frames of one connection. One bundle, fetched when somebody looks.
export { default as LivePage } from './LivePage.svelte';
export { default as WirePage } from './WirePage.svelte';
