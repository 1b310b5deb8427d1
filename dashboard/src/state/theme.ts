/** Dark or light: as the system has it, unless somebody chose. */

import { useEffect, useState } from 'preact/hooks';

export type Theme = 'system' | 'light' | 'dark';
const KEY = 'fas-theme';
const dark = matchMedia('(prefers-color-scheme: dark)');

function chosen(): Theme {
  try {
    const known = localStorage.getItem(KEY);
    return known === 'light' || known === 'dark' ? known : 'system';
  } catch {
    return 'system';
  }
}

function isDark(theme: Theme): boolean {
  return theme === 'dark' || (theme === 'system' && dark.matches);
}

function apply(theme: Theme): void {
  document.documentElement.dataset.theme = isDark(theme) ? 'dark' : 'light';
}

let chosenTheme = chosen();

/** Shows the page in the chosen way, before anything is drawn. */
export function applyTheme(): void {
  apply(chosenTheme);
}

const listeners = new Set<() => void>();

dark.addEventListener('change', tell);

/** Shows the choice, and then has drawings follow it. */
function tell(): void {
  apply(chosenTheme);
  for (const listener of listeners) listener();
}

function choose(theme: Theme): void {
  chosenTheme = theme;
  try {
    if (theme === 'system') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // Then it lasts as long as the page.
  }
  tell();
}

/** The choice, whether that means dark, and the way to change it. */
export function useTheme(): [Theme, boolean, (theme: Theme) => void] {
  const [, setCount] = useState(0);
  useEffect(() => {
    const listener = () => setCount((count) => count + 1);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return [chosenTheme, isDark(chosenTheme), choose];
}
