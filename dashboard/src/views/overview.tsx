/** Who moved the most: the answer in a sentence, totals over time, and the top talkers with bars. */

import { useState } from 'preact/hooks';

import { url } from '../api/client';
import type { GroupField, NameField, Summary, SummaryRow } from '../api/types';
import { type Bar, Bars } from '../parts/bars';
import { HourName, Size } from '../parts/figures';
import { Link } from '../parts/link';
import { Await } from '../parts/notes';
import { NothingHere } from '../parts/nothing';
import { Timeline } from '../parts/timeline';
import { type Address, NAME_FIELDS, withFilter } from '../state/address';
import { rangeText } from '../state/hours';
import { exactly, seen } from '../state/names';
import { useRead } from '../state/read';
import { selectionParams, useSelection } from '../state/selection';
import { counted, grouped, shareText } from '../state/units';

interface PanelKind {
  title: string;
  by: readonly NameField[];
}

const PAIRS: PanelKind = { title: 'Pairs', by: ['src_app', 'dest_app'] };
const PANELS: readonly PanelKind[] = [
  { title: 'Sources', by: ['src_app'] },
  { title: 'Destinations', by: ['dest_app'] },
  { title: 'VPCs', by: ['vpc_id'] },
];

const FEW = 10;
const MANY = 50;

export function Overview() {
  const { address, range, live } = useSelection();
  const [isLong, setLong] = useState(false);
  const pairs = useSummary(PAIRS.by, isLong ? MANY : FEW);
  return (
    <>
      <Timeline />
      <Await reading={pairs} retry={live.refresh}>
        {(summary) =>
          summary.total.flows === 0 ? (
            <NothingHere />
          ) : (
            <>
              <Answer summary={summary} />
              <div class="panels">
                <section class="panel panel-wide" aria-label="Pairs">
                  <PanelHead kind={PAIRS} address={address} isLong={isLong} setLong={setLong} />
                  <PanelBars kind={PAIRS} summary={summary} address={address} />
                </section>
                {PANELS.map((kind) => (
                  <Panel key={kind.title} kind={kind} />
                ))}
                <JustNow />
              </div>
            </>
          )
        }
      </Await>
      <p class="unseen" role="status">
        {pairs.data !== null && !pairs.isLoading ? `Showing ${rangeText(range)}` : ''}
      </p>
    </>
  );
}

function useSummary(by: readonly GroupField[], limit: number) {
  const { address, range, live } = useSelection();
  const params = { ...selectionParams(address, range), group_by: by.join(), limit };
  return useRead<Summary>(url('/v1/summary', params), live.version);
}

/** The question of this page, answered. */
function Answer({ summary }: { summary: Summary }) {
  const { address } = useSelection();
  const { total, rows } = summary;
  const top = rows.find(isGroup);
  return (
    <section class="answer" aria-label="Answer">
      {top && (
        <p class="answer-top">
          <Link to={drill(address, top, PAIRS.by)} class="answer-pair">
            <span class="name">{seen(top.src_app ?? '')}</span>
            <span class="arrow" aria-hidden="true">
              →
            </span>
            <span class="unseen"> to </span>
            <span class="name">{seen(top.dest_app ?? '')}</span>
          </Link>{' '}
          moved the most: <Size bytes={top.bytes_total} />, {shareText(top.bytes_total, total.bytes_total)} of all.
        </p>
      )}
      <dl class="tiles">
        <div>
          <dt>Total</dt>
          <dd>
            <Size bytes={total.bytes_total} />
          </dd>
        </div>
        <div>
          <dt>
            <span class="key key-sent">Sent</span>
          </dt>
          <dd>
            <Size bytes={total.bytes_tx} />
          </dd>
        </div>
        <div>
          <dt>
            <span class="key key-returned">Returned</span>
          </dt>
          <dd>
            <Size bytes={total.bytes_rx} />
          </dd>
        </div>
        <div>
          <dt>Pairs</dt>
          <dd>{grouped(total.groups)}</dd>
        </div>
        <div>
          <dt>Flows</dt>
          <dd>{grouped(total.flows)}</dd>
        </div>
      </dl>
    </section>
  );
}

/** The last row is the rest; so is one of an app that has this name, which is not there then. */
function isGroup(_: SummaryRow, n: number, rows: readonly SummaryRow[]): boolean {
  return n < rows.length - 1;
}

/** A click on a row looks closer: at the flows of a pair, or at what one name has to do with. */
function drill(address: Address, row: SummaryRow, by: readonly NameField[]): Address {
  const filtered = by.reduce((to, field) => {
    const name = row[field];
    return name === undefined ? to : withFilter(to, field, [exactly(name)]);
  }, address);
  return by.length > 1 ? { ...filtered, view: 'flows', by: [...NAME_FIELDS, 'hour'] } : filtered;
}

function Panel({ kind }: { kind: PanelKind }) {
  const { address, live } = useSelection();
  const [isLong, setLong] = useState(false);
  const reading = useSummary(kind.by, isLong ? MANY : FEW);
  return (
    <section class="panel" aria-label={kind.title}>
      <PanelHead kind={kind} address={address} isLong={isLong} setLong={setLong} />
      <Await reading={reading} retry={live.refresh}>
        {(summary) => <PanelBars kind={kind} summary={summary} address={address} />}
      </Await>
    </section>
  );
}

function PanelHead({
  kind,
  address,
  isLong,
  setLong,
}: {
  kind: PanelKind;
  address: Address;
  isLong: boolean;
  setLong(isLong: boolean): void;
}) {
  return (
    <div class="panel-head">
      <h2>{kind.title}</h2>
      <button type="button" class="quiet" aria-pressed={isLong} onClick={() => setLong(!isLong)}>
        {isLong ? `Top ${FEW}` : `Top ${MANY}`}
        <span class="unseen"> {kind.title}</span>
      </button>
      <Link to={{ ...address, view: 'flows', by: kind.by }} class="quiet">
        All as a table<span class="unseen">: {kind.title}</span>
      </Link>
    </div>
  );
}

function PanelBars({ kind, summary, address }: { kind: PanelKind; summary: Summary; address: Address }) {
  const { rows, total } = summary;
  const bars = rows.map((row, n): Bar | null => {
    const sums = { sent: row.bytes_tx, returned: row.bytes_rx, total: row.bytes_total, flows: row.flows };
    if (!isGroup(row, n, rows)) {
      return row.groups === 0 ? null : { key: 'rest', names: [`${counted(row.groups, 'other')}`], ...sums };
    }
    const names = kind.by.map((field) => row[field] ?? '');
    const action = names.length > 1 ? 'Show the flows of this pair' : `Show only ${seen(names[0] ?? '')}`;
    return { key: JSON.stringify(names), names, ...sums, to: drill(address, row, kind.by), action };
  });
  const shown = bars.filter((bar) => bar !== null);
  return <Bars bars={shown} whole={total.bytes_total} label={`${kind.title} by bytes`} />;
}

/** The flows that changed last, as the stream tells. */
function JustNow() {
  const { address, live } = useSelection();
  if (!address.live || live.state === 'off') return null;
  return (
    <section class="panel" aria-label="Just now">
      <div class="panel-head">
        <h2>Just now</h2>
      </div>
      {live.latest.length === 0 ? (
        <p class="muted">Nothing has changed since you came here.</p>
      ) : (
        <ul class="ticker">
          {live.latest.map((flow) => (
            <li key={JSON.stringify([flow.hour, flow.src_app, flow.dest_app, flow.vpc_id])}>
              <span class="bar-names">
                <span class="name">{seen(flow.src_app)}</span>
                <span class="arrow">
                  <span aria-hidden="true">→</span>
                  <span class="unseen"> to </span>
                </span>
                <span class="name">{seen(flow.dest_app)}</span>
              </span>
              <span class="detail">
                <span class="name">{seen(flow.vpc_id)}</span> · <HourName hour={flow.hour} />
              </span>
              <span class="bar-figures">
                <Size bytes={flow.bytes_tx} /> / <Size bytes={flow.bytes_rx} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
