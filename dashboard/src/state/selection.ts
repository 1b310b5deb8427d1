/** What is looked at: an address, resolved at the present hour. Every view asks by these parameters. */

import { createContext } from 'preact';
import { useContext } from 'preact/hooks';

import type { Params } from '../api/client';
import type { Hours } from '../api/types';
import type { Address } from './address';
import { type Range, rangeParams } from './hours';
import type { Live } from './live';
import type { Reading } from './read';

export interface Selection {
  address: Address;
  range: Range;
  /** The hour now. */
  now: number;
  /** The hours of the chart, of which the range is a part. */
  window: Range;
  hours: Reading<Hours>;
  live: Live;
}

export const SelectionContext = createContext<Selection | null>(null);

export function useSelection(): Selection {
  const selection = useContext(SelectionContext);
  if (selection === null) throw new Error('a view is shown without a selection');
  return selection;
}

/** The parameters of names and side. */
export function filterParams({ filters, reporter }: Address): Params {
  return { ...filters, reporter: reporter ?? undefined };
}

/** The parameters of a selection: hours, names and side. */
export function selectionParams(address: Address, range: Range): Params {
  return { ...rangeParams(range), ...filterParams(address) };
}
