/**
 * One walk over a parsed document: checks it against its schema, keeps only the fields of a set,
 * applies or verifies masks, and rebuilds what remains in the order of the schema. Compiled once
 * per route and consumer; every closure knows its own place, so an error can name the field and
 * never a value.
 */
import { SallyportError } from '../errors.ts';
import type { Json, JsonArray, JsonObject } from './json.ts';
import {
  itemsOf,
  type Member,
  membersOf,
  type Place,
  rootOf,
  type Tally,
  type WalkRules,
} from './place.ts';
import { compileScalar } from './scalar.ts';
import { typesOf } from './schema.ts';

/**
 * Returns the rebuilt value, which is the same one where it is verified and nothing of it changes; undefined
 * where nothing of it may leave. Errors: the code of the rules.
 */
export type Walk = (value: Json, tally: Tally) => Json | undefined;

/** Compiles a walk over documents of one schema. */
export function compileWalk(rules: WalkRules): Walk {
  const walk = compileNode(rules, rootOf(rules));
  const { work } = rules;
  if (work === undefined) return walk;
  return (value, tally) => {
    work.begin();
    return walk(value, tally);
  };
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
  // A name as the runtime keeps it: others it looks up each time.
  const [id = mask.id] = Object.keys({ [mask.id]: null });
  const check = mask.reads ? compileOpen(rules, { ...place, masks: undefined }) : undefined;
  return (value, tally) => {
    if (check !== undefined && check(value, tally) === undefined) return undefined;
    tally.rules[id] = (tally.rules[id] ?? 0) + 1;
    return mask.apply(value);
  };
}

function compileOpen(rules: WalkRules, place: Place): Walk {
  const types = typesOf(place.schema);
  const object = types.includes('object') ? compileObject(rules, place) : undefined;
  const array = types.includes('array') ? compileArray(rules, place) : undefined;
  const scalar = compileScalar(place.schema, rules.work);
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
  const isVerified = rules.mode === 'verify';
  return (value, tally) => {
    let rebuilt: Record<string, Json> | undefined = isVerified ? undefined : {};
    let known = 0;
    for (const { name, required, inherited, walk } of members) {
      const item = !inherited || Object.hasOwn(value, name) ? value[name] : undefined;
      if (item === undefined) {
        if (required) throw misfit(rules, place, 'required');
        continue;
      }
      known += 1;
      const left = walk(item, tally);
      if (rebuilt === undefined && left !== item) rebuilt = ordered(value, members, name);
      if (rebuilt !== undefined && left !== undefined) rebuilt[name] = left;
    }
    if (rebuilt === undefined && isOrdered(value, members)) return value;
    const unknown = countOf(value) - known;
    if (unknown > 0) {
      if (isVerified) throw misfit(rules, place, 'additionalProperties');
      tally.dropped += unknown;
    }
    return rebuilt ?? ordered(value, members);
  };
}

/** Members of a parsed object. */
function countOf(value: JsonObject): number {
  let count = 0;
  for (const _ in value) count += 1;
  return count;
}

type Names = readonly Pick<Member, 'name'>[];

/** True where an object has no other members, and these in their order. */
function isOrdered(value: JsonObject, members: Names): boolean {
  let at = 0;
  for (const name in value) {
    while (at < members.length && members[at]?.name !== name) at += 1;
    at += 1;
  }
  return at <= members.length;
}

/** Members in their order, all or those before one. */
function ordered(value: JsonObject, members: Names, before?: string): Record<string, Json> {
  const rebuilt: Record<string, Json> = {};
  for (const { name } of members) {
    if (name === before) break;
    const item = Object.hasOwn(value, name) ? value[name] : undefined;
    if (item !== undefined) rebuilt[name] = item;
  }
  return rebuilt;
}

function compileArray(
  rules: WalkRules,
  place: Place,
): (value: JsonArray, tally: Tally) => Json | undefined {
  const items = itemsOf(rules, place);
  if (items === undefined) return (_, tally) => leaveOut(rules, place, tally);
  const { least, most } = items;
  const walk = compileNode(rules, items.place);
  const isVerified = rules.mode === 'verify';
  return (value, tally) => {
    if (value.length < least) throw misfit(rules, place, 'minItems');
    if (value.length > most) throw misfit(rules, place, 'maxItems');
    let rebuilt: Json[] | undefined = isVerified ? undefined : [];
    for (let at = 0; at < value.length; at += 1) {
      const item = value[at] as Json;
      const left = walk(item, tally);
      if (rebuilt === undefined && left !== item) rebuilt = value.slice(0, at);
      if (rebuilt !== undefined && left !== undefined) rebuilt.push(left);
    }
    return rebuilt ?? value;
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
