/** Strings of a list, and of patterns that are one set of characters after the other: `^c-[0-9]{6}$`. */
import { quote, zero } from './bytes.ts';
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
  const template = templateOf(sets);
  if (template !== undefined) return template;
  return ({ input }, start, end) => {
    if (input[start] !== quote) return false;
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

const digits = setOf('0-9', false);
const wordBytes = 4;
/**
 * What may be added to the difference of a byte from the expected one before the sum has more than four
 * bits: nothing but 0 to 9 becomes a digit, nothing but the byte itself another character. A difference of
 * more than four bits shows by itself, whatever it carries into the next byte.
 */
const slacks = { digit: 6, exact: 15 } as const;

/**
 * Fits digits at some places and one certain character at each other, such as dates and numbers of files,
 * four bytes at a time. Undefined where the sets are others.
 */
function templateOf(sets: readonly Times[]): Fit | undefined {
  const expected: number[] = [quote];
  const slack: number[] = [slacks.exact];
  for (const { set, least, most } of sets) {
    const isDigit = set.every((is, byte) => is === digits[byte]);
    const isExact = set.indexOf(1) === set.lastIndexOf(1);
    if (least !== most || !(isDigit || isExact)) return undefined;
    for (let count = 0; count < least; count += 1) {
      expected.push(isDigit ? zero : set.indexOf(1));
      slack.push(isDigit ? slacks.digit : slacks.exact);
    }
  }
  expected.push(quote);
  slack.push(slacks.exact);
  const { length } = expected;
  if (length < wordBytes) return undefined;
  // The last word ends with the closing quote.
  const wordsOf = (bytes: readonly number[]): Int32Array =>
    Int32Array.from({ length: Math.ceil(length / wordBytes) }, (_, word) =>
      Buffer.from(bytes).readInt32LE(Math.min(wordBytes * word, length - wordBytes)),
    );
  const [expectedWords, slackWords] = [wordsOf(expected), wordsOf(slack)];
  const last = expectedWords.length - 1;
  return ({ inputView }, start, end) => {
    if (end - start !== length - 1) return false;
    let odd = 0;
    for (let word = 0; word <= last; word += 1) {
      const at = word === last ? end - wordBytes + 1 : start + wordBytes * word;
      const difference = inputView.getInt32(at, true) ^ (expectedWords[word] ?? 0);
      odd |= difference | (difference + (slackWords[word] ?? 0));
    }
    return (odd & 0xf0f0f0f0) === 0;
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
