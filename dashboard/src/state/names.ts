/** Patterns of names: `name`, or `start*`; `\*` at the end is a star itself (docs/api.md). Pure. */

/** The pattern that means exactly this name. */
export function exactly(name: string): string {
  if (!name.endsWith('*')) return name;
  const stem = name.slice(0, -1);
  return `${stem}${endingBackslashes(stem)}\\*`;
}

/** The pattern that means all names with this beginning. */
export function startingWith(start: string): string {
  return `${start}${endingBackslashes(start)}*`;
}

function endingBackslashes(text: string): string {
  return /\\*$/.exec(text)?.[0] ?? '';
}

/** Whether a pattern means a name. */
export function matches(pattern: string, name: string): boolean {
  if (!pattern.endsWith('*')) return pattern === name;
  const stem = pattern.slice(0, -1);
  const backslashes = endingBackslashes(stem).length;
  const start = stem.slice(0, stem.length - backslashes) + '\\'.repeat(Math.floor(backslashes / 2));
  return backslashes % 2 === 0 ? name.startsWith(start) : name === `${start}*`;
}
