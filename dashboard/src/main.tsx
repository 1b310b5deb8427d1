/** The start: the theme first, so that nothing flashes, and then the dashboard. */

import { render } from 'preact';

import { App } from './app';
import './style/base.css';
import './style/frame.css';
import './style/views.css';
import { applyTheme } from './state/theme';

applyTheme();
const root = document.getElementById('app');
if (root !== null) render(<App />, root);
