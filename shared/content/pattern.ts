/**
 * Patterns of a schema run on data of strangers, so a pattern that could take long is refused: no
 * look-around, no back reference, no alternation or variable repetition inside a group that repeats
 * often, and a bound on the ways in which a text can be taken apart, each of which the runtime may try.
 */
import { limits } from '../limits.ts';

/**
 * What is wrong with a pattern, or undefined where it may be used. `textMax`: the schema's
 * maxLength.
 */
export function patternFault(pattern: string, textMax: number | undefined): string | undefined {
  if (pattern.length > limits.patternCharactersMax) {
    return `expected a pattern of at most ${limits.patternCharactersMax} characters`;
  }
  try {
    new RegExp(pattern, 'u');
  } catch {
    return 'expected a regular expression of ECMAScript with the flag u';
  }
  if (/\\[1-9]|\\k|\(\?(?!:)/.test(pattern.replace(/\\\\/g, ''))) {
    return 'expected a pattern without back reference, look-around and named group';
  }
  const short = textMax !== undefined && textMax <= limits.patternTextMax;
  const shape = shapeOf(patternTokens(pattern), () => false);
  if (shape.nested) return 'expected no alternation or repetition inside a repeated group';
  const anchored = pattern.startsWith('^');
  // One unbounded repetition behind a fixed start is linear; more is a power of the text's length.
  const linear = shape.unbounded === 0 || (shape.unbounded === 1 && anchored);
  if (!linear && !short) {
    return `expected maxLength of at most ${limits.patternTextMax} beside an unbounded pattern`;
  }
  // Without a start of its own it is tried at each place of the text.
  const starts = short && !anchored ? Math.log2(textMax + 1) : 0;
  const most = short ? limits.patternWaysBitsMax : limits.patternWaysBitsLongMax;
  // Without a bound on the text, unbounded repetitions are counted above.
  const endless = short ? textMax : 0;
  const waysOf = (choice: number): number => (Number.isFinite(choice) ? choice : endless) + 1;
  const bits = shape.choices.reduce((sum, choice) => sum + Math.log2(waysOf(choice)), starts);
  if (bits > most) {
    return 'expected fewer repetitions that vary, or a smaller maxLength: it could take too long';
  }
  return undefined;
}

interface Shape {
  nested: boolean;
  /** Places at which a text can be taken apart in several ways: in how many more than one. */
  choices: readonly number[];
  /** How many repetitions have no upper end. */
  unbounded: number;
}

interface Group {
  /** Holds an alternation or a repetition whose count can vary. */
  varies: boolean;
  repeatMax: number;
  choices: readonly number[];
}

const single = (): Group => ({ varies: false, repeatMax: 1, choices: [] });

const escaped = String.raw`\\(?:[pP]\{[^}]*\}|u\{[^}]*\}|u[\da-fA-F]{4}|x[\da-fA-F]{2}|c.|.)`;
const token = new RegExp(
  String.raw`${escaped}|\[(?:\\.|[^\]\\])*\]|\(\?:|[*+?](?:\?)?|\{\d+,?\d*\}\??|.`,
  'gsu',
);

/** The pieces of a pattern: characters, lists of them, parentheses, repetitions. */
export const patternTokens = (pattern: string): readonly string[] => pattern.match(token) ?? [];

/** What repeats the piece before it. */
export const repetition = /^[*+?{]/;

/** True for a repetition of no times too. */
export const isStarred = (text: string): boolean => countsOf(text).least === 0;

/** Of a pattern that may be used; `isSure` tells of a repetition that it has one way after all. */
export const choicesOf = (
  tokens: readonly string[],
  isSure: (at: number) => boolean,
): readonly number[] => shapeOf(tokens, isSure).choices;

function shapeOf(tokens: readonly string[], isSure: (at: number) => boolean): Shape {
  const shape: Shape = { nested: false, unbounded: 0, choices: [] };
  const open: Group[] = [single()];
  let last: Group = single();
  for (const [at, text] of tokens.entries()) {
    const inside = open.at(-1);
    if (inside === undefined) break;
    if (text === '(' || text === '(?:') open.push(single());
    else if (text === ')') {
      last = open.pop() ?? last;
      join(open.at(-1), last);
    } else if (text === '|') {
      inside.varies = true;
      inside.choices = [...inside.choices, 1];
    } else if (repetition.test(text)) {
      const { least, most } = countsOf(text);
      const repeats = most * last.repeatMax;
      if (repeats > limits.patternRepeatMax && last.varies) shape.nested = true;
      if (most === Number.POSITIVE_INFINITY) shape.unbounded += 1;
      if (least !== most) inside.varies = true;
      inside.repeatMax = Math.max(inside.repeatMax, last.varies ? repeats : 1);
      // What varies and repeats more often is refused above.
      const again = Array.from({ length: Math.min(most, limits.patternRepeatMax) - 1 });
      const own = most > least && !isSure(at) ? [most - least] : [];
      inside.choices = [...inside.choices, ...again.flatMap(() => last.choices), ...own];
      last = { ...last, choices: [] };
    } else last = single();
  }
  shape.choices = open[0]?.choices ?? [];
  return shape;
}

function join(outer: Group | undefined, inner: Group): void {
  if (outer === undefined) return;
  outer.varies ||= inner.varies;
  outer.repeatMax = Math.max(outer.repeatMax, inner.repeatMax);
  outer.choices = [...outer.choices, ...inner.choices];
}

function countsOf(text: string): { least: number; most: number } {
  if (text.startsWith('?')) return { least: 0, most: 1 };
  const [, least, several, most] = /^\{(\d+)(,?)(\d*)/.exec(text) ?? [];
  if (least === undefined || (several === ',' && most === '')) {
    return {
      least: Number(least ?? (text.startsWith('+') ? 1 : 0)),
      most: Number.POSITIVE_INFINITY,
    };
  }
  return { least: Number(least), most: Number(several === '' ? least : most) };
}
