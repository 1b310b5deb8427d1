/** There are no flows here: what to do about it. */

import { useRead } from '../state/read';
import type { Hours } from '../api/types';
import { hasFilters } from '../state/address';
import { hourText } from '../state/hours';
import { useSelection } from '../state/selection';
import { withoutFilters } from './filters';
import { Link } from './link';
import { Await, Empty } from './notes';

export function NothingHere() {
  const { address, live } = useSelection();
  const hours = useRead<Hours>('/v1/hours', live.version);
  return (
    <Await reading={hours}>
      {({ hours: all }) => {
        const newest = all.at(-1);
        return newest === undefined ? (
          <Empty>
            <h2>There are no flows yet</h2>
            <p>
              Sidecars push within seconds of their first bytes. This page shows them as they arrive. To try it by
              hand:
            </p>
            <pre>{example()}</pre>
          </Empty>
        ) : (
          <Empty>
            <h2>No flows here</h2>
            <p>Nothing was reported for these hours{hasFilters(address) && ' and filters'}.</p>
            <p class="choices">
              <Link to={{ ...address, range: { hour: String(newest.hour) } }} class="button">
                Show the newest hour with flows, {hourText(newest.hour)}
              </Link>
              {hasFilters(address) && (
                <Link to={withoutFilters(address)} class="button">
                  Clear filters
                </Link>
              )}
            </p>
          </Empty>
        );
      }}
    </Await>
  );
}

function example(): string {
  const flow = '[{"src_app":"frontend","dest_app":"backend","vpc_id":"vpc-1","bytes_tx":10,"bytes_rx":20,"hour":\'$(( $(date +%s) / 3600 ))\'}]';
  return `curl ${location.origin}/flows -H 'content-type: application/json' -d '${flow}'`;
}
