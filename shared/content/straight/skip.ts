/**
 * Past a value that does not cross: it must still be strict JSON, to its last byte, because a text that
 * others read in another way is refused whole.
 */
import { limits } from '../../limits.ts';
import { exactNumber, numberTokenAt } from '../number.ts';
import {
  closeArray,
  closeObject,
  colon,
  comma,
  letterF,
  letterN,
  letterT,
  openArray,
  openObject,
  quote,
} from './bytes.ts';
import { nameEnd, pastSpace, stringEnd, sureNumberEnd, wordEnd } from './scan.ts';
import { detour, type Tape } from './tape.ts';

const membersMax = limits.jsonMembersMax;
const digitsMax = limits.jsonNumberDigitsMax;
const depthMax = limits.jsonDepthMax;

/** Returns where the value at `at` ends. `depth`: containers around it. */
export function skipValue(tape: Tape, at: number, depth: number): number {
  switch (tape.input[at]) {
    case quote:
      return stringEnd(tape, at) + 1;
    case openObject:
      return skipObject(tape, at, depth + 1);
    case openArray:
      return skipArray(tape, at, depth + 1);
    case letterT:
    case letterF:
    case letterN:
      return wordEnd(tape, at);
    default:
      return skipNumber(tape, at);
  }
}

export function countMember(tape: Tape): void {
  tape.members += 1;
  if (tape.members > membersMax) throw detour;
}

function skipNumber(tape: Tape, at: number): number {
  const end = sureNumberEnd(tape, at);
  return end < 0 ? at + oddNumber(tape, at).length : end;
}

/** A number with an exponent, or a long one, as text: by the rules of the parser. */
export function oddNumber(tape: Tape, at: number): string {
  const token = numberTokenAt(tape.text(at, at + digitsMax + 1), 0);
  if (token === undefined || exactNumber(token) === undefined) throw detour;
  return token;
}

function skipArray(tape: Tape, start: number, depth: number): number {
  if (depth > depthMax) throw detour;
  const { input } = tape;
  let at = pastSpace(input, start + 1);
  if (input[at] === closeArray) return at + 1;
  for (;;) {
    countMember(tape);
    at = pastSpace(input, skipValue(tape, at, depth));
    const byte = input[at];
    at += 1;
    if (byte === closeArray) return at;
    if (byte !== comma) throw detour;
    at = pastSpace(input, at);
  }
}

function skipObject(tape: Tape, start: number, depth: number): number {
  if (depth > depthMax) throw detour;
  const { input } = tape;
  let at = pastSpace(input, start + 1);
  if (input[at] === closeObject) return at + 1;
  for (let names = 0; ; names += 1) {
    const end = nameEnd(tape, at);
    rememberName(tape, at, end, depth, names);
    at = pastSpace(input, end + 1);
    if (input[at] !== colon) throw detour;
    countMember(tape);
    at = pastSpace(input, skipValue(tape, pastSpace(input, at + 1), depth));
    const byte = input[at];
    at += 1;
    if (byte === closeObject) return at;
    if (byte !== comma) throw detour;
    at = pastSpace(input, at);
  }
}

/** Names of one object that are remembered; an object with more is for the slow path. */
const namesMax = 64;
/** A row for each object that is open. */
const prints = new Int32Array((depthMax + 1) * namesMax);

/**
 * Tells names of one object apart by a print of each. Equal prints are equal names, or may be: both
 * are for the slow path. `names`: how many the object had before.
 */
export function rememberName(
  { inputView }: Tape,
  start: number,
  end: number,
  depth: number,
  names: number,
): void {
  if (names >= namesMax) throw detour;
  const row = depth * namesMax;
  let print = end - start;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    print = Math.imul(print ^ inputView.getInt32(at, true), 0x9e3779b1);
    print ^= print >>> 15;
  }
  // The last bytes, without what follows them.
  const rest = inputView.getInt32(at, true) & ((1 << (8 * (end - at))) - 1);
  print = Math.imul(print ^ rest, 0x9e3779b1);
  for (let known = 0; known < names; known += 1) {
    if (prints[row + known] === print) throw detour;
  }
  prints[row + names] = print;
}
