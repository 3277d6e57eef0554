/**
 * Patterns of a schema run on data of strangers, so a pattern that could take exponential time is
 * refused: no look-around, no back reference, and no alternation or variable repetition inside a
 * group that repeats often. This catches accidents of a policy's author; it is no proof against a
 * malicious one.
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
  const shape = shapeOf(pattern);
  if (shape.nested) return 'expected no alternation or repetition inside a repeated group';
  // One unbounded repetition behind a fixed start is linear; more is a power of the text's length.
  const linear = shape.unbounded === 0 || (shape.unbounded === 1 && pattern.startsWith('^'));
  if (!linear && (textMax ?? Number.POSITIVE_INFINITY) > limits.patternTextMax) {
    return `expected maxLength of at most ${limits.patternTextMax} beside an unbounded pattern`;
  }
  return undefined;
}

interface Shape {
  nested: boolean;
  /** How many repetitions have no upper end. */
  unbounded: number;
}

interface Group {
  /** Holds an alternation or a repetition whose count can vary. */
  varies: boolean;
  repeatMax: number;
}

const token = /\\.|\[(?:\\.|[^\]\\])*\]|\(\?:|[*+?](?:\?)?|\{(\d+)(,?)(\d*)\}\??|./gsu;

function shapeOf(pattern: string): Shape {
  const shape: Shape = { nested: false, unbounded: 0 };
  const open: Group[] = [{ varies: false, repeatMax: 1 }];
  let last: Group = { varies: false, repeatMax: 1 };
  for (const match of pattern.matchAll(token)) {
    const text = match[0];
    const inside = open.at(-1);
    if (inside === undefined) break;
    if (text === '(' || text === '(?:') open.push({ varies: false, repeatMax: 1 });
    else if (text === ')') {
      last = open.pop() ?? last;
      join(open.at(-1), last);
    } else if (text === '|') inside.varies = true;
    else if (/^[*+?{]/.test(text)) {
      const { least, most } = countsOf(match);
      const repeats = most * last.repeatMax;
      if (repeats > limits.patternRepeatMax && last.varies) shape.nested = true;
      if (most === Number.POSITIVE_INFINITY) shape.unbounded += 1;
      if (least !== most) inside.varies = true;
      inside.repeatMax = Math.max(inside.repeatMax, last.varies ? repeats : 1);
    } else last = { varies: false, repeatMax: 1 };
  }
  return shape;
}

function join(outer: Group | undefined, inner: Group): void {
  if (outer === undefined) return;
  outer.varies ||= inner.varies;
  outer.repeatMax = Math.max(outer.repeatMax, inner.repeatMax);
}

function countsOf(match: RegExpExecArray): { least: number; most: number } {
  const [text, least, several, most] = match;
  if (text.startsWith('?')) return { least: 0, most: 1 };
  if (least === undefined || (several === ',' && most === '')) {
    return { least: Number(least ?? 0), most: Number.POSITIVE_INFINITY };
  }
  return { least: Number(least), most: Number(several === '' ? least : most) };
}
