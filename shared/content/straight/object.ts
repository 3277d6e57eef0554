/**
 * An object from input to output. Members come in any order and leave in the order of the schema:
 * each is written as it comes, and only where they came in another order are they put right at the
 * end. Services write the members of their answers in the same order each time, so the name that came
 * after this one the last time is tried first.
 */
import type { Member, Place, WalkRules } from '../place.ts';
import { closeObject, comma, openObject } from './bytes.ts';
import { begins, findName, literalOf, pastColon } from './names.ts';
import type { Step } from './plain.ts';
import { nameEnd, pastSpace } from './scan.ts';
import { countMember, rememberName, skipValue } from './skip.ts';
import { bytesOf, copyOut, detour, enclose, put, type Tape } from './tape.ts';

/** A member that may cross, and how it does. */
export interface Crossing extends Member {
  readonly step: Step;
}

/** `depth`: of the containers here, this one among them. */
export function compileObject(
  { mode }: WalkRules,
  { schema }: Place,
  crossing: readonly Crossing[],
  depth: number,
): Step {
  // Names that do not cross are known too, but not where they are refused: the slow path does that.
  const names = new Set(crossing.map(({ name }) => name));
  if (mode === 'release') for (const name of Object.keys(schema.properties ?? {})) names.add(name);
  const literals = Array.from(names, literalOf);
  const steps = crossing.map(({ name, step }) => memberStep(name, step));
  const required = crossing.map((member) => member.required);
  const requiredCount = required.filter((is) => is).length;
  /** Member → the one that came next the last time; for the first member at 0, others one further. */
  const next = [0, ...literals.keys()];
  /** Member → the object that it was last seen in, by number. */
  const seen = new Float64Array(literals.length);
  const starts = new Int32Array(steps.length);
  const ends = new Int32Array(steps.length);

  // Of the object in hand. A place is in no place below it, so there is one at a time.
  let object = 0;
  let previous = -1;
  let lastCrossed = -1;
  let ordered = true;
  let missing = 0;
  let unknown = 0;

  return (tape, start) => {
    const { input } = tape;
    const from = tape.size;
    object += 1;
    previous = -1;
    lastCrossed = -1;
    ordered = true;
    missing = requiredCount;
    unknown = 0;
    let at = pastSpace(input, start + 1);
    if (input[at] === closeObject) at += 1;
    else {
      for (let more = true; more; ) {
        countMember(tape);
        at = pastSpace(input, takeMember(tape, at));
        more = input[at] === comma;
        if (!more && input[at] !== closeObject) throw detour;
        at = more ? pastSpace(input, at + 1) : at + 1;
      }
    }
    if (missing > 0) throw detour;
    if (!ordered) arrange(tape, from);
    enclose(tape, from, openObject, closeObject);
    return at;
  };

  function takeMember(tape: Tape, start: number): number {
    let at = start;
    let member = next[previous + 1] ?? 0;
    const literal = literals[member];
    if (literal !== undefined && begins(tape, at, literal)) {
      at = pastSpace(tape.input, at + literal.bytes.length);
    } else {
      const end = nameEnd(tape, at);
      member = findName(tape, at, end, literals);
      if (member < 0) return skipUnknown(tape, at, end);
      next[previous + 1] = member;
      at = pastColon(tape, end);
    }
    if (seen[member] === object) throw detour;
    seen[member] = object;
    previous = member;
    const step = steps[member];
    if (step === undefined) {
      tape.dropped += 1;
      return skipValue(tape, at, depth);
    }
    if (required[member]) missing -= 1;
    if (member < lastCrossed) ordered = false;
    lastCrossed = member;
    starts[member] = tape.size;
    at = step(tape, at);
    ends[member] = tape.size;
    return at;
  }

  function skipUnknown(tape: Tape, start: number, end: number): number {
    if (mode === 'verify') throw detour;
    rememberName(tape, start, end, depth, unknown);
    unknown += 1;
    tape.dropped += 1;
    return skipValue(tape, pastColon(tape, end), depth);
  }

  /** Puts the members in the order of the schema, behind all, and moves them back. */
  function arrange(tape: Tape, from: number): void {
    const to = tape.size;
    for (let member = 0; member < steps.length; member += 1) {
      if (seen[member] === object) copyOut(tape, starts[member] ?? 0, ends[member] ?? 0);
    }
    tape.out.copyWithin(from, to, tape.size);
    tape.size = to;
  }
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
