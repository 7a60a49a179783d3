import { mount } from 'svelte';
import App from './App.svelte';
import { findStorages, Preferences } from './preferences.svelte.ts';
import './theme.css';
import './page.css';

const target = document.getElementById('app');
if (target) mount(App, { target, props: { preferences: new Preferences(findStorages()) } });
