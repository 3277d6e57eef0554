/**
 * Path parameters and query: text that a closed object schema reads as strings, numbers or
 * booleans.
 */

import { SallyportError } from '../errors.ts';
import type { Json } from './json.ts';
import type { QueryPair } from './path.ts';
import { compileScalar, type ScalarCheck } from './scalar.ts';
import { type Schema, typesOf } from './schema.ts';
import type { Work } from './work.ts';

/** Checks pairs and returns them in the order of the schema. Errors: SCHEMA_REFUSED. */
export type PairsCheck = (pairs: readonly QueryPair[]) => QueryPair[];

/** Compiles the check; without a schema no pair is accepted. `work` counts what patterns cost. */
export function compilePairs(schema: Schema | undefined, work?: Work): PairsCheck {
  const readers = Object.entries(schema?.properties ?? {}).map(([name, node]) =>
    readerOf(name, node, work),
  );
  const names = new Set(readers.map((reader) => reader.name));
  const required = schema?.required ?? [];
  return (pairs) => {
    if (pairs.length === 0 && required.length === 0) return [];
    work?.begin();
    if (!pairs.every(([name]) => names.has(name)))
      throw refused('only parameters of the route', 'another');
    return readers.flatMap((reader) =>
      reader.read(
        pairs.filter(([name]) => name === reader.name),
        required,
      ),
    );
  };
}

/**
 * What is wrong with a schema for pairs, or undefined: plain members of one type, or arrays of
 * such.
 */
export function pairsFault(schema: Schema, arrays: boolean): string | undefined {
  if (schema.type !== 'object') return 'expected type object, each member one parameter';
  for (const [name, node] of Object.entries(schema.properties ?? {})) {
    const plain = node.type === 'array' && arrays ? node.items : node;
    if (plain?.contentEncoding !== undefined) return `expected no file in "${name}"`;
    if (plain === undefined || !plainTypes.has(String(plain.type))) {
      const several = arrays ? ', or an array of one of them' : '';
      return `expected "${name}" to be a string, integer, number or boolean${several}`;
    }
  }
  return undefined;
}

const plainTypes = new Set(['string', 'integer', 'number', 'boolean']);

interface Reader {
  readonly name: string;
  read(pairs: readonly QueryPair[], required: readonly string[]): readonly QueryPair[];
}

function readerOf(name: string, schema: Schema, work?: Work): Reader {
  const list = typesOf(schema).includes('array');
  const node = list ? schema.items : schema;
  const type = String(node?.type);
  const check: ScalarCheck = node === undefined ? () => 'type' : compileScalar(node, work);
  const { minItems = 0, maxItems = Number.POSITIVE_INFINITY } = schema;
  return {
    name,
    read(pairs, required) {
      if (pairs.length === 0) {
        if (required.includes(name)) throw refused(`the parameter "${name}"`, 'none');
        return [];
      }
      if (!list && pairs.length > 1) throw refused(`the parameter "${name}" once`, 'it repeated');
      if (list && (pairs.length < minItems || pairs.length > maxItems)) {
        throw refused(`another number of "${name}"`, `${pairs.length}`);
      }
      for (const [, text] of pairs) {
        const value = readScalar(type, text);
        const broken = value === undefined ? 'type' : check(value);
        if (broken !== undefined)
          throw refused(`"${name}" to fit its schema`, `a break of ${broken}`);
      }
      return pairs;
    },
  };
}

/** Numbers and booleans have one spelling each; undefined where the text is none of the type. */
export function readScalar(type: string, text: string): Json | undefined {
  if (type === 'string') return text;
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined;
  const grammar =
    type === 'integer' ? /^(?:0|-?[1-9]\d{0,14})$/ : /^-?(?:0|[1-9]\d{0,7})(?:\.\d{1,6})?$/;
  return grammar.test(text) ? Number(text) : undefined;
}

/**
 * The value that a text has in a column, field or element of this schema: a number or boolean where it
 * is one and may be, null where it is empty and may be. What fits no type stays text, and then breaks
 * the schema, where it is refused.
 */
export function readTyped(schema: Schema, text: string): Json {
  const types = typesOf(schema);
  if (text === '' && types.includes('null')) return null;
  for (const type of types) {
    if (type === 'string' || type === 'null') continue;
    const value = readScalar(type, text);
    if (value !== undefined) return value;
  }
  return text;
}

function refused(expected: string, got: string): SallyportError {
  return new SallyportError('SCHEMA_REFUSED', `expected ${expected}, got ${got}`, {
    hint: 'see the parameters of the route in the policy',
  });
}
