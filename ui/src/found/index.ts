// Devices that announced themselves: one bundle, fetched when somebody looks at them.
export { default as Discovery } from './Discovery.svelte';
export { default as FoundPage } from './FoundPage.svelte';
