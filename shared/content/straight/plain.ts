/** Plain values of a document: strings, numbers, booleans and null, copied or read. */
import type { Json } from '../json.ts';
import type { Place } from '../place.ts';
import { compileScalar } from '../scalar.ts';
import { typesOf } from '../schema.ts';
import type { Work } from '../work.ts';
import { minus, quote, zero } from './bytes.ts';
import { compileFit, type Fit, wholeAt } from './fit.ts';
import { pastDigits, plainEnd, stringEnd, sureNumberEnd, wordEnd } from './scan.ts';
import { oddNumber } from './skip.ts';
import { copyIn, detour, type Tape } from './tape.ts';
import { textOf, unescaped } from './text.ts';
import { writeValue } from './write.ts';

/**
 * Takes the value at `at` from input to output and returns where it ends. What must not cross is not
 * written; `detour` is thrown where the slow path must decide.
 */
export type Step = (tape: Tape, at: number) => number;

/** A step for a string without escapes, of which both quotes are known. */
export type Take = (tape: Tape, at: number, last: number) => void;

/** What is done with a value. */
export interface Way {
  readonly step: Step;
  readonly take: Take;
  /** There where some values cross as they stand: true for such a one. */
  readonly fit?: Fit | undefined;
}

/** Strings, numbers, booleans and null that the schema lets through, all of which may cross. */
export function compilePlain({ schema }: Place, work: Work | undefined): Way {
  const scalar = compileScalar(schema, work);
  const fit = compileFit(schema);
  const any = readPlain((tape, value, at, end) => {
    if (scalar(value) !== undefined) throw detour;
    writeRead(tape, value, at, end);
  });
  if (!typesOf(schema).includes('string')) return { ...any, fit };
  const take: Take = (tape, at, last) => {
    if (fit(tape, at, last)) copyIn(tape, at, last + 1);
    else any.take(tape, at, last);
  };
  return { step: stringStep(any.step, take), take, fit };
}

/** Strings without escapes one way, any other value the other. */
export function stringStep(other: Step, take: Take): Step {
  return (tape, at) => {
    const last = tape.input[at] === quote ? plainEnd(tape, at) : -1;
    if (last < 0) return other(tape, at);
    take(tape, at, last);
    return last + 1;
  };
}

/** Reads a plain value: `see` gets it, and the step goes on behind it. */
export function readPlain(see: (tape: Tape, value: Json, at: number, end: number) => void): Way {
  const take: Take = (tape, at, last) => see(tape, textOf(tape, at + 1, last), at, last + 1);
  const step: Step = (tape, at) => {
    const byte = tape.input[at];
    if (byte === quote) {
      const last = plainEnd(tape, at);
      if (last < 0) {
        const end = stringEnd(tape, at) + 1;
        see(tape, unescaped(tape, at, end), -1, end);
        return end;
      }
      take(tape, at, last);
      return last + 1;
    }
    if (byte === minus || (byte !== undefined && byte >= zero && byte <= 0x39)) {
      const sure = sureNumberEnd(tape, at);
      if (sure === pastDigits(tape.input, at)) {
        see(tape, wholeAt(tape, at, sure - 1), at, sure);
        return sure;
      }
      const token = sure < 0 ? oddNumber(tape, at) : tape.text(at, sure);
      const value = Number(token);
      see(tape, value, String(value) === token ? at : -1, at + token.length);
      return at + token.length;
    }
    const end = wordEnd(tape, at);
    see(tape, byte === 0x6e ? null : byte === 0x74, at, end);
    return end;
  };
  return { step, take };
}

/** Writes a value that was read from there; from -1: its spelling was not the one that is written. */
export function writeRead(tape: Tape, value: Json, at: number, end: number): void {
  if (at < 0) writeValue(tape, value);
  else copyIn(tape, at, end);
}
