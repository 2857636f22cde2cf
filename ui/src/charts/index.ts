// Charts and what is kept of readings: one bundle, fetched when somebody looks at a history.
export { default as HistoryPage } from './HistoryPage.svelte';
export { default as PropertyHistory } from './PropertyHistory.svelte';
export { default as Wear } from './Wear.svelte';
