/** The filters: names or beginnings of names for each field, suggested by the service, and the side. */

import { useState } from 'preact/hooks';

import { url } from '../api/client';
import type { Hints, NameField } from '../api/types';
import { type Address, NAME_FIELDS, go, hasFilters, withFilter } from '../state/address';
import { rangeParams } from '../state/hours';
import { exactly, seen, startingWith } from '../state/names';
import { useRead } from '../state/read';
import { filterParams, useSelection } from '../state/selection';
import { bytesText } from '../state/units';
import { Combobox, type Suggestion } from './combobox';

export const FIELD_NAMES: Record<NameField, string> = {
  src_app: 'Source',
  dest_app: 'Destination',
  vpc_id: 'VPC',
};

export function FilterBar() {
  const { address } = useSelection();
  const [isOpen, setOpen] = useState(false);
  const count = NAME_FIELDS.reduce((sum, field) => sum + address.filters[field].length, address.reporter ? 1 : 0);
  return (
    <div class={isOpen ? 'filters is-open' : 'filters'} role="group" aria-label="Filters">
      <button type="button" class="filters-toggle" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        Filters{count > 0 ? ` (${count})` : ''}
      </button>
      <div class="filters-body">
        {NAME_FIELDS.map((field) => (
          <FieldFilter key={field} field={field} />
        ))}
        <SideChoice address={address} />
        {hasFilters(address) && (
          <button type="button" class="quiet" onClick={() => go(withoutFilters(address))}>
            Clear filters
          </button>
        )}
      </div>
    </div>
  );
}

export function withoutFilters(address: Address): Address {
  return { ...address, reporter: null, filters: { src_app: [], dest_app: [], vpc_id: [] } };
}

function FieldFilter({ field }: { field: NameField }) {
  const { address } = useSelection();
  const [text, setText] = useState('');
  const [isUsed, setUsed] = useState(false);
  const patterns = address.filters[field];
  const suggestions = useSuggestions(field, text, isUsed);
  const take = (pattern: string) => {
    setText('');
    if (!patterns.includes(pattern)) go(withFilter(address, field, [...patterns, pattern]));
  };
  return (
    <div class="filter">
      {patterns.map((pattern) => (
        <button
          key={pattern}
          type="button"
          class="chip"
          aria-label={`Remove the filter ${FIELD_NAMES[field]} ${seen(pattern)}`}
          onClick={() => go(withFilter(address, field, patterns.filter((one) => one !== pattern)))}
        >
          <span class="chip-field">{FIELD_NAMES[field]}</span>
          <span class="name">{seen(pattern)}</span>
          <span aria-hidden="true">×</span>
        </button>
      ))}
      <Combobox
        label={`Filter by ${FIELD_NAMES[field].toLowerCase()}`.replace('vpc', 'VPC')}
        placeholder={patterns.length > 0 ? `or ${FIELD_NAMES[field].toLowerCase().replace('vpc', 'VPC')}…` : `${FIELD_NAMES[field]}…`}
        text={text}
        onText={setText}
        suggestions={suggestions}
        onTake={take}
        onFocus={() => setUsed(true)}
      />
    </div>
  );
}

/** Names of the selected hours, those with the most bytes first, and the beginning as typed. */
function useSuggestions(field: NameField, text: string, isUsed: boolean): readonly Suggestion[] {
  const { address, range, live } = useSelection();
  const typed = text.trim();
  // The field's own filter does not count: its values are alternatives.
  const others = { ...filterParams(address), [field]: undefined };
  const params = { ...rangeParams(range), ...others, field, prefix: typed || undefined, limit: 10 };
  const hints = useRead<Hints>(isUsed ? url('/v1/hints', params) : null, live.version);
  const names = (hints.data?.hints ?? []).filter(({ value }) => value.startsWith(typed));
  const suggestions = names.map(({ value, bytes_total }) => ({
    value: exactly(value),
    label: seen(value),
    detail: bytesText(bytes_total),
  }));
  if (typed === '') return suggestions;
  const prefix = typed.endsWith('*') ? typed : startingWith(typed);
  return [...suggestions, { value: prefix, label: seen(prefix), detail: 'all that begin so' }];
}

function SideChoice({ address }: { address: Address }) {
  return (
    <label class="side">
      <span>Reported by</span>
      <select
        value={address.reporter ?? ''}
        onChange={(event) => {
          const side = event.currentTarget.value;
          go({ ...address, reporter: side === 'source' || side === 'destination' ? side : null });
        }}
      >
        <option value="">both sides</option>
        <option value="source">source</option>
        <option value="destination">destination</option>
      </select>
    </label>
  );
}
