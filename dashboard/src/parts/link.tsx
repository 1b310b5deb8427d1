/** Links within the dashboard: real ones, that can be opened elsewhere and copied. */

import type { AnchorHTMLAttributes, ComponentChildren } from 'preact';

import { type Address, go, href } from '../state/address';

type Props = Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'href' | 'role'> & {
  to: Address;
  children: ComponentChildren;
};

export function Link({ to, children, ...rest }: Props) {
  const follow = (event: MouseEvent) => {
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!isPlain || event.defaultPrevented) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a {...rest} href={href(to)} onClick={follow}>
      {children}
    </a>
  );
}
