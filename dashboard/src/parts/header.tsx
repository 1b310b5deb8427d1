/** The head of the page: where one is, whether the figures are complete and live, and preferences. */

import { VIEW_NAMES } from '../app';
import { type View, VIEWS, go } from '../state/address';
import { contains, isTime } from '../state/hours';
import type { Live } from '../state/live';
import { type Selection, useSelection } from '../state/selection';
import { type Theme, useTheme } from '../state/theme';
import { counted } from '../state/units';
import { Link } from './link';

export function Header({ onSignOut }: { onSignOut: (() => void) | null }) {
  const { address } = useSelection();
  return (
    <header class="head">
      <span class="brand" aria-hidden="true">
        Flows
      </span>
      <nav aria-label="Views">
        {VIEWS.map((view: View) => (
          <Link key={view} to={{ ...address, view }} aria-current={view === address.view ? 'page' : undefined}>
            {VIEW_NAMES[view]}
          </Link>
        ))}
      </nav>
      <div class="head-tools">
        <CompleteBadge />
        <LiveButton />
        <button
          type="button"
          class="quiet"
          aria-pressed={address.exact}
          title="Show every digit of the bytes"
          onClick={() => go({ ...address, exact: !address.exact }, 'replace')}
        >
          Exact
        </button>
        <ThemeChoice />
        {onSignOut && (
          <button type="button" class="quiet" onClick={onSignOut}>
            Sign out
          </button>
        )}
      </div>
    </header>
  );
}

/** Whether the hours in view are complete, never hidden. */
function CompleteBadge() {
  const selection = useSelection();
  const [kind, text] = completeness(selection);
  return (
    <Link
      to={{ ...selection.address, view: 'trust' }}
      class={`badge badge-${kind}`}
      title="Whether all that the filters saw has arrived"
    >
      {text}
    </Link>
  );
}

function completeness({ hours, range, now }: Selection): [string, string] {
  const rows = hours.data?.hours.filter(({ hour }) => contains(range, hour));
  if (rows === undefined) return ['null', 'Complete?'];
  if (rows.length === 0 && (hours.isLoading || hours.error !== null)) return ['null', 'Complete?'];
  if (rows.length === 0) return ['null', 'No flows'];
  const count = (complete: boolean | null) => rows.filter((row) => row.complete === complete).length;
  const [all, missing] = [count(true), count(false)];
  if (all === rows.length) return ['true', rows.length === 1 ? 'Complete' : `All ${rows.length} hours complete`];
  const isOngoing = rows.some(({ hour, complete }) => hour === now && isTime(hour) && complete === false);
  const waits = missing - (isOngoing ? 1 : 0);
  if (waits > 0) return ['false', `${counted(waits, 'hour')} not complete`];
  if (isOngoing) return ['ongoing', 'The hour goes on'];
  return ['null', `${counted(count(null), 'hour')} not known`];
}

const LIVE_WORDS: Record<Live['state'], string> = {
  off: 'Live: off',
  connecting: 'Live: connecting',
  live: 'Live',
  waiting: 'Live: waiting',
  refused: 'Live: refused',
};

function LiveButton() {
  const { address, live } = useSelection();
  const state = address.live ? live.state : 'off';
  return (
    <button
      type="button"
      class={`live live-${state}`}
      aria-pressed={address.live}
      title={live.reason || 'Show changes as they come'}
      onClick={() => go({ ...address, live: !address.live }, 'replace')}
    >
      {LIVE_WORDS[state]}
    </button>
  );
}

function ThemeChoice() {
  const [theme, , choose] = useTheme();
  return (
    <label class="theme">
      <span class="unseen">Colours</span>
      <select value={theme} onChange={(event) => choose(event.currentTarget.value as Theme)}>
        <option value="system">Auto</option>
        <option value="light">Light</option>
        <option value="dark">Dark</option>
      </select>
    </label>
  );
}
