/** Sign-in with a token, where the service asks for one. */

import { useState } from 'preact/hooks';

import { ApiError, tryToken } from '../api/client';
import { setToken, token } from '../api/token';

export function SignIn() {
  const [text, setText] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [fault, setFault] = useState(() => (token() === null ? '' : 'The token is not known any more.'));

  const submit = async (event: Event) => {
    event.preventDefault();
    const given = text.trim();
    if (given === '') return setFault('Enter a token.');
    setBusy(true);
    setFault('');
    // Only as a header value can it be sent.
    if (!/^[\x21-\x7e]+$/.test(given)) {
      setBusy(false);
      return setFault('This is no token: it has characters that no token has.');
    }
    try {
      await tryToken(given);
      // The dashboard starts anew with it.
      setToken(given);
    } catch (error) {
      setBusy(false);
      const status = error instanceof ApiError ? error.status : 0;
      if (status === 401) setFault('The service does not know this token.');
      else if (status === 403) setFault('The token is known, but it may not read: its scope must be read or admin.');
      else setFault(error instanceof Error ? error.message : String(error));
    }
  };

  return (
    <main class="sign-in">
      <h1>Sign in</h1>
      <form onSubmit={submit}>
        <label>
          <span>Token</span>
          <input
            type="password"
            value={text}
            autocomplete="off"
            spellcheck={false}
            autoFocus
            aria-describedby="token-help"
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <p id="token-help" class="muted">
          This service shows its figures to those with a token of the scope <code>read</code>. Who runs it makes one
          with <code>fas token create --scope read</code>. It is kept in this tab alone, until that is closed.
        </p>
        {fault !== '' && (
          <p class="note note-error" role="alert">
            {fault}
          </p>
        )}
        <button type="submit" class="primary" disabled={isBusy}>
          {isBusy ? 'Signing in…' : 'Sign in'}
        </button>
      </form>
    </main>
  );
}
