/** Which names are written on the map: the largest apps first, and none over another. Pure. */

import type { App } from './graph';
import type { Places } from './layout';

/** A character of the labels' font, about, in pixels. */
const CHARACTER = 6.6;
const LINE = 15;

/** How many characters of a name are written. */
export const MAX_CHARACTERS = 28;

interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** The names that have room at a scale; those in `first` are written in any case. */
export function readable(
  apps: readonly App[],
  places: Places,
  scale: number,
  first: ReadonlySet<string>,
): ReadonlySet<string> {
  const taken: Box[] = [];
  const shown = new Set<string>();
  const inOrder = [...apps.filter(({ name }) => first.has(name)), ...apps.filter(({ name }) => !first.has(name))];
  for (const { name } of inOrder) {
    const place = places.get(name);
    if (place === undefined) continue;
    const half = (Math.min(name.length, MAX_CHARACTERS) * CHARACTER) / 2;
    const top = (place.y + place.radius) * scale + 2;
    const box = { left: place.x * scale - half, right: place.x * scale + half, top, bottom: top + LINE };
    if (first.has(name) || !taken.some((other) => overlap(box, other))) {
      taken.push(box);
      shown.add(name);
    }
  }
  return shown;
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

export function shortened(name: string): string {
  const characters = [...name];
  return characters.length > MAX_CHARACTERS ? `${characters.slice(0, MAX_CHARACTERS - 1).join('')}…` : name;
}
