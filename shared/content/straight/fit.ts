/**
 * Values that can be told by their bytes to fit their schema, and to be spelt as they are written. No
 * means "read it and ask the schema", so only yes must be right.
 */
import { compileScalar } from '../scalar.ts';
import { type Schema, typesOf } from '../schema.ts';
import { letterF, letterN, letterT, quote } from './bytes.ts';
import { pastDigits, sureCharacters } from './scan.ts';
import { listFits, patternFits } from './shapes.ts';
import type { Tape } from './tape.ts';

/** True where the value from its first byte to its last, without escapes, fits for certain. */
export type Fit = (tape: Tape, at: number, last: number) => boolean;

/** What fits a schema of plain values. */
export function compileFit(schema: Schema): Fit {
  const types = typesOf(schema);
  const string = types.includes('string') ? stringFit(schema) : never;
  const number = types.includes('integer') || types.includes('number') ? wholeFit(schema) : never;
  const isListed = schema.enum !== undefined;
  const boolean = types.includes('boolean') && !isListed;
  const nothing = types.includes('null') && !isListed;
  if (types.length === 1 && types[0] === 'string') return string;
  return (tape, at, last) => {
    switch (tape.input[at]) {
      case quote:
        return string(tape, at, last);
      case letterT:
      case letterF:
        return boolean;
      case letterN:
        return nothing;
      default:
        return number(tape, at, last);
    }
  };
}

const never: Fit = () => false;

function stringFit(schema: Schema): Fit {
  const { enum: listed, pattern, format, minLength, maxLength } = schema;
  if (listed !== undefined || format !== undefined) {
    const isAlone = pattern === undefined && minLength === undefined && maxLength === undefined;
    if (!isAlone) return never;
    if (listed === undefined) return format === 'date' ? isSureDate : never;
    return format === undefined ? listFits(listed) : never;
  }
  const length = lengthFit(minLength, maxLength);
  const shape = pattern === undefined ? undefined : patternFits(pattern);
  if (pattern === undefined) return length;
  if (shape === undefined || (minLength === undefined && maxLength === undefined)) {
    return shape ?? never;
  }
  return (tape, at, last) => shape(tape, at, last) && length(tape, at, last);
}

function lengthFit(least = 0, most = Number.POSITIVE_INFINITY): Fit {
  return (tape, at, last) => {
    if (tape.input[at] !== quote) return false;
    const bytes = last - at - 1;
    // A character takes one to four bytes: only between these bounds must they be counted.
    if (bytes <= most && bytes >= 4 * least) return true;
    const length = characters(tape, at + 1, last);
    return length >= least && length <= most;
  };
}

/** Code points of well-formed UTF-8: its bytes but those that continue one. */
function characters({ input }: Tape, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at += 1) if (((input[at] ?? 0) & 0xc0) !== 0x80) count += 1;
  return count;
}

const dateSets = patternFits('^[0-9]{4}-[0-9]{2}-[0-9]{2}$');

/** A day that every month has. */
const isSureDate: Fit = (tape, at, last) => {
  if (!dateSets?.(tape, at, last)) return false;
  const month = pair(tape, at + 6);
  const day = pair(tape, at + 9);
  return month >= 1 && month <= 12 && day >= 1 && day <= 28;
};

const pair = ({ input }: Tape, at: number): number =>
  10 * ((input[at] ?? 0) & 0xf) + ((input[at + 1] ?? 0) & 0xf);

/** Whole numbers without a sign; JSON lets none begin with a zero. */
function wholeFit(schema: Schema): Fit {
  const scalar = compileScalar(schema);
  return (tape, at, last) => {
    if (last - at >= sureCharacters || pastDigits(tape.input, at) !== last + 1) return false;
    return scalar(wholeAt(tape, at, last)) === undefined;
  };
}

/** The value of at most 15 digits. */
export function wholeAt({ input }: Tape, at: number, last: number): number {
  let value = 0;
  for (let digit = at; digit <= last; digit += 1) value = 10 * value + ((input[digit] ?? 0) & 0xf);
  return value;
}
