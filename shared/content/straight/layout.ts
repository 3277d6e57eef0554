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
 * full and no longer helps. An object that only begins like a layout is passed in vain, and then each one in
 * it may be, depth after depth: so the bytes that a document may have passed in vain are bounded.
 */
import { limits } from '../../limits.ts';
import { quote, space } from './bytes.ts';
import { type Layout, readLayout, type Shape } from './learn.ts';
import { begins, type Literal, literalOfText } from './names.ts';
import { plainEnd, stringEnd } from './scan.ts';
import { skipValue } from './skip.ts';
import { detour, type Tape } from './tape.ts';

/** `depth`: of the containers here, the object among them. */
export interface Layouts {
  /** Takes an object of a known layout and returns its end; -1, and nothing done, for any other. */
  follow(tape: Tape, at: number, depth: number): number;
  /** Remembers how an object is built that was taken before. */
  learn(tape: Tape, at: number, depth: number): void;
}

/** An object that was followed: where it is, and where each of its values begins and ends. */
export interface Followed {
  readonly layout: Layout;
  readonly start: number;
  readonly end: number;
  readonly starts: Int32Array;
  /** Last bytes; -1 for strings with escapes. */
  readonly lasts: Int32Array;
}

/** A literal and what comes behind it. */
interface Edge {
  readonly literal: Literal;
  /** Objects of the layout around the value that follows. */
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
const depthMax = limits.jsonDepthMax;
const vainMax = limits.layoutVainMax;

/** `take`: does what is to be done with an object that was followed, aside from counting its members. */
export function createLayouts(
  place: Omit<Shape, 'depth'>,
  take: (tape: Tape, followed: Followed) => void,
): Layouts {
  let first: Edge | undefined;
  let edges = 0;
  let misses = 0;
  /** Misses until the next lesson; more each time where there is nothing to learn. */
  let rest = 0;
  let pause = 1;
  // A place is in no place below it: of objects that are taken there is one at a time.
  const starts = new Int32Array(limits.layoutValuesMax);
  const lasts = new Int32Array(limits.layoutValuesMax);

  function follow(tape: Tape, start: number, depth: number): number {
    const { input, members } = tape;
    let at = start;
    let edge = first;
    for (let value = 0; ; value += 1) {
      while (edge !== undefined && !begins(tape, at, edge.literal)) edge = edge.other;
      at += edge?.literal.length ?? 0;
      // Space before a value belongs to the literal: this is another one.
      if (edge === undefined || (edge.layout === undefined && (input[at] ?? 0) <= space)) {
        tape.members = members;
        tape.vain += at - start;
        if (tape.vain > vainMax * tape.end) throw detour;
        return none;
      }
      const { layout } = edge;
      if (layout !== undefined) {
        const counted = tape.members + layout.members;
        if (counted > membersMax || depth + layout.depth > depthMax) throw detour;
        take(tape, { layout, start, end: at, starts, lasts });
        // Steps count again what was counted where the values were passed.
        tape.members = counted;
        return at;
      }
      starts[value] = at;
      if (input[at] === quote) {
        const last = plainEnd(tape, at);
        lasts[value] = last;
        at = (last < 0 ? stringEnd(tape, at) : last) + 1;
      } else {
        at = skipValue(tape, at, depth + edge.depth);
        lasts[value] = at - 1;
      }
      edge = edge.next;
    }
  }

  function learn(tape: Tape, at: number, depth: number): void {
    misses += 1;
    rest -= 1;
    if (rest > 0 || (edges >= edgesMax && misses < missesMax)) return;
    if (edges >= edgesMax) {
      first = undefined;
      edges = 0;
      misses = 0;
    }
    const layout = readLayout(tape, at, { ...place, depth });
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
