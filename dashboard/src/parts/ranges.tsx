/** The choice of an hour or a range of hours: presets, one step back or on, or from and to. */

import { useEffect, useState } from 'preact/hooks';

import { type Address, go } from '../state/address';
import {
  MAX_HOUR,
  PRESETS,
  type Range,
  type RangeText,
  inputText,
  isOneHour,
  parseHour,
  pinned,
  rangeText,
  sameRange,
} from '../state/hours';
import { useSelection } from '../state/selection';

export function RangePicker() {
  const { address, range, now } = useSelection();
  const [isCustom, setCustom] = useState(false);
  const to = (text: RangeText) => go({ ...address, range: text });
  return (
    <div class="ranges">
      <div class="range-row" role="group" aria-label="Hours">
        {PRESETS.map((preset) => (
          <button
            key={preset.label}
            type="button"
            class="preset"
            aria-pressed={sameRange(preset.range, address.range)}
            onClick={() => to(preset.range)}
          >
            {preset.label}
          </button>
        ))}
        <button
          type="button"
          class="preset"
          aria-expanded={isCustom}
          onClick={() => setCustom(!isCustom)}
        >
          From … to …
        </button>
      </div>
      <div class="range-row range-said">
        <Step label="Earlier" sign="‹" to={moved(range, now, -1)} go={to} />
        <strong class="range-text">{rangeText(range)}</strong>
        <Step label="Later" sign="›" to={moved(range, now, 1)} go={to} />
      </div>
      {isCustom && <CustomRange address={address} range={range} now={now} onDone={() => setCustom(false)} />}
    </div>
  );
}

function Step({ label, sign, to, go: goTo }: { label: string; sign: string; to: RangeText | null; go(text: RangeText): void }) {
  return (
    <button type="button" class="step" aria-label={label} disabled={to === null} onClick={() => to && goTo(to)}>
      {sign}
    </button>
  );
}

/** The range before or after one, as long as it is; nothing where there is none. */
function moved(range: Range, now: number, direction: 1 | -1): RangeText | null {
  const last = range.last ?? Math.max(now, range.first);
  const length = last - range.first + 1;
  const first = range.first + direction * length;
  if (first < 0 || first + length - 1 > MAX_HOUR || (last === now && direction === 1)) return null;
  return pinned({ first, last: first + length - 1 });
}

function CustomRange({ address, range, now, onDone }: { address: Address; range: Range; now: number; onDone(): void }) {
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  const [fault, setFault] = useState('');
  useEffect(() => {
    setFrom(inputText(range.first) || String(range.first));
    const last = range.last ?? (isOneHour(range) ? range.first : now);
    setTo(inputText(last + 1) || String(last + 1));
  }, [range.first, range.last]);
  const submit = (event: Event) => {
    event.preventDefault();
    const [first, end] = [parseHour(from.trim(), now), parseHour(to.trim(), now)];
    if (first === null) return setFault('“From” is no hour: a time as 2026-01-31T23:00 in UTC, a number, now or -24h.');
    if (end === null) return setFault('“To” is no hour: a time as 2026-01-31T23:00 in UTC, a number, now or -24h.');
    if (end <= first) return setFault('“To” must be later than “From”; its hour is not included.');
    setFault('');
    onDone();
    go({ ...address, range: pinned({ first, last: end - 1 }) });
  };
  const field = (label: string, value: string, set: (value: string) => void) => (
    <label>
      <span>{label}</span>
      <input type="text" value={value} spellcheck={false} onInput={(event) => set(event.currentTarget.value)} />
    </label>
  );
  return (
    <form class="custom-range" onSubmit={submit}>
      {field('From (UTC)', from, setFrom)}
      {field('To, not included', to, setTo)}
      <button type="submit" class="primary">
        Show
      </button>
      {fault !== '' && (
        <p class="note note-error" role="alert">
          {fault}
        </p>
      )}
    </form>
  );
}
