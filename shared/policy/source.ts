/** The files of a policy as text, and YAML that remembers where everything stands. */
import {
  type Document,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
} from 'yaml';
import { limits } from '../limits.ts';
import { credentialFilesOf } from './credential-files.ts';
import type { Fault } from './model.ts';

/**
 * policy.yaml and the schema files that it names, as whoever reads files found them.
 * JSON-serialisable.
 */
export interface PolicySource {
  /** Name for people, such as `policy.yaml`. */
  readonly file: string;
  readonly text: string;
  /** File name as written in the policy → its text, or why there is none. */
  readonly schemas: Readonly<Record<string, SourceFile>>;
}

export type SourceFile = { readonly text: string } | { readonly fault: string };

export type SourcePath = readonly (string | number)[];

/** A YAML (or JSON) document as plain data. */
export interface SourceDocument {
  /** Undefined where the text is no YAML. */
  readonly value: unknown;
  readonly faults: readonly Fault[];
  /** A fault at the nearest place of the text that has this path. */
  faultAt(path: SourcePath, message: string): Fault;
}

/** Reads YAML 1.2 without aliases and tags. Never throws: what is wrong is in `faults`. */
export function readDocument(
  file: string,
  text: string,
  bytesMax: number = limits.policyFileBytesMax,
): SourceDocument {
  const lines = new LineCounter();
  const fault = (offset: number, path: SourcePath, message: string): Fault => {
    const { line, col } = lines.linePos(offset);
    return {
      file,
      line: Math.max(line, 1),
      column: Math.max(col, 1),
      path: formatPath(path),
      message,
    };
  };
  if (Buffer.byteLength(text) > bytesMax) {
    const tooLarge = fault(0, [], `expected at most ${bytesMax} bytes`);
    return { value: undefined, faults: [tooLarge], faultAt: () => tooLarge };
  }
  try {
    // The parser's own search for repeated keys compares each with all before it: hours for one mapping
    // that fills the file.
    const doc = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      stringKeys: true,
      uniqueKeys: false,
    });
    const faults = [...doc.errors, ...doc.warnings].map((error) =>
      fault(error.pos[0], [], `expected YAML, got a fault: ${error.message.split('\n', 1)[0]}`),
    );
    visit(doc, {
      Alias: (_, node) => {
        faults.push(fault(node.range?.[0] ?? 0, [], 'expected no alias: write the value out'));
      },
      Map: (_, { items }) => {
        const keys = new Set<unknown>();
        for (const { key } of items) {
          if (!isScalar(key)) continue;
          if (keys.has(key.value)) {
            faults.push(
              fault(key.range?.[0] ?? 0, [], 'expected YAML, got a fault: Map keys must be unique'),
            );
          }
          keys.add(key.value);
        }
      },
    });
    return {
      value: faults.length === 0 ? doc.toJS() : undefined,
      faults,
      faultAt: (path, message) => fault(offsetOf(doc, path), path, message),
    };
  } catch {
    // Nesting that overflows the parser's stack ends here.
    const broken = fault(0, [], 'expected YAML that can be read');
    return { value: undefined, faults: [broken], faultAt: () => broken };
  }
}

/** Names of the files that a policy text mentions (schemas, keys, lists), where it can be read. */
export function schemaFilesOf(text: string): string[] {
  const found = new Set<string>();
  const document: unknown = readDocument('', text).value;
  for (const service of listOf(document, 'services')) {
    for (const route of listOf(service, 'routes')) {
      const request = membersOf(membersOf(route).request);
      const response = membersOf(membersOf(route).response);
      const xsds = [request, response].map(({ content }) => membersOf(membersOf(content).xml).xsd);
      for (const name of [request.params, request.query, request.body, response.schema, ...xsds])
        if (typeof name === 'string') found.add(name);
    }
  }
  for (const consumer of listOf(document, 'consumers')) {
    for (const name of credentialFilesOf(consumer)) found.add(name);
  }
  return [...found].slice(0, limits.policySchemaFilesMax);
}

/** `services[0].routes[1].match.path`. */
function formatPath(path: SourcePath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

function listOf(value: unknown, name: string): unknown[] {
  const list = membersOf(value)[name];
  return Array.isArray(list) ? list : [];
}

function membersOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/**
 * Where a path stands: at the key of its last member, at an item, or at the nearest parent there
 * is.
 */
function offsetOf(doc: Document, path: SourcePath): number {
  let node: unknown = doc.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
      if (pair === undefined) break;
      if (isNode(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      const item: unknown = typeof step === 'number' ? node.items[step] : undefined;
      if (!isNode(item)) break;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else break;
  }
  return offset;
}
