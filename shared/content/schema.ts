/**
 * The schema profile: the part of JSON Schema 2020-12 in which a document has one closed shape.
 * Every node has a type, every object names its members and no other may be there, references are
 * resolved, and what does not constrain (titles, descriptions) is left out. Anything else is a
 * fault, never ignored.
 */
import { limits } from '../limits.ts';
import { type FieldPath, formatStep } from './fields.ts';
import { fileTypeOfMedia } from './file/media.ts';
import type { Json } from './json.ts';
import { namesFaults } from './names.ts';
import { patternFault } from './pattern.ts';

const jsonTypes = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'] as const;
export type JsonType = (typeof jsonTypes)[number];

/** A schema in normal form; itself valid JSON Schema 2020-12. */
export interface Schema {
  readonly type: JsonType | readonly JsonType[];
  readonly enum?: readonly (string | number | boolean | null)[];
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
  /** The value is a file; what it may be says the route under `files`. */
  readonly contentEncoding?: 'base64';
  readonly contentMediaType?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
}

export interface SchemaFault {
  /** Where in the schema document. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/**
 * Brings an untrusted schema document into normal form and lists everything that the profile
 * refuses.
 */
export function readSchema(document: unknown): {
  schema: Schema | undefined;
  faults: SchemaFault[];
} {
  const reading: Reading = { root: document, faults: [], nodes: 0 };
  const schema = readNode(reading, document, [], 0);
  return { schema: reading.faults.length === 0 ? schema : undefined, faults: reading.faults };
}

/** The types of a node as a list. */
export function typesOf(schema: Schema): readonly JsonType[] {
  return typeof schema.type === 'string' ? [schema.type] : schema.type;
}

/** The node that a field path names, or undefined where the schema has no such field. */
export function schemaAt(schema: Schema, path: FieldPath): Schema | undefined {
  let node: Schema | undefined = schema;
  for (const step of path) {
    if (node === undefined) return undefined;
    if (step === null) node = node.items;
    else node = Object.hasOwn(node.properties ?? {}, step) ? node.properties?.[step] : undefined;
  }
  return node;
}

/** The fields that hold files, in normal form: path → node. */
export function fileFields(schema: Schema, at = '$'): Map<string, Schema> {
  if (schema.contentEncoding !== undefined) return new Map([[at, schema]]);
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, member]) => [
    ...fileFields(member, at + formatStep(name)),
  ]);
  const items = schema.items === undefined ? [] : [...fileFields(schema.items, `${at}[*]`)];
  return new Map([...below, ...items]);
}

/** Formats with a check in scalar.ts; a test keeps the two equal. */
export const knownFormats = ['date', 'date-time', 'email', 'uuid'];

const annotations = new Set(
  `$schema $id $comment $defs definitions title description examples default deprecated readOnly
  writeOnly`.split(/\s+/),
);

/** Keyword → the types that it may stand beside, and what it must be. */
const keywords: Readonly<Record<string, { types: readonly JsonType[]; kind: Kind }>> = {
  minLength: { types: ['string'], kind: 'count' },
  maxLength: { types: ['string'], kind: 'count' },
  pattern: { types: ['string'], kind: 'text' },
  format: { types: ['string'], kind: 'text' },
  contentEncoding: { types: ['string'], kind: 'text' },
  contentMediaType: { types: ['string'], kind: 'text' },
  minimum: { types: ['number', 'integer'], kind: 'number' },
  maximum: { types: ['number', 'integer'], kind: 'number' },
  exclusiveMinimum: { types: ['number', 'integer'], kind: 'number' },
  exclusiveMaximum: { types: ['number', 'integer'], kind: 'number' },
  multipleOf: { types: ['number', 'integer'], kind: 'positive' },
  minItems: { types: ['array'], kind: 'count' },
  maxItems: { types: ['array'], kind: 'count' },
};
/** Keyword → the type that it may stand beside; read apart from the others. */
const structural: Readonly<Record<string, JsonType | undefined>> = {
  type: undefined,
  enum: undefined,
  const: undefined,
  properties: 'object',
  required: 'object',
  additionalProperties: 'object',
  items: 'array',
};

type Kind = 'count' | 'number' | 'positive' | 'text';
type Path = readonly (string | number)[];
type Node = Readonly<Record<string, unknown>>;

interface Reading {
  readonly root: unknown;
  readonly faults: SchemaFault[];
  nodes: number;
}

function readNode(reading: Reading, raw: unknown, path: Path, depth: number): Schema | undefined {
  const fault = (message: string, ...below: Path): void => {
    reading.faults.push({ path: [...path, ...below], message });
  };
  reading.nodes += 1;
  if (depth > limits.schemaDepthMax || reading.nodes > limits.schemaNodesMax) {
    // Said once: a schema that refers to itself would say it thousands of times.
    if (reading.nodes <= limits.schemaNodesMax + 1)
      fault('expected a finite schema within the limits');
    reading.nodes = limits.schemaNodesMax + 2;
    return undefined;
  }
  const node = resolve(reading, raw, fault);
  if (node === undefined) return undefined;
  const types = readTypes(node, fault);
  const schema: Record<string, unknown> = { type: types.length === 1 ? types[0] : types };
  for (const [keyword, value] of Object.entries(node)) {
    const known = Object.hasOwn(keywords, keyword) ? keywords[keyword] : undefined;
    if (annotations.has(keyword)) continue;
    if (Object.hasOwn(structural, keyword)) {
      const beside = structural[keyword];
      if (beside !== undefined && !types.includes(beside))
        fault(`expected type ${beside} beside "${keyword}"`, keyword);
    } else if (known === undefined)
      fault(`expected a keyword of the profile, got "${keyword}"`, keyword);
    else if (!known.types.some((type) => types.includes(type))) {
      fault(`expected type ${known.types.join(' or ')} beside "${keyword}"`, keyword);
    } else if (!isKind(known.kind, value)) fault(`expected a ${known.kind}`, keyword);
    else schema[keyword] = value;
  }
  readText(schema, fault);
  readContent(schema, types, fault);
  readEnum(node, types, schema, fault);
  if (types.includes('object')) readObject(reading, node, path, depth, schema, fault);
  if (types.includes('array')) {
    if (node.items === undefined) fault('expected "items" beside type array');
    else schema.items = readNode(reading, node.items, [...path, 'items'], depth + 1);
  }
  // The fields were checked one by one above; an incomplete node comes with a fault and is not
  // used.
  return schema as unknown as Schema;
}

type AddFault = (message: string, ...below: Path) => void;

function resolve(reading: Reading, raw: unknown, fault: AddFault): Node | undefined {
  let value = raw;
  for (let hops = 0; isNode(value) && value.$ref !== undefined; hops += 1) {
    const target = hops < 8 ? lookUp(reading.root, value.$ref) : undefined;
    if (
      target === undefined ||
      Object.keys(value).some((name) => name !== '$ref' && !annotations.has(name))
    ) {
      fault('expected a reference into this document, and nothing beside it', '$ref');
      return undefined;
    }
    value = target;
  }
  if (isNode(value)) return value;
  fault('expected a schema object');
  return undefined;
}

function lookUp(root: unknown, pointer: unknown): unknown {
  if (typeof pointer !== 'string' || !pointer.startsWith('#')) return undefined;
  let value = root;
  for (const part of pointer.slice(1).split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (!isNode(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

function readTypes(node: Node, fault: AddFault): JsonType[] {
  const listed = Array.isArray(node.type) ? node.type : [node.type];
  const types = jsonTypes.filter((type) => listed.includes(type));
  if (types.length === 0 || types.length !== listed.length) {
    fault(`expected "type" to be of ${jsonTypes.join(', ')}`, ...('type' in node ? ['type'] : []));
  }
  return types;
}

function readText(schema: Record<string, unknown>, fault: AddFault): void {
  const { pattern, format, maxLength } = schema;
  if (typeof pattern === 'string') {
    const wrong = patternFault(pattern, typeof maxLength === 'number' ? maxLength : undefined);
    if (wrong !== undefined) fault(wrong, 'pattern');
  }
  if (typeof format === 'string' && !knownFormats.includes(format)) {
    fault(`expected a format of ${knownFormats.join(', ')}`, 'format');
  }
}

/** A field that holds a file holds nothing else. */
function readContent(
  { contentEncoding, contentMediaType, ...others }: Record<string, unknown>,
  types: readonly JsonType[],
  fault: AddFault,
): void {
  if (contentEncoding === undefined) {
    if (contentMediaType !== undefined) {
      fault('expected "contentEncoding" beside "contentMediaType"', 'contentMediaType');
    }
    return;
  }
  if (contentEncoding !== 'base64') fault('expected base64', 'contentEncoding');
  if (types.some((type) => type !== 'string' && type !== 'null')) {
    fault('expected type string, or string and null, beside "contentEncoding"', 'contentEncoding');
  }
  if (others.pattern !== undefined || others.format !== undefined) {
    fault('expected no "pattern" or "format" beside "contentEncoding"', 'contentEncoding');
  }
  if (contentMediaType !== undefined && fileTypeOfMedia(contentMediaType) === undefined) {
    fault('expected the media type of a file type of docs/spec/files.md', 'contentMediaType');
  }
}

function readEnum(
  node: Node,
  types: JsonType[],
  schema: Record<string, unknown>,
  fault: AddFault,
): void {
  const keyword = node.const === undefined ? 'enum' : 'const';
  if (node[keyword] === undefined) return;
  const values = keyword === 'const' ? [node.const] : node.enum;
  const scalar = (value: unknown): value is Json => value === null || typeof value !== 'object';
  if (!Array.isArray(values) || values.length === 0 || !values.every(scalar)) {
    fault('expected a list of plain values', keyword);
  } else if (types.includes('object') || types.includes('array')) {
    fault(`expected a plain type beside "${keyword}"`, keyword);
  } else schema.enum = values;
}

function readObject(
  reading: Reading,
  node: Node,
  path: Path,
  depth: number,
  schema: Record<string, unknown>,
  fault: AddFault,
): void {
  const { properties, required = [], additionalProperties = false } = node;
  if (!isNode(properties)) {
    fault('expected "properties": an object is closed');
    return;
  }
  if (additionalProperties !== false)
    fault('expected false: an object is closed', 'additionalProperties');
  const members: Record<string, unknown> = {};
  for (const [name, message] of namesFaults(Object.keys(properties))) {
    fault(message, 'properties', name);
  }
  for (const name of Object.keys(properties).sort()) {
    if (!/^[^'\\\p{C}]{1,128}$/u.test(name) || name === '__proto__') {
      fault('expected a member name without quotes and control characters', 'properties', name);
      continue;
    }
    members[name] = readNode(reading, properties[name], [...path, 'properties', name], depth + 1);
  }
  schema.properties = members;
  schema.additionalProperties = false;
  if (
    !Array.isArray(required) ||
    !required.every((name) => typeof name === 'string' && Object.hasOwn(properties, name))
  ) {
    fault('expected names that "properties" has', 'required');
  } else if (required.length > 0) schema.required = [...new Set(required)].sort();
}

function isKind(kind: Kind, value: unknown): boolean {
  if (kind === 'text') return typeof value === 'string';
  if (typeof value !== 'number' || !Number.isFinite(value)) return false;
  if (kind === 'count') return Number.isSafeInteger(value) && value >= 0;
  return kind === 'number' || value > 0;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
