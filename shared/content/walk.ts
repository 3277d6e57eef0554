/**
 * One walk over a parsed document: checks it against its schema, keeps only the fields of a set,
 * applies or verifies masks, and rebuilds what remains in the order of the schema. Compiled once
 * per route and consumer; every closure knows its own place, so an error can name the field and
 * never a value.
 */
import { SallyportError } from '../errors.ts';
import type { Json, JsonArray, JsonObject } from './json.ts';
import { itemsOf, membersOf, type Place, rootOf, type Tally, type WalkRules } from './place.ts';
import { compileScalar } from './scalar.ts';
import { typesOf } from './schema.ts';

/**
 * Returns the rebuilt value; undefined where nothing of it may leave. Errors: the code of the
 * rules.
 */
export type Walk = (value: Json, tally: Tally) => Json | undefined;

/** Compiles a walk over documents of one schema. */
export function compileWalk(rules: WalkRules): Walk {
  return compileNode(rules, rootOf(rules));
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
  const isFile = place.schema.contentEncoding !== undefined;
  return (value, tally) => {
    if (typeof value === 'object' && value !== null) {
      if (isArray(value)) {
        if (array !== undefined) return array(value, tally);
      } else if (object !== undefined) return object(value, tally);
      throw misfit(rules, place, 'type');
    }
    const broken = scalar(value);
    if (broken !== undefined) throw misfit(rules, place, broken);
    if (isFile && typeof value === 'string') {
      tally.files ??= [];
      tally.files.push({ at: place.at, text: value });
    }
    // Only fields below were granted: null says that there are none, anything else is not ours to
    // pass.
    return whole || value === null ? value : leaveOut(rules, place, tally);
  };
}

function compileObject(
  rules: WalkRules,
  place: Place,
): (value: JsonObject, tally: Tally) => Json | undefined {
  const members = membersOf(rules, place)?.map((member) => ({
    ...member,
    walk: compileNode(rules, member.place),
    /** Every object answers to such a name. */
    inherited: member.name in Object.prototype,
  }));
  if (members === undefined) return (_, tally) => leaveOut(rules, place, tally);
  return (value, tally) => {
    const rebuilt: Record<string, Json> = {};
    let known = 0;
    for (const { name, required, inherited, walk } of members) {
      const item = !inherited || Object.hasOwn(value, name) ? value[name] : undefined;
      if (item === undefined) {
        if (required) throw misfit(rules, place, 'required');
        continue;
      }
      known += 1;
      const left = walk(item, tally);
      if (left !== undefined) rebuilt[name] = left;
    }
    const unknown = countOf(value) - known;
    if (unknown > 0) {
      if (rules.mode === 'verify') throw misfit(rules, place, 'additionalProperties');
      tally.dropped += unknown;
    }
    return rebuilt;
  };
}

/** Members of a parsed object. */
function countOf(value: JsonObject): number {
  let count = 0;
  for (const _ in value) count += 1;
  return count;
}

function compileArray(
  rules: WalkRules,
  place: Place,
): (value: JsonArray, tally: Tally) => Json | undefined {
  const items = itemsOf(rules, place);
  if (items === undefined) return (_, tally) => leaveOut(rules, place, tally);
  const { least, most } = items;
  const walk = compileNode(rules, items.place);
  return (value, tally) => {
    if (value.length < least) throw misfit(rules, place, 'minItems');
    if (value.length > most) throw misfit(rules, place, 'maxItems');
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
