// What only some people need, and they seldom: one bundle of its own, fetched by `lib/Lazy.svelte`.
export { default as Account } from './Account.svelte';
export { default as AddDevice } from './AddDevice.svelte';
export { default as Audit } from './Audit.svelte';
export { default as DeviceAccess } from './DeviceAccess.svelte';
export { default as Guest } from './Guest.svelte';
export { default as People } from './People.svelte';
export { default as Templates } from './Templates.svelte';
export { default as Tls } from './Tls.svelte';
export { default as Tokens } from './Tokens.svelte';
export { default as TrustSteps } from './TrustSteps.svelte';
export { default as Virtual } from './Virtual.svelte';
