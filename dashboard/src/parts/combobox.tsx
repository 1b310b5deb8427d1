/**
 * A field with suggestions (the combobox of the ARIA Authoring Practices): arrows choose, Enter
 * takes, Escape closes. What is suggested comes from outside.
 */

import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';

export interface Suggestion {
  value: string;
  label: string;
  detail?: ComponentChildren;
}

interface Props {
  label: string;
  placeholder: string;
  text: string;
  onText(text: string): void;
  suggestions: readonly Suggestion[];
  onTake(value: string): void;
  onFocus?: () => void;
}

export function Combobox({ label, placeholder, text, onText, suggestions, onTake, onFocus }: Props) {
  const id = useId();
  const [isOpen, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const shown = isOpen && suggestions.length > 0;
  const current = shown ? suggestions[active] : undefined;

  const take = (value: string) => {
    onTake(value);
    setOpen(false);
    setActive(-1);
  };
  const move = (step: number) => {
    setOpen(true);
    const count = suggestions.length;
    if (count > 0) setActive((before) => (before < 0 && step < 0 ? count - 1 : (before + step + count) % count));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') move(1);
    else if (event.key === 'ArrowUp') move(-1);
    else if (event.key === 'Escape') setOpen(false);
    else if (event.key === 'Enter') {
      const chosen = current ?? (text === '' ? undefined : suggestions.find(({ value }) => value === text) ?? suggestions[0]);
      if (chosen !== undefined) take(chosen.value);
    } else return;
    event.preventDefault();
  };

  return (
    <div class="combobox">
      <input
        type="text"
        role="combobox"
        aria-label={label}
        aria-expanded={shown}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={current ? `${id}-${active}` : undefined}
        autocomplete="off"
        spellcheck={false}
        placeholder={placeholder}
        value={text}
        onFocus={() => {
          setOpen(true);
          onFocus?.();
        }}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
        onInput={(event) => {
          setOpen(true);
          setActive(-1);
          onText(event.currentTarget.value);
        }}
      />
      <ul id={`${id}-list`} role="listbox" aria-label={label} hidden={!shown}>
        {suggestions.map(({ value, label: shownAs, detail }, n) => (
          <li
            key={value}
            id={`${id}-${n}`}
            role="option"
            aria-selected={n === active}
            // Before the field loses the focus, and the list is gone.
            onMouseDown={(event) => {
              event.preventDefault();
              take(value);
            }}
          >
            <span class="name">{shownAs}</span>
            {detail !== undefined && <span class="detail">{detail}</span>}
          </li>
        ))}
      </ul>
    </div>
  );
}
