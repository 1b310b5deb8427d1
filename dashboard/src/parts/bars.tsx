/** Rows with bars: who moved how much, the largest first. The bar has a part for each direction. */

import type { Bytes } from '../api/types';
import type { Address } from '../state/address';
import { seen } from '../state/names';
import { counted, fraction, shareText } from '../state/units';
import { Size } from './figures';
import { Link } from './link';

export interface Bar {
  key: string;
  /** What it is about: one name, or where it goes from and to. */
  names: readonly string[];
  sent: Bytes;
  returned: Bytes;
  total: Bytes;
  flows: number;
  /** Where a click leads; nowhere for the rest. */
  to?: Address;
  /** What a click does, for who does not see the bars. */
  action?: string;
}

export function Bars({ bars, whole, label }: { bars: readonly Bar[]; whole: Bytes; label: string }) {
  const most = bars.reduce((largest, bar) => Math.max(largest, Number(bar.total)), 0);
  return (
    <ol class="bars" aria-label={label}>
      {bars.map((bar) => (
        <li key={bar.key} class={bar.to ? 'bar' : 'bar bar-rest'}>
          {bar.to ? (
            <Link to={bar.to} class="bar-link" title={bar.action}>
              <BarBody bar={bar} most={most} whole={whole} />
            </Link>
          ) : (
            <div class="bar-link">
              <BarBody bar={bar} most={most} whole={whole} />
            </div>
          )}
        </li>
      ))}
    </ol>
  );
}

function BarBody({ bar, most, whole }: { bar: Bar; most: number; whole: Bytes }) {
  return (
    <>
      <span class="bar-names">
        {bar.names.map((name, n) => (
          <>
            {n > 0 && (
              <span class="arrow">
                <span aria-hidden="true">→</span>
                <span class="unseen"> to </span>
              </span>
            )}
            <span class="name" title={seen(name)}>
              {seen(name)}
            </span>
          </>
        ))}
      </span>
      <span class="bar-figures">
        <Size bytes={bar.total} /> <span class="share">{shareText(bar.total, whole)}</span>
      </span>
      <svg class="bar-track" aria-hidden="true" preserveAspectRatio="none" viewBox="0 0 1000 10">
        <title>{counted(bar.flows, 'flow')}</title>
        <rect class="fill-sent" height="10" width={1000 * fraction(bar.sent, most)} />
        <rect
          class="fill-returned"
          height="10"
          x={1000 * fraction(bar.sent, most)}
          width={1000 * fraction(bar.returned, most)}
        />
      </svg>
    </>
  );
}
