/** Can the figures be trusted: which hours are complete and why not, whether the sides agree, and who reports. */

import { useState } from 'preact/hooks';

import { url } from '../api/client';
import type { Audit, Completeness, Instances, Witness } from '../api/types';
import { CompleteMark, HourName, Size } from '../parts/figures';
import { Link } from '../parts/link';
import { Await, Empty } from '../parts/notes';
import { Timeline } from '../parts/timeline';
import { go } from '../state/address';
import { nowMs } from '../state/clock';
import { contains, isOneHour, rangeParams } from '../state/hours';
import { seen } from '../state/names';
import { useRead } from '../state/read';
import { useSelection } from '../state/selection';
import { agoText, counted, grouped } from '../state/units';

/** What the reasons mean (docs/api.md, “Is it all?”). */
const REASONS: Record<string, string> = {
  not_ended: 'The hour has not ended, or only just: more is to come.',
  outstanding: 'Some instances have not delivered all that they saw.',
  lost: 'Some instances have not been heard of for 15 minutes: they ended without notice, or cannot reach the service.',
  lost_bytes: 'Some instances had to give up bytes.',
  not_remembered: 'It is too long ago: what instances said then may be forgotten.',
  not_witnessed: 'No instance is known that was there in this hour: nobody was there to report.',
};

export function Trust() {
  return (
    <>
      <Timeline />
      <div class="panels">
        <HourCompleteness />
        <AuditPanel />
        <InstancesPanel />
      </div>
    </>
  );
}

/** The hours of the range that are not complete, and one of them closely. */
function HourCompleteness() {
  const { address, range, hours, now, live } = useSelection();
  const rows = (hours.data?.hours ?? []).filter(({ hour }) => contains(range, hour));
  const open = rows.filter(({ complete }) => complete !== true).reverse();
  const hour = isOneHour(range) ? range.first : (open[0]?.hour ?? rows.at(-1)?.hour ?? Math.min(now, range.last ?? now));
  const reading = useRead<Completeness>(url('/v1/completeness', { hour }), live.version);
  return (
    <section class="panel panel-full" aria-label="Completeness">
      <div class="panel-head">
        <h2>Is it all?</h2>
      </div>
      {!isOneHour(range) && (
        <p>
          {grouped(rows.length - open.length)} of {counted(rows.length, 'hour')} with flows complete.
          {open.length > 0 && ' Not, or not known:'}
        </p>
      )}
      {!isOneHour(range) && open.length > 0 && (
        <ul class="hour-list">
          {open.slice(0, 24).map((row) => (
            <li key={row.hour}>
              <Link to={{ ...address, range: { hour: String(row.hour) } }}>
                <HourName hour={row.hour} />
              </Link>{' '}
              <CompleteMark complete={row.complete} />
            </li>
          ))}
          {open.length > 24 && <li class="muted">and {grouped(open.length - 24)} more</li>}
        </ul>
      )}
      <Await reading={reading} retry={live.refresh}>
        {(report) => <Report report={report} />}
      </Await>
    </section>
  );
}

function Report({ report }: { report: Completeness }) {
  const { instances } = report;
  return (
    <div class="report">
      <h3>
        <HourName hour={report.hour} /> <CompleteMark complete={report.complete} />
      </h3>
      {report.complete === true && <p>Every instance that is known has delivered all that it saw in this hour.</p>}
      {report.reasons.length > 0 && (
        <ul class="reasons">
          {report.reasons.map((reason) => (
            <li key={reason}>
              {REASONS[reason] ?? ''} <code>{reason}</code>
            </li>
          ))}
        </ul>
      )}
      {instances === undefined ? (
        <p class="muted">Instances are told to tokens that are not limited to certain VPCs.</p>
      ) : (
        <>
          <dl class="tiles">
            <Tile name="Reported" count={instances.reported} />
            <Tile name="Outstanding" count={instances.outstanding} isBad />
            <Tile name="Lost" count={instances.lost} isBad />
            <Tile name="Lost before" count={instances.lost_before} />
            <Tile name="Wrong clock" count={instances.skewed} isBad />
            <div class={Number(report.lost_bytes) > 0 ? 'is-bad' : ''}>
              <dt>Bytes lost</dt>
              <dd>
                <Size bytes={report.lost_bytes ?? 0} />
              </dd>
            </div>
            <div>
              <dt>Bytes in _other</dt>
              <dd>
                <Size bytes={report.folded_bytes ?? 0} />
              </dd>
            </div>
          </dl>
          <Witnesses title="Outstanding instances" witnesses={report.outstanding ?? []} />
          <Witnesses title="Lost instances" witnesses={report.lost ?? []} />
          <Witnesses title="Instances with a wrong clock" witnesses={report.skewed ?? []} />
        </>
      )}
    </div>
  );
}

function Tile({ name, count, isBad = false }: { name: string; count: number; isBad?: boolean }) {
  return (
    <div class={isBad && count > 0 ? 'is-bad' : ''}>
      <dt>{name}</dt>
      <dd>{grouped(count)}</dd>
    </div>
  );
}

function Witnesses({ title, witnesses }: { title: string; witnesses: readonly Witness[] }) {
  if (witnesses.length === 0) return null;
  return (
    <details>
      <summary>
        {title} ({grouped(witnesses.length)} named)
      </summary>
      <div class="scroll" role="region" aria-label={title} tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Instance</th>
              <th scope="col">Told all up to</th>
              <th scope="col">Last heard of</th>
              <th scope="col">Clock</th>
            </tr>
          </thead>
          <tbody>
            {witnesses.map((witness) => (
              <tr key={witness.id}>
                <th scope="row" class="id">
                  {witness.id}
                </th>
                <td>{timeText(witness.watermark_ms)}</td>
                <td>{seenText(witness.last_seen)}</td>
                <td>{clockText(witness.clock_offset_ms)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

function timeText(ms: number): string {
  return ms > 0 && ms < 8.64e15 ? new Date(ms).toISOString().replace('T', ' ').slice(0, 19) : '–';
}

function seenText(time: string | null): string {
  return time === null ? '–' : agoText(Date.parse(time), nowMs());
}

function clockText(offset: number | null): string {
  if (offset === null) return 'not told';
  if (Math.abs(offset) < 1000) return 'right';
  return `${Math.abs(offset / 1000).toFixed(1)} s ${offset > 0 ? 'ahead' : 'behind'}`;
}

/** Flows whose two sides do not say the same. */
function AuditPanel() {
  const { address, range, live } = useSelection();
  const params = {
    ...rangeParams(range),
    ...address.filters,
    include: address.oneSided ? 'one_sided' : undefined,
    limit: 100,
  };
  const reading = useRead<Audit>(url('/v1/audit', params), live.version);
  return (
    <section class="panel panel-full" aria-label="Audit">
      <div class="panel-head">
        <h2>Do both sides agree?</h2>
        <button
          type="button"
          class="quiet"
          aria-pressed={address.oneSided}
          onClick={() => go({ ...address, oneSided: !address.oneSided })}
        >
          List one-sided flows, too
        </button>
      </div>
      <p class="muted">
        A flow is counted where it leaves and where it arrives, if both have the filter. While an hour goes on, the
        sides differ by what is on the way.
      </p>
      <Await reading={reading} retry={live.refresh}>
        {(audit) => <AuditTable audit={audit} />}
      </Await>
    </section>
  );
}

function AuditTable({ audit: { rows, total } }: { audit: Audit }) {
  return (
    <>
      <dl class="tiles">
        <Tile name="Flows" count={total.flows} />
        <Tile name="Agreeing" count={total.agreeing} />
        <Tile name="Disagreeing" count={total.disagreeing} isBad />
        <Tile name="One side only" count={total.one_sided} />
        <div>
          <dt>Difference</dt>
          <dd>
            <Size bytes={total.difference_bytes} />
          </dd>
        </div>
      </dl>
      {rows.length > 0 && (
        <div class="scroll" role="region" aria-label="Flows whose sides differ" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">Source</th>
                <th scope="col">Destination</th>
                <th scope="col">VPC</th>
                <th scope="col">Hour (UTC)</th>
                <th scope="col" class="number">Source says: sent</th>
                <th scope="col" class="number">returned</th>
                <th scope="col" class="number">Destination says: sent</th>
                <th scope="col" class="number">returned</th>
                <th scope="col" class="number">Difference</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={JSON.stringify([row.hour, row.src_app, row.dest_app, row.vpc_id])}>
                  <td class="name-cell"><span class="name">{seen(row.src_app)}</span></td>
                  <td class="name-cell"><span class="name">{seen(row.dest_app)}</span></td>
                  <td class="name-cell"><span class="name">{seen(row.vpc_id)}</span></td>
                  <td><HourName hour={row.hour} /></td>
                  <td class="number"><Size bytes={row.source_bytes_tx} /></td>
                  <td class="number"><Size bytes={row.source_bytes_rx} /></td>
                  <td class="number"><Size bytes={row.destination_bytes_tx} /></td>
                  <td class="number"><Size bytes={row.destination_bytes_rx} /></td>
                  <td class="number">
                    {row.reported_by === 'both' ? <Size bytes={row.difference_bytes} /> : `${row.reported_by} only`}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

/** Who reports, a page at a time. */
function InstancesPanel() {
  const { live } = useSelection();
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const cursor = cursors.at(-1);
  const reading = useRead<Instances>(url('/v1/instances', { limit: 50, cursor }), live.version);
  if (reading.error?.status === 403) {
    return (
      <section class="panel panel-full" aria-label="Instances">
        <div class="panel-head">
          <h2>Who reports</h2>
        </div>
        <p class="muted">Instances are told to tokens that are not limited to certain VPCs.</p>
      </section>
    );
  }
  return (
    <section class="panel panel-full" aria-label="Instances">
      <div class="panel-head">
        <h2>Who reports</h2>
      </div>
      <Await reading={reading} retry={live.refresh}>
        {({ instances, next_cursor }) =>
          instances.length === 0 && cursor === undefined ? (
            <Empty>No filter has reported yet. Direct writes have no instance.</Empty>
          ) : (
            <>
              <div class="scroll" role="region" aria-label="Instances by id" tabIndex={0}>
                <table>
                  <thead>
                    <tr>
                      <th scope="col">Instance</th>
                      <th scope="col">Side</th>
                      <th scope="col" class="number">Batches</th>
                      <th scope="col">Last heard of</th>
                      <th scope="col">Told all up to</th>
                      <th scope="col">Clock</th>
                      <th scope="col" class="number">Lost</th>
                      <th scope="col" class="number">In _other</th>
                      <th scope="col">State</th>
                    </tr>
                  </thead>
                  <tbody>
                    {instances.map((one) => (
                      <tr key={one.id}>
                        <th scope="row" class="id">{one.id}</th>
                        <td>{one.reporter}</td>
                        <td class="number">{grouped(one.sequence)}</td>
                        <td>{seenText(one.last_seen)}</td>
                        <td>{timeText(one.watermark_ms)}</td>
                        <td>{clockText(one.clock_offset_ms)}</td>
                        <td class="number"><Size bytes={one.lost_bytes} /></td>
                        <td class="number"><Size bytes={one.folded_bytes} /></td>
                        <td>{one.ended ? 'ended' : 'running'}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
              {(cursor !== undefined || next_cursor !== null) && (
                <nav class="pager" aria-label="Pages of instances">
                  <button type="button" disabled={cursor === undefined} onClick={() => setCursors(cursors.slice(0, -1))}>
                    Before
                  </button>
                  <button
                    type="button"
                    disabled={next_cursor === null}
                    onClick={() => next_cursor !== null && setCursors([...cursors, next_cursor])}
                  >
                    Next
                  </button>
                </nav>
              )}
            </>
          )
        }
      </Await>
    </section>
  );
}
