// Starts the page about the API. It is a page of its own: whoever reads it need not load the house.
import { mount } from 'svelte';
import '../app.css';
import { theme } from '../theme.svelte';
import Docs from './Docs.svelte';

theme.apply();

const target = document.getElementById('docs');
if (target === null) throw new Error('docs.html has no #docs');
mount(Docs, { target });
