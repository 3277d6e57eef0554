/**
 * Names of objects in the order in which they came before: a tree at each place. On a way through it no name
 * comes twice, so an object whose names are such a way has none twice either. Trees hold names, never values;
 * they are bounded, and begun anew where they are full and others come.
 */
import { limits } from '../../limits.ts';
import type { FieldTree } from '../fields.ts';
import { colon, zero } from './bytes.ts';
import { type Literal, literalOfText } from './names.ts';

/** Where values stand of which the same is read. */
export interface Place {
  readonly whole: boolean;
  /** Of members and items; undefined where they are passed. */
  readonly names: ReadonlyMap<string, Place>;
  items: Place | undefined;
  /** Names that an object began with. */
  next: Step | undefined;
}

/** How far an object has come. */
export type Way = Pick<Step, 'next'>;

/** A name that an object had there. */
export interface Step {
  readonly name: string;
  /** Of its value. */
  readonly place: Place | undefined;
  /** `"name":`, as it stands where there is no space. */
  readonly literal: Literal;
  /** What stood in place of it, and what came behind it. */
  other: Step | undefined;
  next: Step | undefined;
}

const stepsMax = limits.layoutLiteralsMax;
/** Names that are tried in one place. */
const othersMax = 16;
/** Names that were not remembered before all that are give way to others. */
const missesMax = limits.layoutMissesMax;

export interface Ways {
  /** Of whole documents. */
  readonly root: Place;
  /**
   * The step behind that way to a name which is not on it, and to the place of its value. It may be a new
   * one; undefined where there are enough for now.
   */
  stepTo(way: Way, name: string, place: Place | undefined): Step | undefined;
}

export function createWays(fields: FieldTree): Ways {
  const places: Place[] = [];
  const root = placeOf(fields);
  let steps = 0;
  let misses = 0;

  function placeOf({ whole, names, items }: FieldTree): Place {
    const below = new Map([...names].map(([name, tree]) => [name, placeOf(tree)]));
    const place: Place = { whole, names: below, items: items && placeOf(items), next: undefined };
    if (whole) place.items = place;
    places.push(place);
    return place;
  }

  function stepTo(way: Way, name: string, place: Place | undefined): Step | undefined {
    let others = 0;
    for (let step = way.next; step !== undefined; step = step.other) {
      if (step.name === name) return step;
      others += 1;
    }
    if (isIndex(name)) return undefined;
    if (others >= othersMax || steps >= stepsMax) {
      misses += 1;
      if (misses >= missesMax) forget();
      return undefined;
    }
    steps += 1;
    const literal = literalOfText(`"${name}":`);
    // The runtime knows the names of objects by their address; a text of the same letters is looked up.
    const [known = name] = Object.keys({ [name]: null });
    way.next = { name: known, place, literal, other: way.next, next: undefined };
    return way.next;
  }

  /** Whoever is on a way goes on: no name comes twice on it. */
  function forget(): void {
    for (const place of places) place.next = undefined;
    steps = 0;
    misses = 0;
  }

  return { root, stepTo };
}

/** Of the value of a member; undefined where it is passed. */
export function placeBelow(place: Place, name: string): Place | undefined {
  return place.whole ? place : place.names.get(name);
}

/** A number as name: these come first in an object, wherever they were written. */
export function isIndex(name: string): boolean {
  const first = name.charCodeAt(0);
  return first >= zero && first < colon;
}
