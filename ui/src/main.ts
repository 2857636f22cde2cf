// Starts the page: theme first, so that nothing is painted twice, then who is here, then the app.
import { mount } from 'svelte';
import './app.css';
import App from './App.svelte';
import { SessionStore } from './hub/session.svelte';
import { takeSetupKey, takeShareSecret } from './router.svelte';
import { pwa } from './pwa.svelte';
import { theme } from './theme.svelte';

theme.apply();

const target = document.getElementById('app');
if (target === null) throw new Error('index.html has no #app');
const session = new SessionStore();
session.setupKey = takeSetupKey();
session.shareSecret = takeShareSecret();
mount(App, { target, props: { session } });
pwa.start();
