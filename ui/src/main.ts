// Starts the page: theme first, so that nothing is painted twice, then the store and the app.
import { mount } from 'svelte';
import './app.css';
import App from './App.svelte';
import { HubStore } from './hub/store.svelte';
import { theme } from './theme.svelte';

theme.apply();

const target = document.getElementById('app');
if (target === null) throw new Error('index.html has no #app');
mount(App, { target, props: { store: new HubStore() } });
