/**
 * The straight path: one pass from the bytes of a document to the bytes that may cross, without a
 * parsed value in between.
 *
 *   bytes ▶ name ▶ is it granted? ▶ value: copied, masked or skipped ▶ in the order of the schema
 *
 * Why it is safe: it has two answers only, "these are the bytes" and "ask the slow path" (walk.ts over
 * parseJson), and no error of its own. It is compiled from the same places, checks plain values by the
 * same functions and applies the same masks; it adds only loops that find where tokens end, which
 * accept less than the parser does. test/fuzz/straight.test.ts compares both on generated documents.
 */
import { isUtf8 } from 'node:buffer';
import { limits } from '../../limits.ts';
import {
  type ByteMask,
  byteMaskGrowthMax,
  type FieldMask,
  itemsOf,
  membersOf,
  type Place,
  type Rewritten,
  rootOf,
  type WalkRules,
} from '../place.ts';
import { compileScalar } from '../scalar.ts';
import { typesOf } from '../schema.ts';
import { closeArray, comma, openArray, openObject, quote } from './bytes.ts';
import { compileFit, type Fit } from './fit.ts';
import { compileObject, type ObjectWay } from './object.ts';
import {
  compilePlain,
  readPlain,
  type Step,
  stringStep,
  type Take,
  type Way,
  writeRead,
} from './plain.ts';
import { pastSpace } from './scan.ts';
import { countMember, skipValue } from './skip.ts';
import {
  bytesOf,
  closeTape,
  detour,
  enclose,
  openTape,
  put,
  putByte,
  reserve,
  type Tape,
  takeOutput,
} from './tape.ts';
import { writeValue } from './write.ts';

/** Undefined: ask the slow path. */
export type StraightPath = (document: Uint8Array) => Rewritten | undefined;

/** Undefined where there are names, depths or masks that the straight path leaves alone. */
export function compileStraight(rules: WalkRules): StraightPath | undefined {
  const masks: string[] = [];
  let step: Step;
  try {
    step = compileWay({ rules, masks }, rootOf(rules), 0).step;
  } catch (thrown) {
    if (thrown !== detour) throw thrown;
    return undefined;
  }
  return (document) => {
    if (!isUtf8(document)) return undefined;
    rules.work?.begin(limits.straightStepsMax);
    const tape = openTape(document, masks.length);
    try {
      const end = step(tape, pastSpace(tape.input, 0));
      return pastSpace(tape.input, end) === tape.end ? rewrittenOf(tape, masks) : undefined;
    } catch {
      // Also where a mask failed: the slow path comes to it, or to an earlier fault, by itself.
      return undefined;
    } finally {
      closeTape(tape);
    }
  };
}

function rewrittenOf(tape: Tape, masks: readonly string[]): Rewritten {
  const rules: Record<string, number> = {};
  for (let number = 0; number < masks.length; number += 1) {
    const count = tape.masked[number] ?? 0;
    if (count > 0) rules[masks[number] ?? ''] = count;
  }
  const body = tape.size === 0 ? undefined : takeOutput(tape);
  return { body, rules, dropped: tape.dropped };
}

interface Compiling {
  readonly rules: WalkRules;
  /** Ids of masks; their number is the place in this list. */
  readonly masks: string[];
}

/** `depth`: containers around the place. */
function compileWay(compiling: Compiling, place: Place, depth: number): ObjectWay {
  const mask = place.masks?.mask;
  if (mask === undefined) return compileOpen(compiling, place, depth);
  if (compiling.rules.mode === 'release') return compileMask(compiling, place, mask, depth);
  const { bytes } = mask;
  const way = readPlain((tape, value, at, end) => {
    if (!mask.verify(value)) throw detour;
    writeRead(tape, value, at, end);
  });
  if (bytes === undefined) return way;
  const fit: Fit = ({ input }, at, last) =>
    input[at] === quote && bytes.verify(input, at + 1, last);
  return { ...way, fit };
}

function compileMask(
  { rules, masks }: Compiling,
  place: Place,
  mask: FieldMask,
  depth: number,
): Way {
  if (mask.isCostly) throw detour;
  const number = masks.push(mask.id) - 1;
  const count = (tape: Tape): void => {
    tape.masked[number] = (tape.masked[number] ?? 0) + 1;
  };
  if (mask.reads) {
    const scalar = compileScalar(place.schema, rules.work);
    const { whole } = place.fields;
    const any = readPlain((tape, value, at, end) => {
      if (scalar(value) !== undefined || (!whole && value !== null)) throw detour;
      count(tape);
      const left = mask.apply(value);
      if (left === value) writeRead(tape, value, at, end);
      else if (left !== undefined) writeValue(tape, left);
    });
    return mask.bytes && whole ? maskBytes(any, mask.bytes, compileFit(place.schema), count) : any;
  }
  const left = mask.apply(null);
  const bytes = left === undefined ? undefined : bytesOf(JSON.stringify(left));
  const take = (tape: Tape): void => {
    count(tape);
    if (bytes !== undefined) put(tape, bytes);
  };
  return {
    step: (tape, at) => {
      take(tape);
      return skipValue(tape, at, depth);
    },
    take,
  };
}

/** Strings that are known to fit masked by their bytes, and any other value the other way. */
function maskBytes(any: Way, mask: ByteMask, fit: Fit, count: (tape: Tape) => void): Way {
  const take: Take = (tape, at, last) => {
    if (fit(tape, at, last)) {
      reserve(tape, last - at + byteMaskGrowthMax);
      const { out, size } = tape;
      const end = mask.apply(tape.input, at + 1, last, out, size + 1);
      if (end >= 0) {
        out[size] = quote;
        out[end] = quote;
        tape.size = end + 1;
        count(tape);
        return;
      }
    }
    any.take(tape, at, last);
  };
  return { step: stringStep(any.step, take), take };
}

function compileOpen(compiling: Compiling, place: Place, depth: number): ObjectWay {
  const types = typesOf(place.schema);
  const object = types.includes('object') ? objectWay(compiling, place, depth) : undefined;
  const array = types.includes('array') ? arrayStep(compiling, place, depth) : wrong;
  const plain = place.fields.whole
    ? compilePlain(place, compiling.rules.work)
    : partWay(compiling, place);
  const [ofObject, ofPlain] = [object?.step ?? wrong, plain.step];
  return {
    step: (tape, at) => {
      const byte = tape.input[at];
      if (byte === openObject) return ofObject(tape, at);
      return byte === openArray ? array(tape, at) : ofPlain(tape, at);
    },
    take: plain.take,
    fit: plain.fit,
    members: object?.members,
  };
}

const wrong: Step = () => {
  throw detour;
};

/** In place of a container of which only a part is granted: null says that there is none. */
function partWay({ rules }: Compiling, { schema }: Place): Way {
  const scalar = compileScalar(schema, rules.work);
  return readPlain((tape, value, at, end) => {
    if (scalar(value) !== undefined) throw detour;
    if (value === null) writeRead(tape, value, at, end);
    else leaveOut(rules, tape);
  });
}

function objectWay(
  compiling: Compiling,
  place: Place,
  depth: number,
): Pick<ObjectWay, 'step' | 'members'> {
  const { rules } = compiling;
  const members = membersOf(rules, place);
  if (members === undefined) return { step: leftOut(rules, depth) };
  if (depth >= limits.jsonDepthMax) throw detour;
  const crossing = members.map((member) => ({
    ...member,
    way: compileWay(compiling, member.place, depth + 1),
  }));
  return compileObject(rules.mode, place.schema, crossing, depth + 1);
}

function arrayStep(compiling: Compiling, place: Place, depth: number): Step {
  const { rules } = compiling;
  const items = itemsOf(rules, place);
  if (items === undefined) return leftOut(rules, depth);
  if (depth >= limits.jsonDepthMax) throw detour;
  const { least, most } = items;
  const item = compileWay(compiling, items.place, depth + 1).step;
  return (tape, start) => {
    const { input } = tape;
    const from = tape.size;
    let count = 0;
    let at = pastSpace(input, start + 1);
    if (input[at] === closeArray) at += 1;
    else {
      for (let more = true; more; count += 1) {
        countMember(tape);
        at = pastSpace(input, takeItem(tape, at, item));
        more = input[at] === comma;
        if (!more && input[at] !== closeArray) throw detour;
        at = more ? pastSpace(input, at + 1) : at + 1;
      }
    }
    if (count < least || count > most) throw detour;
    enclose(tape, from, openArray, closeArray);
    return at;
  };
}

/** An item behind a comma; nothing where nothing of it is left. */
function takeItem(tape: Tape, at: number, item: Step): number {
  const from = tape.size;
  putByte(tape, comma);
  const end = item(tape, at);
  if (tape.size === from + 1) tape.size = from;
  return end;
}

function leftOut(rules: WalkRules, depth: number): Step {
  return (tape, at) => {
    leaveOut(rules, tape);
    return skipValue(tape, at, depth);
  };
}

function leaveOut({ mode }: WalkRules, tape: Tape): void {
  if (mode === 'verify') throw detour;
  tape.dropped += 1;
}
