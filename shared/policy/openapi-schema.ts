/**
 * A schema of an OpenAPI document, closed: brought into the schema profile by leaving out what the
 * profile cannot say. What is left out is told, and does not cross until a person adds it.
 */
import { readSchema, type Schema } from '../content/schema.ts';
import { limits } from '../limits.ts';

/** A schema of the profile, and in words what of the original is not in it. */
export interface Closed {
  /** Undefined where nothing of it can be said in the profile. */
  readonly schema: Schema | undefined;
  readonly notes: readonly string[];
}

/**
 * Closes one schema; `root` resolves its references. Untrusted input, bounded in depth and nodes.
 */
export function closeSchema(root: unknown, raw: unknown): Closed {
  const closing: Closing = { root, notes: [], trail: [], nodes: 0 };
  const closed = close(closing, raw, '$', 0);
  if (closed === undefined) return { schema: undefined, notes: closing.notes };
  const { schema, faults } = readSchema(closed);
  for (const fault of faults) closing.notes.push(fault.message);
  return { schema, notes: closing.notes };
}

/** Follows local references. Undefined where they lead nowhere or in a circle. */
export function resolveRef(root: unknown, raw: unknown): Open | undefined {
  let value = raw;
  for (let hops = 0; hops < refHopsMax; hops += 1) {
    if (!isOpen(value)) return undefined;
    const pointer = value.$ref;
    if (pointer === undefined) return value;
    if (typeof pointer !== 'string' || !pointer.startsWith('#/')) return undefined;
    value = pointer
      .slice(2)
      .split('/')
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
      .reduce<unknown>(
        (at, name) => (isOpen(at) && Object.hasOwn(at, name) ? at[name] : undefined),
        root,
      );
  }
  return undefined;
}

/** A mapping of unknown members. */
export type Open = Readonly<Record<string, unknown>>;

export function isOpen(value: unknown): value is Open {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const refHopsMax = 8;

interface Closing {
  readonly root: unknown;
  readonly notes: string[];
  /** References that lead to the place at hand. */
  readonly trail: unknown[];
  nodes: number;
}

const copied = [
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'multipleOf',
  'minItems',
  'maxItems',
];
const copiedNumbers = ['exclusiveMinimum', 'exclusiveMaximum'];

function close(closing: Closing, raw: unknown, at: string, depth: number): Open | undefined {
  const pointer = isOpen(raw) ? raw.$ref : undefined;
  if (pointer === undefined) return closeNode(closing, raw, at, depth);
  if (closing.trail.includes(pointer)) return leftOut(closing, at, 'a shape within itself');
  closing.trail.push(pointer);
  const closed = closeNode(closing, raw, at, depth);
  closing.trail.pop();
  return closed;
}

function leftOut(closing: Closing, at: string, why: string): undefined {
  if (closing.notes.length < notesMax) closing.notes.push(`${at} left out: ${why}`);
}

function closeNode(closing: Closing, raw: unknown, at: string, depth: number): Open | undefined {
  closing.nodes += 1;
  if (depth >= limits.schemaDepthMax || closing.nodes > limits.schemaNodesMax) {
    return leftOut(closing, at, 'too deep');
  }
  const resolved = resolveRef(closing.root, raw);
  if (resolved === undefined) return leftOut(closing, at, 'not a schema of this document');
  const node = flatten(closing, resolved);
  if (node === undefined) return leftOut(closing, at, 'a choice of shapes');
  if (isFile(node)) return leftOut(closing, at, 'a file, of which files must say what it may be');
  const types = typesOf(node);
  if (types.length === 0) return leftOut(closing, at, 'no type');
  const closed: Record<string, unknown> = { type: types.length === 1 ? types[0] : types };
  if (types.includes('object')) {
    const members = closeMembers(closing, node, at, depth);
    if (members === undefined) return leftOut(closing, at, 'an object that names no members');
    Object.assign(closed, members);
  }
  if (types.includes('array')) {
    closed.items = close(closing, node.items, `${at}[*]`, depth + 1);
    if (closed.items === undefined) return undefined;
  }
  return withKeywords(node, types, closed);
}

/** As OpenAPI 3.1 says it, and as 3.0 did. */
function isFile({ contentEncoding, contentMediaType, format }: Open): boolean {
  const isBytes = format === 'byte' || format === 'binary';
  return contentEncoding !== undefined || contentMediaType !== undefined || isBytes;
}

const notesMax = 100;

/**
 * Keywords one by one: what the profile refuses beside its type loosens the schema, never breaks
 * it.
 */
function withKeywords(node: Open, types: readonly string[], closed: Record<string, unknown>): Open {
  const plain = !types.includes('object') && !types.includes('array');
  const wanted = [...copied, 'format', 'pattern', ...(plain ? ['enum', 'const'] : [])];
  for (const keyword of [...wanted, ...copiedNumbers]) {
    const value = node[keyword];
    if (value === undefined || (copiedNumbers.includes(keyword) && typeof value !== 'number'))
      continue;
    // The keyword alone, beside what its type needs; a pattern may depend on maxLength.
    const { type, maxLength } = closed;
    const types = [type].flat();
    const probe = {
      type,
      ...(types.includes('object') && { properties: {} }),
      ...(types.includes('array') && { items: { type: 'null' } }),
      ...(maxLength !== undefined && { maxLength }),
      [keyword]: value,
    };
    if (readSchema(probe).faults.length === 0) closed[keyword] = value;
  }
  return closed;
}

function closeMembers(closing: Closing, node: Open, at: string, depth: number): Open | undefined {
  if (!isOpen(node.properties)) return undefined;
  const properties: Record<string, unknown> = {};
  for (const [name, raw] of Object.entries(node.properties)) {
    if (!/^[^'\\\p{C}]{1,128}$/u.test(name) || name === '__proto__') continue;
    const member = close(closing, raw, `${at}.${name}`, depth + 1);
    if (member !== undefined) properties[name] = member;
  }
  if (Object.keys(properties).length === 0) return undefined;
  const required = Array.isArray(node.required) ? node.required : [];
  return {
    properties,
    additionalProperties: false,
    required: required.filter(
      (name) => typeof name === 'string' && Object.hasOwn(properties, name),
    ),
  };
}

/**
 * allOf of objects becomes one object; a choice between one shape and null becomes that shape or
 * null.
 */
function flatten(closing: Closing, node: Open): Open | undefined {
  const { allOf, anyOf, oneOf, ...own } = node;
  if (Array.isArray(allOf)) {
    let merged: Open = own;
    for (const raw of allOf.slice(0, 16)) {
      const resolved = resolveRef(closing.root, raw);
      const part = resolved === undefined || resolved === node ? undefined : resolved;
      if (part === undefined || part.allOf || part.anyOf || part.oneOf) return undefined;
      merged = { ...part, ...merged, ...mergedMembers(part, merged) };
    }
    return merged;
  }
  const choices = anyOf ?? oneOf;
  if (choices === undefined) return node;
  if (!Array.isArray(choices)) return undefined;
  const shapes = choices.filter((choice) => !isOpen(choice) || choice.type !== 'null');
  const only = shapes.length === 1 ? resolveRef(closing.root, shapes[0]) : undefined;
  if (only === undefined || only.allOf || only.anyOf || only.oneOf) return undefined;
  return shapes.length < choices.length ? { ...only, nullable: true } : only;
}

function mergedMembers(a: Open, b: Open): Open {
  const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
  const members = (value: unknown): Open => (isOpen(value) ? value : {});
  const properties = { ...members(a.properties), ...members(b.properties) };
  if (Object.keys(properties).length === 0) return {};
  return { type: 'object', properties, required: [...list(a.required), ...list(b.required)] };
}

function typesOf(node: Open): string[] {
  const given = Array.isArray(node.type) ? node.type : [node.type];
  const types = given.filter((type) => typeof type === 'string');
  if (types.length === 0 && isOpen(node.properties)) types.push('object');
  if (types.length === 0 && node.items !== undefined) types.push('array');
  if (
    types.length === 0 &&
    Array.isArray(node.enum) &&
    node.enum.every((one) => typeof one === 'string')
  ) {
    types.push('string');
  }
  if (types.length > 0 && node.nullable === true && !types.includes('null')) types.push('null');
  return types;
}
