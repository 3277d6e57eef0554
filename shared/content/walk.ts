/**
 * One walk over a parsed document: checks it against its schema, keeps only the fields of a set,
 * applies or verifies masks, and rebuilds what remains in the order of the schema. Compiled once
 * per route and consumer; every closure knows its own place, so an error can name the field and
 * never a value.
 */
import { type ErrorCode, SallyportError } from '../errors.ts';
import { everyField, type FieldTree, formatStep } from './fields.ts';
import type { Json, JsonArray, JsonObject } from './json.ts';
import { compileScalar } from './scalar.ts';
import { type Schema, typesOf } from './schema.ts';

/** A rule that changes a value before it leaves. */
export interface FieldMask {
  /** Evidence in the audit log, such as `keep $.phone`. */
  readonly id: string;
  /** True where the transform reads the value, which is then checked against its schema first. */
  readonly reads: boolean;
  /** True where the field always leaves the document. */
  readonly drops: boolean;
  /** The masked value; undefined: the field leaves the document. */
  apply(value: Json): Json | undefined;
  /** True for values that `apply` can return. */
  verify(value: Json): boolean;
}

export interface MaskTree {
  readonly mask: FieldMask | undefined;
  readonly names: ReadonlyMap<string, MaskTree>;
  readonly items: MaskTree | undefined;
}

export interface WalkRules {
  readonly schema: Schema;
  readonly fields: FieldTree;
  readonly masks: MaskTree | undefined;
  /**
   * `release`: a field that schema or set does not name is dropped, masks are applied.
   * `verify`: such a field is refused, and a masked field must hold what its mask can return.
   */
  readonly mode: 'release' | 'verify';
  readonly code: ErrorCode;
}

/** What a walk did. */
export interface Tally {
  /** Members and values that were left out, masks aside. */
  dropped: number;
  /** Mask id → how many values it changed. */
  readonly rules: Record<string, number>;
}

/**
 * Returns the rebuilt value; undefined where nothing of it may leave. Errors: the code of the
 * rules.
 */
export type Walk = (value: Json, tally: Tally) => Json | undefined;

/** Compiles a walk over documents of one schema. */
export function compileWalk(rules: WalkRules): Walk {
  return compileNode(rules, {
    schema: rules.schema,
    fields: rules.fields,
    masks: rules.masks,
    at: '$',
  });
}

/** The same place in schema, field set, masks and path. */
interface Place {
  readonly schema: Schema;
  readonly fields: FieldTree;
  readonly masks: MaskTree | undefined;
  readonly at: string;
}

function compileNode(rules: WalkRules, place: Place): Walk {
  const mask = place.masks?.mask;
  if (mask === undefined) return compileOpen(rules, place);
  if (rules.mode === 'verify') {
    return (value) => {
      if (!mask.verify(value)) throw misfit(rules, place, 'its mask');
      return value;
    };
  }
  const check = mask.reads ? compileOpen(rules, { ...place, masks: undefined }) : undefined;
  return (value, tally) => {
    if (check !== undefined && check(value, tally) === undefined) return undefined;
    tally.rules[mask.id] = (tally.rules[mask.id] ?? 0) + 1;
    return mask.apply(value);
  };
}

function compileOpen(rules: WalkRules, place: Place): Walk {
  const types = typesOf(place.schema);
  const object = types.includes('object') ? compileObject(rules, place) : undefined;
  const array = types.includes('array') ? compileArray(rules, place) : undefined;
  const scalar = compileScalar(place.schema);
  const { whole } = place.fields;
  return (value, tally) => {
    if (typeof value === 'object' && value !== null) {
      if (isArray(value)) {
        if (array !== undefined) return array(value, tally);
      } else if (object !== undefined) return object(value, tally);
      throw misfit(rules, place, 'type');
    }
    const broken = scalar(value);
    if (broken !== undefined) throw misfit(rules, place, broken);
    // Only fields below were granted: null says that there are none, anything else is not ours to
    // pass.
    return whole || value === null ? value : leaveOut(rules, place, tally);
  };
}

interface Member {
  readonly name: string;
  readonly required: boolean;
  readonly walk: Walk;
}

function compileObject(
  rules: WalkRules,
  place: Place,
): (value: JsonObject, tally: Tally) => Json | undefined {
  const { whole, names } = place.fields;
  if (!whole && names.size === 0) return (_, tally) => leaveOut(rules, place, tally);
  const members = membersOf(rules, place);
  return (value, tally) => {
    const rebuilt: Record<string, Json> = {};
    let known = 0;
    for (const { name, required, walk } of members) {
      const item = Object.hasOwn(value, name) ? value[name] : undefined;
      if (item === undefined) {
        if (required) throw misfit(rules, place, 'required');
        continue;
      }
      known += 1;
      const left = walk(item, tally);
      if (left !== undefined) rebuilt[name] = left;
    }
    const unknown = Object.keys(value).length - known;
    if (unknown > 0) {
      if (rules.mode === 'verify') throw misfit(rules, place, 'additionalProperties');
      tally.dropped += unknown;
    }
    return rebuilt;
  };
}

function membersOf(rules: WalkRules, place: Place): Member[] {
  const members: Member[] = [];
  for (const [name, schema] of Object.entries(place.schema.properties ?? {})) {
    const fields = place.fields.whole ? everyField : place.fields.names.get(name);
    const masks = place.masks?.names.get(name);
    if (fields === undefined) continue;
    // A dropped member must not be there on the far side: it counts as unknown, and is not
    // required.
    if (rules.mode === 'verify' && masks?.mask?.drops) continue;
    const walk = compileNode(rules, { schema, fields, masks, at: place.at + formatStep(name) });
    members.push({ name, required: place.schema.required?.includes(name) ?? false, walk });
  }
  return members;
}

function compileArray(
  rules: WalkRules,
  place: Place,
): (value: JsonArray, tally: Tally) => Json | undefined {
  const { items: schema, minItems = 0, maxItems = Number.POSITIVE_INFINITY } = place.schema;
  const fields = place.fields.whole ? everyField : place.fields.items;
  if (schema === undefined || fields === undefined)
    return (_, tally) => leaveOut(rules, place, tally);
  const walk = compileNode(rules, {
    schema,
    fields,
    masks: place.masks?.items,
    at: `${place.at}[*]`,
  });
  const least = rules.mode === 'release' || place.masks?.items?.mask === undefined ? minItems : 0;
  return (value, tally) => {
    if (value.length < least) throw misfit(rules, place, 'minItems');
    if (value.length > maxItems) throw misfit(rules, place, 'maxItems');
    const rebuilt: Json[] = [];
    for (const item of value) {
      const left = walk(item, tally);
      if (left !== undefined) rebuilt.push(left);
    }
    return rebuilt;
  };
}

function leaveOut(rules: WalkRules, place: Place, tally: Tally): undefined {
  if (rules.mode === 'verify') throw misfit(rules, place, 'the field set');
  tally.dropped += 1;
}

/** Array.isArray does not narrow read-only arrays. */
function isArray(value: JsonArray | JsonObject): value is JsonArray {
  return Array.isArray(value);
}

function misfit(rules: WalkRules, place: Place, broken: string): SallyportError {
  return new SallyportError(
    rules.code,
    `expected ${place.at} to fit its schema, got a break of ${broken}`,
    {
      hint: `compare the document with the schema of the route at ${place.at}`,
    },
  );
}
