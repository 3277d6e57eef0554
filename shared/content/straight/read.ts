/**
 * Reads bytes that are strict JSON for certain: what the strict parser (json.ts) gives for them, in little
 * more than half the time. Anything else means "parse it and see".
 *
 *   {"id": ▶ value ▶ ,"name": ▶ value …      each name is tried that came there in an object before
 *
 * Where an object has names that did not come so before, they are compared with all of its names.
 */
import { limits } from '../../limits.ts';
import { everyField, type FieldTree } from '../fields.ts';
import type { Json } from '../json.ts';
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
import { wholeAt } from './fit.ts';
import { begins } from './names.ts';
import { pastDigits, pastSpace, plainEnd, stringEnd, sureNumberEnd, wordEnd } from './scan.ts';
import { countMember, oddNumber, skipValue } from './skip.ts';
import { closeTape, detour, nameBytesMax, openTape, type Tape } from './tape.ts';
import { textOf, unescaped } from './text.ts';
import { createWays, isIndex, type Place, placeBelow, type Step, type Way } from './ways.ts';

/** Undefined: ask the strict parser. The bytes are UTF-8 already. */
export type Reader = (document: Uint8Array) => Read | undefined;

/** A document and its value. */
export interface Read {
  readonly value: Json;
  /** True where the bytes are for certain those that JSON.stringify writes for the value. */
  readonly isWritten: boolean;
}

const depthMax = limits.jsonDepthMax;

/**
 * Reads documents one after the other, and remembers the names of their objects. Members and items that are
 * not among `fields` are passed, as strict as all: a member is null then, and a list of such items empty.
 */
export function createReader(fields: FieldTree = everyField): Reader {
  const { root, stepTo } = createWays(fields);
  /** Where the last value ended, and whether all so far is spelt as it would be written. */
  let end = 0;
  let isWritten = true;

  function pastSpaces({ input }: Tape, at: number): number {
    const to = pastSpace(input, at);
    if (to !== at) isWritten = false;
    return to;
  }

  function readValue(tape: Tape, at: number, depth: number, place: Place): Json {
    const byte = tape.input[at];
    switch (byte) {
      case quote:
        return readString(tape, at, plainEnd(tape, at));
      case openObject:
        return readObject(tape, at, depth + 1, place);
      case openArray:
        return readArray(tape, at, depth + 1, place);
      case letterT:
      case letterF:
      case letterN:
        end = wordEnd(tape, at);
        return byte === letterN ? null : byte === letterT;
      default:
        return readNumber(tape, at);
    }
  }

  /** `last`: its closing quote, or -1 where it has escapes. */
  function readString(tape: Tape, at: number, last: number): string {
    end = (last < 0 ? stringEnd(tape, at) : last) + 1;
    if (last >= 0) return textOf(tape, at + 1, last);
    isWritten = false;
    return unescaped(tape, at, end);
  }

  function readNumber(tape: Tape, at: number): number {
    const sure = sureNumberEnd(tape, at);
    if (sure === pastDigits(tape.input, at)) {
      end = sure;
      return wholeAt(tape, at, sure - 1);
    }
    const token = sure < 0 ? oddNumber(tape, at) : tape.text(at, sure);
    end = at + token.length;
    const value = Number(token);
    if (String(value) !== token) isWritten = false;
    return value;
  }

  function pass(tape: Tape, at: number, depth: number): void {
    isWritten = false;
    end = skipValue(tape, at, depth);
  }

  function readArray(tape: Tape, start: number, depth: number, { items }: Place): Json {
    if (depth > depthMax) throw detour;
    const { input } = tape;
    const array: Json[] = [];
    if (items === undefined) {
      pass(tape, start, depth - 1);
      return array;
    }
    let at = pastSpaces(tape, start + 1);
    if (input[at] === closeArray) {
      end = at + 1;
      return array;
    }
    for (;;) {
      countMember(tape);
      array.push(readValue(tape, at, depth, items));
      at = pastSpaces(tape, end);
      const byte = input[at];
      end = at + 1;
      if (byte === closeArray) return array;
      if (byte !== comma) throw detour;
      at = pastSpaces(tape, end);
    }
  }

  function readObject(tape: Tape, start: number, depth: number, place: Place): Json {
    if (depth > depthMax) throw detour;
    const { input } = tape;
    const object: Record<string, Json> = {};
    let at = pastSpaces(tape, start + 1);
    if (input[at] === closeObject) {
      end = at + 1;
      return object;
    }
    /** The way so far; undefined where the object has left the tree. */
    let way: Way | undefined = place;
    for (;;) {
      countMember(tape);
      let step: Step | undefined = way?.next;
      while (step !== undefined && !begins(tape, at, step.literal)) step = step.other;
      let name: string;
      let below: Place | undefined;
      if (step !== undefined) {
        name = step.name;
        below = step.place;
        at += step.literal.length;
        way = step;
      } else {
        if (input[at] !== quote) throw detour;
        const last = plainEnd(tape, at);
        name = readString(tape, at, last);
        // The latter is no plain property.
        if (Object.hasOwn(object, name) || name === '__proto__') throw detour;
        below = placeBelow(place, name);
        const isShort = last >= 0 && last - at < nameBytesMax;
        way = way && isShort ? stepTo(way, name, below) : undefined;
        if (isIndex(name)) isWritten = false;
        at = pastSpaces(tape, end);
        if (input[at] !== colon) throw detour;
        at += 1;
      }
      at = pastSpaces(tape, at);
      if (below === undefined) {
        pass(tape, at, depth);
        object[name] = null;
      } else object[name] = readValue(tape, at, depth, below);
      at = pastSpaces(tape, end);
      const byte = input[at];
      end = at + 1;
      if (byte === closeObject) return object;
      if (byte !== comma) throw detour;
      at = pastSpaces(tape, end);
    }
  }

  return (document) => {
    const tape = openTape(document, 0);
    isWritten = tape.end === document.length;
    try {
      const value = readValue(tape, pastSpaces(tape, 0), 0, root);
      return pastSpaces(tape, end) === tape.end ? { value, isWritten } : undefined;
    } catch (thrown) {
      if (thrown !== detour) throw thrown;
      return undefined;
    } finally {
      closeTape(tape);
    }
  };
}
