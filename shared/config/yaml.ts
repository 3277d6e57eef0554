/** A YAML text checked by a schema, with every fault told by file and line. */
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';

type Path = readonly PropertyKey[];

interface Fault {
  readonly line: number;
  readonly text: string;
}

/** Errors: CONFIG_INVALID, one line for each fault, in the order of the file. */
export function readYaml<S extends z.ZodType>(text: string, file: string, schema: S): z.infer<S> {
  if (Buffer.byteLength(text) > limits.configBytesMax) {
    refuse(file, [{ line: 1, text: `expected at most ${limits.configBytesMax} bytes` }]);
  }
  const lines = new LineCounter();
  const doc = parseDocument(text, { lineCounter: lines, strict: true, prettyErrors: false });
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  if (doc.errors.length > 0) {
    const broken = doc.errors.map((e) => ({ line: lineAt(e.pos[0]), text: firstLine(e.message) }));
    refuse(file, broken);
  }
  // No aliases: a file for people needs none, and they can be made to explode.
  const result = schema.safeParse(plain(doc, file));
  if (result.success) return result.data;
  const faults = result.error.issues.flatMap((issue) =>
    tell(issue).map(({ at, text: what }) => ({
      line: lineAt(offsetOf(doc, at)),
      text: at.length === 0 ? what : `${at.join('.')}: ${what}`,
    })),
  );
  return refuse(file, faults);
}

function plain(doc: Document, file: string): unknown {
  try {
    return doc.toJS({ maxAliasCount: 0 }) ?? {};
  } catch {
    return refuse(file, [{ line: 1, text: 'expected no aliases' }]);
  }
}

/** An unknown key is one fault each; anything else is one fault where it stands. */
function tell(issue: z.core.$ZodIssue): { at: Path; text: string }[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ at: [...issue.path, key], text: 'unknown key' }));
  }
  return [{ at: issue.path, text: reason(issue) }];
}

function reason(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'too_small':
      return `expected at least ${issue.minimum}`;
    case 'too_big':
      return `expected at most ${issue.maximum}`;
    case 'invalid_value':
      return `expected ${issue.values.join(' or ')}`;
    case 'invalid_union':
      return `expected ${issue.message
        .replace(/^.*Expected /, '')
        .replaceAll("'", '')
        .replaceAll(' | ', ' or ')}`;
    default:
      return issue.message
        .replace('Invalid input: ', '')
        .replace(', received undefined', ', got nothing')
        .replace(', received ', ', got ');
  }
}

/** Where the key of `at` stands or, if it is missing, where the nearest parent stands. */
function offsetOf(doc: Document, at: Path): number {
  let offset = isNode(doc.contents) ? (doc.contents.range?.[0] ?? 0) : 0;
  let node: unknown = doc.contents;
  for (const step of at) {
    if (!isMap(node)) break;
    const pair = node.items.find((item) => isScalar(item.key) && item.key.value === step);
    if (!pair) break;
    offset = isNode(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
    node = pair.value;
  }
  return offset;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

function refuse(file: string, faults: readonly Fault[]): never {
  const sorted = [...faults].sort((a, b) => a.line - b.line);
  const lines = new Set(sorted.map(({ line, text }) => `${file}:${line}: ${text}`));
  throw new SallyportError('CONFIG_INVALID', [...lines].join('\n'), {
    hint: `correct ${lines.size === 1 ? 'the line' : 'the lines'} above and start again`,
  });
}
