/** Plain values of a document: strings, numbers, booleans and null, copied or read. */
import type { Json } from '../json.ts';
import type { Place } from '../place.ts';
import { compileScalar } from '../scalar.ts';
import { type Schema, typesOf } from '../schema.ts';
import { minus, quote, zero } from './bytes.ts';
import { plainEnd, stringEnd, sureNumberEnd, wordEnd } from './scan.ts';
import { type Fits, listFits, patternFits } from './shapes.ts';
import { oddNumber } from './skip.ts';
import { copyIn, detour, type Tape } from './tape.ts';
import { writeValue } from './write.ts';

/**
 * Takes the value at `at` from input to output and returns where it ends. What must not cross is not
 * written; `detour` is thrown where the slow path must decide.
 */
export type Step = (tape: Tape, at: number) => number;

/** Strings, numbers, booleans and null that the schema lets through, all of which may cross. */
export function compilePlain({ schema }: Place): Step {
  const scalar = compileScalar(schema);
  const any = readPlain((tape, value, at, end) => {
    if (scalar(value) !== undefined) throw detour;
    writeRead(tape, value, at, end);
  });
  const { pattern, format, minLength = 0, maxLength = Number.POSITIVE_INFINITY } = schema;
  if (!typesOf(schema).includes('string')) return any;
  if (schema.enum || pattern !== undefined || format !== undefined) {
    const fits = fitsOf(schema);
    return fits === undefined ? any : knownOr(any, fits);
  }
  return (tape, at) => {
    const last = tape.input[at] === quote ? plainEnd(tape, at) : -1;
    if (last < 0) return any(tape, at);
    const bytes = last - at - 1;
    // A character takes one to four bytes: only between these bounds must they be counted.
    if (bytes > maxLength || bytes < 4 * minLength) {
      const length = characters(tape, at + 1, last);
      if (length < minLength || length > maxLength) throw detour;
    }
    copyIn(tape, at, last + 1);
    return last + 1;
  };
}

/** A test by bytes for all that the schema asks of a string. */
function fitsOf({ enum: listed, pattern, format, minLength, maxLength }: Schema): Fits | undefined {
  const others = format !== undefined || minLength !== undefined || maxLength !== undefined;
  if (others || (listed !== undefined && pattern !== undefined)) return undefined;
  return listed !== undefined ? listFits(listed) : patternFits(pattern ?? '');
}

/** Copies a string that is known to fit; for any other value asks the other step. */
function knownOr(other: Step, fits: Fits): Step {
  return (tape, at) => {
    const last = tape.input[at] === quote ? plainEnd(tape, at) : -1;
    if (last < 0 || !fits(tape, at, last)) return other(tape, at);
    copyIn(tape, at, last + 1);
    return last + 1;
  };
}

/** Code points of well-formed UTF-8: its bytes but those that continue one. */
function characters({ input }: Tape, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at += 1) if (((input[at] ?? 0) & 0xc0) !== 0x80) count += 1;
  return count;
}

/** Reads a plain value: `take` sees it, and the step goes on behind it. */
export function readPlain(take: (tape: Tape, value: Json, at: number, end: number) => void): Step {
  return (tape, at) => {
    const byte = tape.input[at];
    if (byte === quote) {
      const last = plainEnd(tape, at);
      if (last < 0) {
        const end = stringEnd(tape, at) + 1;
        take(tape, unescaped(tape, at, end), -1, end);
        return end;
      }
      take(tape, textOf(tape, at + 1, last), at, last + 1);
      return last + 1;
    }
    if (byte === minus || (byte !== undefined && byte >= zero && byte <= 0x39)) {
      const sure = sureNumberEnd(tape, at);
      const token = sure < 0 ? oddNumber(tape, at) : tape.text(at, sure);
      const value = Number(token);
      take(tape, value, String(value) === token ? at : -1, at + token.length);
      return at + token.length;
    }
    const end = wordEnd(tape, at);
    take(tape, byte === 0x6e ? null : byte === 0x74, at, end);
    return end;
  };
}

/** Writes a value that was read from there; from -1: its spelling was not the one that is written. */
export function writeRead(tape: Tape, value: Json, at: number, end: number): void {
  if (at < 0) writeValue(tape, value);
  else copyIn(tape, at, end);
}

/** The runtime is faster for more. */
const decodedBytesMax = 24;

/** Characters between the quotes. */
function textOf(tape: Tape, start: number, end: number): string {
  if (isAscii(tape, start, end)) return tape.text(start, end);
  const { input } = tape;
  if (end - start > decodedBytesMax) return input.toString('utf8', start, end);
  let text = '';
  for (let at = start; at < end; ) {
    const byte = input[at] ?? 0;
    const second = (input[at + 1] ?? 0) & 0x3f;
    const third = (input[at + 2] ?? 0) & 0x3f;
    if (byte < 0x80) text += String.fromCharCode(byte);
    else if (byte < 0xe0) text += String.fromCharCode(((byte & 0x1f) << 6) | second);
    else if (byte < 0xf0) {
      text += String.fromCharCode(((byte & 0x0f) << 12) | (second << 6) | third);
    } else return input.toString('utf8', start, end);
    at += byte < 0x80 ? 1 : byte < 0xe0 ? 2 : 3;
  }
  return text;
}

function unescaped(tape: Tape, start: number, end: number): string {
  return JSON.parse(tape.input.toString('utf8', start, end));
}

function isAscii({ inputView }: Tape, start: number, end: number): boolean {
  let high = 0;
  let at = start;
  for (; at + 4 <= end; at += 4) high |= inputView.getInt32(at, true);
  for (; at < end; at += 1) high |= inputView.getInt8(at);
  return (high & 0x80808080) === 0;
}
