// What keeps the hub well: backup, firmware, limits, logs. One bundle for admins.
export { default as Backup } from './Backup.svelte';
export { default as Firmware } from './Firmware.svelte';
export { default as General } from '../pages/General.svelte';
export { default as Limits } from './Limits.svelte';
export { default as Logs } from './Logs.svelte';
