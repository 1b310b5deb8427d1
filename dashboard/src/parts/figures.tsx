/** Figures: bytes with a unit or in full, whether all has arrived, and hours. */

import type { Bytes, Complete } from '../api/types';
import { hourText, isTime } from '../state/hours';
import { useSelection } from '../state/selection';
import { bytesText, grouped } from '../state/units';

/** A number of bytes: three digits and a unit, all of them on demand. */
export function Size({ bytes }: { bytes: Bytes }) {
  const { exact } = useSelection().address;
  const all = `${grouped(bytes)} bytes`;
  return (
    <data value={String(bytes)} title={all} class="size">
      {exact ? grouped(bytes) : bytesText(bytes)}
    </data>
  );
}

export const COMPLETE_WORDS = { true: 'complete', false: 'not complete', null: 'not known' } as const;

export function completeWord(complete: Complete): string {
  return COMPLETE_WORDS[`${complete}`];
}

/** Whether an hour is complete, in a word and a sign. */
export function CompleteMark({ complete }: { complete: Complete }) {
  return <span class={`mark mark-${complete}`}>{completeWord(complete)}</span>;
}

/** An hour, with its number for who counts otherwise. */
export function HourName({ hour }: { hour: number }) {
  return <span title={isTime(hour) ? `hour ${hour}, UTC` : undefined}>{hourText(hour)}</span>;
}
