/** Strings of a list, and of patterns that are one set of characters after the other: `^c-[0-9]{6}$`. */
import { quote } from './bytes.ts';
import type { Fit } from './fit.ts';
import { begins, type Literal, literalOfText } from './names.ts';

/** Lists that are longer are better looked up. */
const listedMax = 16;

/** Fits what is spelt as one of these values. */
export function listFits(values: readonly unknown[]): Fit {
  const strings = values.filter((value) => typeof value === 'string').slice(0, listedMax);
  const literals = strings.map((text): Literal => literalOfText(JSON.stringify(text)));
  return (tape, start, end) => {
    for (const literal of literals) {
      if (literal.length === end - start + 1 && begins(tape, start, literal)) return true;
    }
    return false;
  };
}

const setsMax = 64;
/** A character that stands for itself or a set of some, and how often. */
const part =
  /([A-Za-z0-9 _:@-])|\\([.+*?/])|\[((?:[A-Za-z0-9](?:-[A-Za-z0-9])?|[ _:@.+%]|-(?=\]))+)\]/y;
const times = /\{(\d{1,2})\}|\{(\d{1,2}),(\d{1,2})\}|([*+?])/y;

interface Times {
  readonly set: Uint8Array;
  readonly least: number;
  readonly most: number;
}

/**
 * Fits a pattern of sets of ASCII characters, each taken as often as it can be: what is left over so
 * may still fit, which the schema then says. Undefined where the pattern is another.
 */
export function patternFits(pattern: string): Fit | undefined {
  const sets = setsOf(pattern);
  if (sets === undefined) return undefined;
  return ({ input }, start, end) => {
    let at = start + 1;
    for (let index = 0; index < sets.length; index += 1) {
      const one = sets[index];
      if (one === undefined) return false;
      const { set, least, most } = one;
      // No set holds the closing quote.
      let left = most;
      while (left > 0 && set[input[at] ?? quote] === 1) {
        at += 1;
        left -= 1;
      }
      if (most - left < least) return false;
    }
    return at === end;
  };
}

/** Undefined where sets do not say the whole pattern. */
function setsOf(pattern: string): Times[] | undefined {
  if (!pattern.startsWith('^') || !pattern.endsWith('$')) return undefined;
  const sets: Times[] = [];
  for (let at = 1; at < pattern.length - 1; ) {
    part.lastIndex = at;
    const match = part.exec(pattern);
    if (match === null || sets.length === setsMax) return undefined;
    at = part.lastIndex;
    times.lastIndex = at;
    const repeated = times.exec(pattern);
    if (repeated !== null) at = times.lastIndex;
    const single = match[1] ?? match[2];
    sets.push({ set: setOf(single ?? match[3] ?? '', single !== undefined), ...timesOf(repeated) });
  }
  return sets;
}

function timesOf(match: RegExpExecArray | null): Omit<Times, 'set'> {
  const [, exactly, least, most, sign] = match ?? [];
  const endless = 2 ** 30;
  if (sign !== undefined) {
    return { least: sign === '+' ? 1 : 0, most: sign === '?' ? 1 : endless };
  }
  return { least: Number(exactly ?? least ?? 1), most: Number(exactly ?? most ?? 1) };
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
