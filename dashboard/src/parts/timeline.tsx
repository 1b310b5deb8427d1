/** Totals over time: the chart, and the same as a table for who does not see it. */

import { useMemo } from 'preact/hooks';

import type { HourRow } from '../api/types';
import { go } from '../state/address';
import { contains, pinned } from '../state/hours';
import { useSelection } from '../state/selection';
import { useTheme } from '../state/theme';
import { grouped } from '../state/units';
import { Chart } from './chart';
import { CompleteMark, HourName, Size } from './figures';
import { Link } from './link';
import { Await } from './notes';

/** The table of so many hours at most: who wants more takes them as a file. */
const MAX_TABLE = 200;

export function Timeline() {
  const { address, range, window, hours, live } = useSelection();
  const [, isDark] = useTheme();
  const rows = hours.data?.hours;
  const shown = useMemo(() => rows ?? [], [rows]);
  return (
    <section class="panel timeline" aria-label="Totals over time">
      <Await reading={hours} retry={live.refresh}>
        {() =>
          shown.length === 0 ? (
            <p class="loading">No flows in these hours.</p>
          ) : (
          <>
            <Chart
              hours={shown}
              window={window}
              range={range}
              isDark={isDark}
              onHour={(hour) => go({ ...address, range: { hour: String(hour) } })}
              onRange={(first, last) => go({ ...address, range: pinned({ first, last }) })}
            />
            <details class="as-table">
              <summary>As a table</summary>
              <div class="scroll" role="region" aria-label="Totals by hour" tabIndex={0}>
                <HourTable rows={shown.slice(-MAX_TABLE).reverse()} />
              </div>
            </details>
          </>
          )
        }
      </Await>
    </section>
  );
}

function HourTable({ rows }: { rows: readonly HourRow[] }) {
  const { address, range } = useSelection();
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Hour (UTC)</th>
          <th scope="col" class="number">Sent</th>
          <th scope="col" class="number">Returned</th>
          <th scope="col" class="number">Total</th>
          <th scope="col" class="number">Flows</th>
          <th scope="col">Complete</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.hour} class={contains(range, row.hour) ? 'is-chosen' : ''}>
            <th scope="row">
              <Link to={{ ...address, range: { hour: String(row.hour) } }}>
                <HourName hour={row.hour} />
              </Link>
            </th>
            <td class="number"><Size bytes={row.bytes_tx} /></td>
            <td class="number"><Size bytes={row.bytes_rx} /></td>
            <td class="number"><Size bytes={row.bytes_total} /></td>
            <td class="number">{grouped(row.flows)}</td>
            <td><CompleteMark complete={row.complete} /></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
