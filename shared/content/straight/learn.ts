/** Reads the layout of an object that has been found to be strict JSON and to fit its place. */
import { limits } from '../../limits.ts';
import { type Schema, typesOf } from '../schema.ts';
import { closeObject, comma, openArray, openObject } from './bytes.ts';
import type { Fit } from './fit.ts';
import { pastColon } from './names.ts';
import type { Crossing, ObjectWay } from './object.ts';
import { nameEnd, pastSpace } from './scan.ts';
import { skipValue } from './skip.ts';
import { type Bytes, bytesOf, nameBytesMax, type Tape } from './tape.ts';

export interface Layout {
  /** Between values, and around all of them. */
  readonly literals: readonly Between[];
  /** What crosses, in the order in which it is written. */
  readonly pieces: readonly Piece[];
  readonly members: number;
  /** Containers around its innermost members, but the outermost. */
  readonly depth: number;
  /** Members that do not cross. */
  readonly dropped: number;
  /**
   * There where the object is spelt as it is written, so that it is copied in one piece if each of its
   * values fits.
   */
  readonly asIs: readonly Fit[] | undefined;
}

interface Between {
  readonly text: string;
  /** Objects of the layout around the value that follows, but the outermost. */
  readonly depth: number;
}

/** A member that crosses. */
export interface Piece {
  /** `,"name":` */
  readonly opening: Bytes;
  readonly way: ObjectWay;
  /** Which value of the layout it is; where it is an object, its own members instead. */
  readonly value: number;
  readonly pieces: readonly Piece[] | undefined;
}

/** What is known of the place. */
export interface Shape {
  readonly schema: Schema;
  /** Undefined where nothing of the object crosses. */
  readonly crossing: readonly Crossing[] | undefined;
  /** Containers around the members. */
  readonly depth: number;
}

/** Undefined where the object is longer, or built in more pieces, than is worth remembering. */
export function readLayout(tape: Tape, at: number, shape: Shape): Layout | undefined {
  const { members } = tape;
  const reading: Reading = {
    tape,
    depth: shape.depth,
    literals: [],
    from: at,
    members: 0,
    deepest: shape.depth,
    dropped: 0,
  };
  const { end, pieces } = readObject(reading, at, shape);
  tape.members = members;
  if (end < 0 || !cut(reading, end, shape.depth)) return undefined;
  const { literals, members: own, deepest, dropped } = reading;
  const isWritten = dropped === 0 && spelling(literals) === writtenSpelling(pieces);
  const fits = fitsOf(pieces);
  const asIs = isWritten && fits.length === literals.length - 1 ? fits : undefined;
  return { literals, pieces, members: own, depth: deepest - shape.depth, dropped, asIs };
}

/** A text with a mark for each value. */
function spelling(literals: readonly Between[]): string {
  return literals
    .map(({ text }, value) => (value === 0 ? text : `\0${value - 1}\0${text}`))
    .join('');
}

function writtenSpelling(pieces: readonly Piece[]): string {
  const members = pieces.map(({ opening, value, pieces: inner }) => {
    const name = opening.bytes.toString('utf8', 1);
    return name + (inner === undefined ? `\0${value}\0` : writtenSpelling(inner));
  });
  return `{${members.join(',')}}`;
}

/** In the order in which they are written. */
function fitsOf(pieces: readonly Piece[]): Fit[] {
  return pieces.flatMap(({ way, pieces: inner }) => (inner ? fitsOf(inner) : (way.fit ?? [])));
}

interface Reading {
  readonly tape: Tape;
  /** Of the outermost object. */
  readonly depth: number;
  readonly literals: Between[];
  /** Where the literal begins that has not been cut yet. */
  from: number;
  members: number;
  /** Containers around the innermost members so far. */
  deepest: number;
  dropped: number;
}

/** End -1: not worth remembering. */
const tooMuch = { end: -1, pieces: [] } as const;

interface Read {
  readonly end: number;
  readonly pieces: readonly Piece[];
}

function readObject(reading: Reading, start: number, { schema, crossing, depth }: Shape): Read {
  const { tape } = reading;
  const { input } = tape;
  reading.deepest = Math.max(reading.deepest, depth);
  const found = new Map<Crossing, Pick<Piece, 'value' | 'pieces'>>();
  let at = pastSpace(input, start + 1);
  while (input[at] !== closeObject) {
    const end = nameEnd(tape, at);
    const name = input.toString('utf8', at + 1, end);
    const member = crossing?.find((one) => one.name === name);
    at = pastColon(tape, end);
    reading.members += 1;
    if (crossing !== undefined && member === undefined) reading.dropped += 1;
    const inner = innerOf(schema, name, member, depth + 1);
    let pieces: readonly Piece[] | undefined;
    const value = reading.literals.length;
    if (inner !== undefined && input[at] === openObject) {
      const read = readObject(reading, at, inner);
      if (read.end < 0) return tooMuch;
      at = read.end;
      pieces = read.pieces;
    } else {
      if (!cut(reading, at, depth)) return tooMuch;
      const valueEnd = skipValue(tape, at, depth);
      // Lists that cross are gone through twice: by what passes values, and by their own step.
      if (member && input[at] === openArray && valueEnd - at > limits.layoutListBytesMax) {
        return tooMuch;
      }
      at = valueEnd;
      reading.from = at;
    }
    if (member !== undefined) found.set(member, { value, pieces });
    at = pastSpace(input, at);
    if (input[at] === comma) at = pastSpace(input, at + 1);
  }
  const pieces: Piece[] = [];
  for (const member of crossing ?? []) {
    const place = found.get(member);
    const opening = bytesOf(`,${JSON.stringify(member.name)}:`);
    if (place !== undefined) pieces.push({ ...place, opening, way: member.way });
  }
  return { end: at + 1, pieces };
}

/** The shape of a member that is an object whose names are known; undefined: it is one value. */
function innerOf(
  outer: Schema,
  name: string,
  member: Crossing | undefined,
  depth: number,
): Shape | undefined {
  const schema = outer.properties?.[name];
  const crossing = member?.way.members;
  if (member !== undefined && crossing === undefined) return undefined;
  return schema !== undefined && typesOf(schema).includes('object')
    ? { schema, crossing, depth }
    : undefined;
}

/** Ends the literal at `end`. False where it or the layout gets too long. */
function cut({ tape, literals, from, ...outermost }: Reading, end: number, depth: number): boolean {
  if (end - from > nameBytesMax || literals.length > limits.layoutValuesMax) return false;
  const text = tape.input.toString('utf8', from, end);
  literals.push({ text, depth: depth - outermost.depth });
  return true;
}
