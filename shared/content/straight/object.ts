/**
 * An object from input to output. Members come in any order and leave in the order of the schema:
 * each is written as it comes, and only where they came in another order are they put right at the
 * end. Services write the members of their answers in the same order each time, so the name that came
 * after this one the last time is tried first; and an object that is built like an earlier one is not
 * looked at member by member at all (layout.ts).
 */
import { limits } from '../../limits.ts';
import type { Member, WalkRules } from '../place.ts';
import { type Schema, typesOf } from '../schema.ts';
import { closeObject, comma, openObject } from './bytes.ts';
import { createLayouts } from './layout.ts';
import { begins, findName, literalOf, pastColon } from './names.ts';
import { writeFollowed } from './pieces.ts';
import type { Step, Way } from './plain.ts';
import { nameEnd, pastSpace } from './scan.ts';
import { countMember, rememberName, skipValue } from './skip.ts';
import { bytesOf, copyOut, detour, enclose, moveBack, put, type Tape } from './tape.ts';

/** A value that may be an object. */
export interface ObjectWay extends Way {
  /** Members of it that may cross, in the order in which they are written. */
  readonly members?: readonly Crossing[] | undefined;
}

/** A member that may cross, and how it does. */
export interface Crossing extends Member {
  readonly way: ObjectWay;
}

/** `depth`: of the containers here, this one among them. */
export function compileObject(
  mode: WalkRules['mode'],
  schema: Schema,
  crossing: readonly Crossing[],
  depth: number,
): Pick<ObjectWay, 'step' | 'members'> {
  const any = compileAny(mode, schema, crossing, depth);
  const layouts = createLayouts({ schema, crossing }, writeFollowed);
  const step: Step = (tape, at) => {
    const known = layouts.follow(tape, at, depth);
    if (known >= 0) return known;
    const end = any(tape, at);
    layouts.learn(tape, at, depth);
    return end;
  };
  return { step, members: crossing };
}

/** Takes members as they come. */
function compileAny(
  mode: WalkRules['mode'],
  schema: Schema,
  crossing: readonly Crossing[],
  depth: number,
): Step {
  // Names that do not cross are known too, but not where they are refused: the slow path does that.
  const names = new Set(crossing.map(({ name }) => name));
  if (mode === 'release') for (const name of Object.keys(schema.properties ?? {})) names.add(name);
  const literals = Array.from(names, literalOf);
  const crossed = crossing.length;
  const unknown = literals.length;
  const skip = skipStep(undefined, depth);
  /** Of those that cross, of other known members, of unknown ones. */
  const steps = crossing.map(({ name, way }) => memberStep(name, way.step));
  for (const name of [...names].slice(crossed)) {
    steps.push(skipStep(schema.properties?.[name], depth));
  }
  steps.push(skip);
  const required = crossing.map((member) => member.required);
  const requiredCount = required.filter((is) => is).length;
  /** Member → the one that came next the last time; for the first member at 0, others one further. */
  const next = [0, ...literals.keys()];
  /** Member → the object that it was last seen in, by number. */
  const seen = new Float64Array(literals.length);
  const starts = new Int32Array(crossed);
  const ends = new Int32Array(crossed);
  // A place is in no place below it, so there is one object at a time.
  const count = { objects: 0, unknown: 0 };

  return (tape, start) => {
    const { input } = tape;
    const from = tape.size;
    count.objects += 1;
    count.unknown = 0;
    const object = count.objects;
    let previous = -1;
    let lastCrossed = -1;
    let ordered = true;
    let missing = requiredCount;
    let at = pastSpace(input, start + 1);
    let more = input[at] !== closeObject;
    if (!more) at += 1;
    while (more) {
      countMember(tape);
      let member = next[previous + 1] ?? 0;
      const literal = literals[member];
      if (literal !== undefined && begins(tape, at, literal)) at += literal.length;
      else {
        const end = nameEnd(tape, at);
        member = findName(tape, at, end, literals);
        if (member < 0) {
          addUnknown(tape, at, end);
          member = unknown;
        } else next[previous + 1] = member;
        at = pastColon(tape, end);
      }
      if (member !== unknown) {
        if (seen[member] === object) throw detour;
        seen[member] = object;
        previous = member;
      }
      const step = steps[member] ?? skip;
      at = pastSpace(input, at);
      if (member >= crossed) {
        tape.dropped += 1;
        at = step(tape, at);
      } else {
        if (required[member]) missing -= 1;
        if (member < lastCrossed) ordered = false;
        lastCrossed = member;
        starts[member] = tape.size;
        at = step(tape, at);
        ends[member] = tape.size;
      }
      at = pastSpace(input, at);
      more = input[at] === comma;
      if (!more && input[at] !== closeObject) throw detour;
      at = more ? pastSpace(input, at + 1) : at + 1;
    }
    if (missing > 0) throw detour;
    if (!ordered) arrange(tape, from, object);
    enclose(tape, from, openObject, closeObject);
    return at;
  };

  function addUnknown(tape: Tape, start: number, end: number): void {
    if (mode === 'verify') throw detour;
    rememberName(tape, start, end, depth, count.unknown);
    count.unknown += 1;
  }

  /** Puts the members in the order of the schema, behind all, and moves them back. */
  function arrange(tape: Tape, from: number, object: number): void {
    const to = tape.size;
    for (let member = 0; member < crossed; member += 1) {
      if (seen[member] === object) copyOut(tape, starts[member] ?? 0, ends[member] ?? 0);
    }
    moveBack(tape, from, to);
  }
}

/** Past a value that does not cross. It need not fit its schema, but its names are likely the same. */
function skipStep(schema: Schema | undefined, depth: number): Step {
  const any: Step = (tape, at) => skipValue(tape, at, depth);
  const isObject = schema !== undefined && typesOf(schema).includes('object');
  if (!isObject || depth >= limits.jsonDepthMax) return any;
  const object = compileAny('release', schema, [], depth + 1);
  return (tape, at) => {
    if (tape.input[at] !== openObject) return any(tape, at);
    const { size, dropped } = tape;
    const end = object(tape, at);
    tape.size = size;
    tape.dropped = dropped;
    return end;
  };
}

/** Name and value behind a comma; nothing where nothing of the value is left. */
function memberStep(name: string, step: Step): Step {
  const opening = bytesOf(`,${JSON.stringify(name)}:`);
  return (tape, at) => {
    const from = tape.size;
    put(tape, opening);
    const start = tape.size;
    const end = step(tape, at);
    if (tape.size === start) tape.size = from;
    return end;
  };
}
