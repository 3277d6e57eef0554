/**
 * Layouts: how objects of one place were built before, without their values.
 *
 *   {"id":·,"name":·,"address":{"district":·}}      three values between four literals
 *
 * An object whose bytes are the literals of a known layout with one value between each two has the
 * members of that layout, no other and none twice: which of them cross, and in which order, was found
 * out once. Values must still be strict JSON, and those that cross are taken by the same steps as always.
 *
 * Layouts with the same beginning share it: they are a tree. It is bounded, and begun anew where it is
 * full and no longer helps.
 */
import { limits } from '../../limits.ts';
import type { Schema } from '../schema.ts';
import { quote } from './bytes.ts';
import type { Fit } from './fit.ts';
import { type Layout, readLayout, writePieces } from './learn.ts';
import { begins, type Literal, literalOfText } from './names.ts';
import type { Crossing } from './object.ts';
import { plainEnd, stringEnd } from './scan.ts';
import { skipValue } from './skip.ts';
import { copyIn, detour, type Tape } from './tape.ts';

export interface Layouts {
  /** Takes an object of a known layout and returns its end; -1, and nothing done, for any other. */
  follow(tape: Tape, at: number): number;
  /** Remembers how an object is built that was taken before. */
  learn(tape: Tape, at: number): void;
}

/** A literal and what comes behind it. */
interface Edge {
  readonly literal: Literal;
  /** Containers around the value that follows. */
  readonly depth: number;
  /** There where the object ends with the literal. */
  readonly layout: Layout | undefined;
  /** What may stand in place of this literal, and behind the value. */
  other: Edge | undefined;
  next: Edge | undefined;
}

const none = -1;
const membersMax = limits.jsonMembersMax;
const edgesMax = limits.layoutLiteralsMax;
const missesMax = limits.layoutMissesMax;

/** `depth`: of the containers here, the objects among them. */
export function createLayouts(
  schema: Schema,
  crossing: readonly Crossing[],
  depth: number,
): Layouts {
  let first: Edge | undefined;
  let edges = 0;
  let misses = 0;
  /** Misses until the next lesson; more each time where there is nothing to learn. */
  let rest = 0;
  let pause = 1;
  // A place is in no place below it, so there is one object at a time.
  const starts = new Int32Array(limits.layoutValuesMax);
  /** Last bytes; none for strings with escapes. */
  const lasts = new Int32Array(limits.layoutValuesMax);

  function follow(tape: Tape, start: number): number {
    const { input, members } = tape;
    let at = start;
    let edge = first;
    for (let value = 0; ; value += 1) {
      while (edge !== undefined && !begins(tape, at, edge.literal)) edge = edge.other;
      if (edge === undefined) {
        tape.members = members;
        return none;
      }
      at += edge.literal.length;
      if (edge.layout !== undefined) {
        take(tape, edge.layout, start, at);
        return at;
      }
      starts[value] = at;
      if (input[at] === quote) {
        const last = plainEnd(tape, at);
        lasts[value] = last;
        at = (last < 0 ? stringEnd(tape, at) : last) + 1;
      } else {
        at = skipValue(tape, at, edge.depth);
        lasts[value] = at - 1;
      }
      edge = edge.next;
    }
  }

  function take(tape: Tape, layout: Layout, start: number, end: number): void {
    const counted = tape.members + layout.members;
    if (counted > membersMax) throw detour;
    tape.dropped += layout.dropped;
    if (layout.asIs !== undefined && fit(tape, layout.asIs)) copyIn(tape, start, end);
    else writePieces(tape, layout.pieces, starts, lasts);
    // Steps count again what was counted where the values were passed.
    tape.members = counted;
  }

  function fit(tape: Tape, fits: readonly Fit[]): boolean {
    for (let value = 0; value < fits.length; value += 1) {
      const last = lasts[value] ?? none;
      if (last < 0 || !fits[value]?.(tape, starts[value] ?? 0, last)) return false;
    }
    return true;
  }

  function learn(tape: Tape, at: number): void {
    misses += 1;
    rest -= 1;
    if (rest > 0 || (edges >= edgesMax && misses < missesMax)) return;
    if (edges >= edgesMax) {
      first = undefined;
      edges = 0;
      misses = 0;
    }
    const layout = readLayout(tape, at, { schema, crossing, depth });
    pause = layout !== undefined && add(layout) ? 1 : Math.min(2 * pause, missesMax);
    rest = pause;
  }

  /** False where nothing of it was new. */
  function add(layout: Layout): boolean {
    const known = edges;
    let before: Edge | undefined;
    for (const [index, { text, depth: around }] of layout.literals.entries()) {
      const others: Edge | undefined = before === undefined ? first : before.next;
      let edge = others;
      while (edge !== undefined && edge.literal.text !== text) edge = edge.other;
      if (edge === undefined) {
        const isLast = index === layout.literals.length - 1;
        edge = {
          literal: literalOfText(text),
          depth: around,
          layout: isLast ? layout : undefined,
          other: others,
          next: undefined,
        };
        if (before === undefined) first = edge;
        else before.next = edge;
        edges += 1;
      }
      before = edge;
    }
    return edges > known;
  }

  return { follow, learn };
}
