/**
 * Strings that can be told by their bytes to fit their schema: the values of a list, and patterns of
 * one length such as `^c-[0-9]{6}$`. No means "read it and ask the schema", so only yes must be right.
 */
import { quote } from './bytes.ts';
import { begins, type Literal, literalOfText } from './names.ts';
import type { Tape } from './tape.ts';

/** True where the string between the quotes at `start` and `end` fits for certain. */
export type Fits = (tape: Tape, start: number, end: number) => boolean;

/** Lists that are longer are better looked up. */
const listedMax = 16;

/** Fits what is spelt as one of these values. */
export function listFits(values: readonly unknown[]): Fits | undefined {
  const strings = values.filter((value) => typeof value === 'string').slice(0, listedMax);
  const literals = strings.map((text): Literal => literalOfText(JSON.stringify(text)));
  return (tape, start, end) => {
    for (const literal of literals) {
      if (literal.length === end - start + 1 && begins(tape, start, literal)) return true;
    }
    return false;
  };
}

const charactersMax = 64;
/** A character that stands for itself or a set of some, and how often. */
const part = /([A-Za-z0-9 _:@-])|\[((?:[A-Za-z0-9](?:-[A-Za-z0-9])?|[ _:@])+)\]/y;
const times = /\{(\d{1,2})\}/y;

/** Fits a pattern of ASCII characters of one length; undefined where the pattern is another. */
export function patternFits(pattern: string): Fits | undefined {
  const sets = setsOf(pattern);
  if (sets === undefined) return undefined;
  return ({ input }, start, end) => {
    if (end - start - 1 !== sets.length) return false;
    for (let index = 0; index < sets.length; index += 1) {
      if (sets[index]?.[input[start + 1 + index] ?? quote] !== 1) return false;
    }
    return true;
  };
}

/** For each character which bytes it may be; undefined where that does not say the whole pattern. */
function setsOf(pattern: string): Uint8Array[] | undefined {
  if (!pattern.startsWith('^') || !pattern.endsWith('$')) return undefined;
  const sets: Uint8Array[] = [];
  for (let at = 1; at < pattern.length - 1; ) {
    part.lastIndex = at;
    const match = part.exec(pattern);
    if (match === null) return undefined;
    at = part.lastIndex;
    times.lastIndex = at;
    const repeated = times.exec(pattern);
    if (repeated !== null) at = times.lastIndex;
    const set = setOf(match[1] ?? match[2] ?? '', match[1] !== undefined);
    const count = Number(repeated?.[1] ?? 1);
    if (sets.length + count > charactersMax) return undefined;
    for (let left = count; left > 0; left -= 1) sets.push(set);
  }
  return sets;
}

function setOf(text: string, single: boolean): Uint8Array {
  const set = new Uint8Array(256);
  const ranges = single ? [text] : (text.match(/.-.|./g) ?? []);
  for (const range of ranges) {
    const first = range.charCodeAt(0);
    const last = range.charCodeAt(range.length - 1);
    for (let code = first; code <= last; code += 1) set[code] = 1;
  }
  return set;
}
