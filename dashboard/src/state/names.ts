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

/** What nobody sees, or what turns the text around it: marks of direction, fillers, and what has no width. */
const UNSEEN =
  /[\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e007f}]|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])/gu;

/** A name as it is shown: two names never look the same, and none like nothing, for what cannot be seen in it. */
export function seen(name: string): string {
  return name
    .replace(UNSEEN, (mark) => `⟨U+${(mark.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`)
    .replace(/^\s+|\s+$/g, (spaces) => '␣'.repeat(spaces.length));
}
