/** What stands in place of figures: that they are on their way, that there are none, or what went wrong. */

import type { ComponentChildren } from 'preact';

import type { ApiError } from '../api/client';
import type { Reading } from '../state/read';

/** What an error means for who reads it. */
function advice({ status }: ApiError): string {
  if (status === 0) return 'Is it running, and is the network there?';
  if (status === 401) return 'Sign in again.';
  if (status === 403) return 'Your token does not allow this.';
  if (status === 400) return 'Something in this page’s address is not as it must be.';
  if (status >= 500) return 'The service has trouble at the moment; its log says more.';
  return '';
}

export function ErrorNote({ error, retry }: { error: ApiError; retry?: () => void }) {
  return (
    <div class="note note-error" role="alert">
      <p>
        <strong>{error.message}</strong> {advice(error)}
      </p>
      {retry && error.status !== 403 && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <div class="note">{children}</div>;
}

/** What was read; what is on its way is shown paler, or as a placeholder. */
export function Await<T>({
  reading,
  retry,
  children,
}: {
  reading: Reading<T>;
  retry?: () => void;
  children: (data: T) => ComponentChildren;
}) {
  const { data, error, isLoading } = reading;
  return (
    <div class={isLoading && data !== null ? 'await is-old' : 'await'} aria-busy={isLoading}>
      {error !== null && <ErrorNote error={error} retry={retry} />}
      {data !== null ? children(data) : error === null && <p class="loading">Loading…</p>}
    </div>
  );
}
