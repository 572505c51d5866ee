import { mount } from 'svelte';
import App from './App.svelte';
import './app.css';

const target = document.getElementById('console');
if (target === null) throw new Error('index.html must hold an element with the id "console"');
mount(App, { target });
