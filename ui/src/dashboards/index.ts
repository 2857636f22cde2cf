// Dashboards: one bundle, fetched when somebody opens one. Its widgets are fetched by themselves.
export { default as AddToDashboard } from './AddToDashboard.svelte';
export { default as DashboardPage } from './DashboardPage.svelte';
export { default as DashboardsPage } from './DashboardsPage.svelte';
export { default as SharePage } from './SharePage.svelte';
