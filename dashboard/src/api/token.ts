/**
 * The token, where one is needed. It is kept for this tab alone and until it is closed, and goes
 * nowhere but into the header of requests to this origin.
 */

const KEY = 'fas-token';
const listeners = new Set<() => void>();
let inMemory: string | null = null;

/** The token, if somebody has signed in. */
export function token(): string | null {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    // The browser keeps nothing for us: then it lasts as long as the page.
    return inMemory;
  }
}

/** Signs in with a token, or out with none. */
export function setToken(value: string | null): void {
  inMemory = value;
  try {
    if (value === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, value);
  } catch {
    // See above.
  }
  for (const listener of listeners) listener();
}

/** Calls when somebody signs in or out; gives the way to stop that. */
export function onToken(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
