/**
 * Names of fields in a JSON document: a small part of JSONPath (RFC 9535), normal form in brackets
 * only where needed.
 *
 *   $                    the whole document
 *   $.address.district   a member of a member
 *   $.items[*].name      a member of every item
 *   $['x-y z']           a name that is not an identifier
 */

/** Steps from the root; `null` stands for every item of an array. */
export type FieldPath = readonly (string | null)[];

/** A set of paths: what lies at or below a `whole` node belongs to the set. */
export interface FieldTree {
  readonly whole: boolean;
  readonly names: ReadonlyMap<string, FieldTree>;
  readonly items: FieldTree | undefined;
}

export const everyField: FieldTree = { whole: true, names: new Map(), items: undefined };

const step = /\.([\p{L}_][\p{L}\p{N}_-]*)|\['([^'\\\p{C}]+)'\]|(\[\*\])/uy;
const identifier = /^[\p{L}_][\p{L}\p{N}_-]*$/u;

/** Reads a path; undefined where the text is none. */
export function parseField(text: string): FieldPath | undefined {
  if (!text.startsWith('$')) return undefined;
  const path: (string | null)[] = [];
  step.lastIndex = 1;
  for (let at = 1; at < text.length; at = step.lastIndex) {
    const match = step.exec(text);
    if (match === null) return undefined;
    path.push(match[3] === undefined ? (match[1] ?? match[2] ?? '') : null);
  }
  return path;
}

/** Writes a path in its one normal form. */
export function formatField(path: FieldPath): string {
  return path.reduce<string>((text, part) => text + formatStep(part), '$');
}

/** One step of a path as text. */
export function formatStep(part: string | null): string {
  if (part === null) return '[*]';
  return identifier.test(part) ? `.${part}` : `['${part}']`;
}

/** The tree of several paths. */
export function fieldTree(paths: readonly FieldPath[]): FieldTree {
  if (paths.some((path) => path.length === 0)) return everyField;
  const names = new Map<string, FieldTree>();
  for (const name of new Set(paths.map(([first]) => first))) {
    if (typeof name === 'string') names.set(name, fieldTree(below(paths, name)));
  }
  const items = below(paths, null);
  return { whole: false, names, items: items.length === 0 ? undefined : fieldTree(items) };
}

function below(paths: readonly FieldPath[], first: string | null): FieldPath[] {
  return paths.filter((path) => path[0] === first).map((path) => path.slice(1));
}
