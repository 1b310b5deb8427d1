/** The table: any grouping, search, sorting and export. The service adds up and chooses the largest. */

import { useEffect, useState } from 'preact/hooks';

import { ApiError, download, url } from '../api/client';
import type { GroupField } from '../api/types';
import { CompleteMark } from '../parts/figures';
import { FIELD_NAMES } from '../parts/filters';
import { NothingHere } from '../parts/nothing';
import { Await, Empty, ErrorNote } from '../parts/notes';
import { FlowTable } from '../parts/flow_table';
import { save } from '../parts/save';
import { type Address, GROUP_FIELDS, NAME_FIELDS, ROW_CHOICES, type SortField, go } from '../state/address';
import { rangeText } from '../state/hours';
import { selectionParams, useSelection } from '../state/selection';
import { counted, grouped } from '../state/units';
import { type Found, isSummed, useRows } from './rows';

const GROUP_NAMES: Record<GroupField, string> = { ...FIELD_NAMES, hour: 'Hour' };

export function FlowsView() {
  const { address, live } = useSelection();
  const reading = useRows();
  return (
    <section class="panel" aria-label="Flows">
      <div class="table-tools">
        <SearchField address={address} />
        <Grouping address={address} />
        <Exports />
      </div>
      <Await reading={reading} retry={live.refresh}>
        {(found) => {
          if (address.search !== '' && !NAME_FIELDS.some((field) => address.by.includes(field))) {
            return <Empty>A search is for names: choose a row for each source, destination or VPC.</Empty>;
          }
          if (found.rows.length === 0 && address.search !== '') {
            return <Empty>No name that has “{address.search}” in it.</Empty>;
          }
          if (found.rows.length === 0) return <NothingHere />;
          return (
            <>
              <Said found={found} />
              <FlowTable found={found} />
            </>
          );
        }}
      </Await>
    </section>
  );
}

function SearchField({ address }: { address: Address }) {
  const [text, setText] = useState(address.search);
  useEffect(() => setText(address.search), [address.search]);
  useEffect(() => {
    if (text === address.search) return;
    // Not with every letter.
    const timer = setTimeout(() => go({ ...address, search: text }, 'replace'), 300);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <label class="search">
      <span class="unseen">Search names</span>
      <input
        type="search"
        placeholder="Search names…"
        value={text}
        spellcheck={false}
        onInput={(event) => setText(event.currentTarget.value)}
      />
    </label>
  );
}

function Grouping({ address }: { address: Address }) {
  const toggle = (field: GroupField) => {
    const by = GROUP_FIELDS.filter((one) => address.by.includes(one) !== (one === field));
    // There is always something to tell rows apart.
    if (by.length > 0) go({ ...address, by, sort: sortFor(address, by) });
  };
  return (
    <div class="grouping" role="group" aria-label="A row for each">
      <span aria-hidden="true">A row for each</span>
      {GROUP_FIELDS.map((field) => (
        <button
          key={field}
          type="button"
          class="preset"
          aria-pressed={address.by.includes(field)}
          onClick={() => toggle(field)}
        >
          {GROUP_NAMES[field]}
        </button>
      ))}
    </div>
  );
}

/** Rows are not sorted by what they do not have. */
function sortFor({ sort }: Address, by: readonly SortField[]): Address['sort'] {
  const isThere = isSummed(sort.field) || by.includes(sort.field);
  return isThere ? sort : { field: 'bytes_total', descending: true };
}

/** How much of the whole is in the table. */
function Said({ found }: { found: Found }) {
  const { address } = useSelection();
  const { rows, total, isAll } = found;
  const more = ROW_CHOICES.find((choice) => choice > address.rows);
  return (
    <p class="said" role="status">
      {total === null ? (
        <>
          {counted(rows.length, 'row')} found{!found.isEveryName && ', among the largest names with this in them; say more of the name'}.
        </>
      ) : isAll ? (
        <>{counted(rows.length, 'row')}.</>
      ) : (
        <>
          The {grouped(rows.length)} largest of {counted(total.groups, 'row')}; the others are summed up at the end.
        </>
      )}{' '}
      {!isAll && !isSummed(address.sort.field) && <>Sorted among these. </>}
      {!isAll && more !== undefined && (
        <button type="button" class="quiet" onClick={() => go({ ...address, rows: more })}>
          Up to {grouped(more)}
        </button>
      )}
      {found.complete !== undefined && <CompleteMark complete={found.complete} />}
    </p>
  );
}

const FORMATS = [
  { name: 'CSV', accept: 'text/csv', ending: 'csv' },
  { name: 'JSON lines', accept: 'application/x-ndjson', ending: 'ndjson' },
] as const;

/** Files: these rows, as the service sums them up, or every flow of the selection. */
function Exports() {
  const { address, range } = useSelection();
  const [busy, setBusy] = useState('');
  const [error, setError] = useState<ApiError | null>(null);
  const selection = selectionParams(address, range);
  const order = isSummed(address.sort.field) ? address.sort.field : undefined;
  const rows = url('/v1/summary', { ...selection, group_by: address.by.join(), order_by: order, limit: 10_000 });
  const kinds = [
    { name: 'Rows of this table', what: 'summary', target: rows },
    { name: 'Every flow', what: 'flows', target: url('/v1/flows', selection) },
  ];
  const take = async (target: string, what: string, format: (typeof FORMATS)[number]) => {
    setBusy(`${what}-${format.ending}`);
    setError(null);
    try {
      const blob = await download(target, format.accept, new AbortController().signal);
      save(blob, `${what} ${rangeText(range)}.${format.ending}`.replace(/[^\w.-]+/g, '-'));
    } catch (fault) {
      setError(fault instanceof ApiError ? fault : new ApiError(0, String(fault)));
    } finally {
      setBusy('');
    }
  };
  return (
    <details class="menu">
      <summary>Export</summary>
      <div class="menu-body">
        {kinds.map(({ name, what, target }) => (
          <div key={what} role="group" aria-label={name}>
            <span>{name}</span>
            {FORMATS.map((format) => (
              <button
                key={format.ending}
                type="button"
                disabled={busy !== ''}
                onClick={() => void take(target, what, format)}
              >
                {busy === `${what}-${format.ending}` ? 'Reading…' : format.name}
              </button>
            ))}
          </div>
        ))}
        <p class="muted">Hours and filters are as chosen above; a search in the table is not a filter.</p>
        {error !== null && <ErrorNote error={error} />}
      </div>
    </details>
  );
}
