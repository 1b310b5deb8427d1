/** The table itself, a page of rows at a time. */

import { useEffect, useState } from 'preact/hooks';

import type { GroupField, SummaryRow } from '../api/types';
import { type Address, type SortField, go, withFilter } from '../state/address';
import { exactly, seen } from '../state/names';
import { useSelection } from '../state/selection';
import { counted, fraction, grouped, shareText } from '../state/units';
import { type Found, isSummed, rowKey } from '../views/rows';
import { HourName, Size } from './figures';
import { Link } from './link';

const PAGE = 100;

const COLUMNS: Record<SortField, string> = {
  src_app: 'Source',
  dest_app: 'Destination',
  vpc_id: 'VPC',
  hour: 'Hour (UTC)',
  bytes_tx: 'Sent',
  bytes_rx: 'Returned',
  bytes_total: 'Total',
  flows: 'Flows',
};

/** The total first: small screens show no more at once. */
const SUMS = ['bytes_total', 'bytes_tx', 'bytes_rx', 'flows'] as const;

export function FlowTable({ found }: { found: Found }) {
  const { address } = useSelection();
  const { rows, rest, total } = found;
  const [page, setPage] = useState(0);
  useEffect(() => setPage(0), [address.by.join(), address.sort.field, address.sort.descending, address.search]);
  const last = Math.max(0, Math.ceil(rows.length / PAGE) - 1);
  const at = Math.min(page, last);
  const most = rows.reduce((largest, row) => Math.max(largest, Number(row.bytes_total)), 0);
  const isLastPage = at === last;
  return (
    <>
      <div class="scroll" role="region" aria-label="Rows" tabIndex={0}>
        <table class="flows">
          <thead>
            <tr>
              {[...address.by, ...SUMS].map((field) => (
                <Heading key={field} field={field} address={address} />
              ))}
              {total && (
                <th scope="col" class="number">
                  Share
                </th>
              )}
            </tr>
          </thead>
          <tbody>
            {rows.slice(at * PAGE, (at + 1) * PAGE).map((row) => (
              <tr key={rowKey(row)}>
                {address.by.map((field) => (
                  <td key={field} class="name-cell">
                    <GroupCell field={field} row={row} address={address} />
                  </td>
                ))}
                <Sums row={row} />
                {total && (
                  <td class="number share-cell">
                    <svg class="share-bar" aria-hidden="true" viewBox="0 0 100 10" preserveAspectRatio="none">
                      <rect class="fill-sent" height="10" width={100 * fraction(row.bytes_total, most)} />
                    </svg>
                    {shareText(row.bytes_total, total.bytes_total)}
                  </td>
                )}
              </tr>
            ))}
          </tbody>
          {isLastPage && total && (
            <tfoot>
              {rest && rest.groups > 0 && (
                <tr>
                  <th scope="row" colSpan={address.by.length}>
                    {counted(rest.groups, 'other row')}
                  </th>
                  <Sums row={rest} />
                  <td class="number">{shareText(rest.bytes_total, total.bytes_total)}</td>
                </tr>
              )}
              <tr>
                <th scope="row" colSpan={address.by.length}>
                  Total
                </th>
                <Sums row={total} />
                <td class="number">100.0 %</td>
              </tr>
            </tfoot>
          )}
        </table>
      </div>
      {last > 0 && (
        <nav class="pager" aria-label="Pages of the table">
          <button type="button" disabled={at === 0} onClick={() => setPage(at - 1)}>
            Before
          </button>
          <span>
            Rows {grouped(at * PAGE + 1)}–{grouped(Math.min(rows.length, (at + 1) * PAGE))} of {grouped(rows.length)}
          </span>
          <button type="button" disabled={at === last} onClick={() => setPage(at + 1)}>
            Next
          </button>
        </nav>
      )}
    </>
  );
}

/** A heading that sorts: the largest first, names from A on, and then the other way round. */
function Heading({ field, address }: { field: SortField; address: Address }) {
  const { sort } = address;
  const isSorted = sort.field === field;
  const descending = isSorted ? !sort.descending : isSummed(field);
  return (
    <th
      scope="col"
      class={isSummed(field) ? 'number' : ''}
      aria-sort={isSorted ? (sort.descending ? 'descending' : 'ascending') : undefined}
    >
      <button type="button" class="sort" onClick={() => go({ ...address, sort: { field, descending } })}>
        {COLUMNS[field]}
        <span aria-hidden="true">{isSorted ? (sort.descending ? ' ↓' : ' ↑') : ''}</span>
      </button>
    </th>
  );
}

function GroupCell({ field, row, address }: { field: GroupField; row: SummaryRow; address: Address }) {
  if (field === 'hour') {
    const hour = row.hour ?? 0;
    return (
      <Link to={{ ...address, range: { hour: String(hour) } }} title="Show this hour alone">
        <HourName hour={hour} />
      </Link>
    );
  }
  const name = row[field] ?? '';
  return (
    <Link to={withFilter(address, field, [exactly(name)])} class="name" title={`Show only ${seen(name)}`}>
      {seen(name)}
    </Link>
  );
}

function Sums({ row }: { row: Pick<SummaryRow, 'bytes_tx' | 'bytes_rx' | 'bytes_total' | 'flows'> }) {
  return (
    <>
      <td class="number">
        <Size bytes={row.bytes_total} />
      </td>
      <td class="number">
        <Size bytes={row.bytes_tx} />
      </td>
      <td class="number">
        <Size bytes={row.bytes_rx} />
      </td>
      <td class="number">{grouped(row.flows)}</td>
    </>
  );
}
