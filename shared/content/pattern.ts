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
  const shape = shapeOf(pattern, short ? textMax : 0);
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
  if (shape.bits + starts > most) {
    return 'expected fewer repetitions that vary, or a smaller maxLength: it could take too long';
  }
  return undefined;
}

interface Shape {
  nested: boolean;
  /** Of the ways in which a text can be taken apart, the binary logarithm. */
  bits: number;
  /** How many repetitions have no upper end. */
  unbounded: number;
}

interface Group {
  /** Holds an alternation or a repetition whose count can vary. */
  varies: boolean;
  repeatMax: number;
  bits: number;
}

const single = (): Group => ({ varies: false, repeatMax: 1, bits: 0 });

const token = /\\.|\[(?:\\.|[^\]\\])*\]|\(\?:|[*+?](?:\?)?|\{(\d+)(,?)(\d*)\}\??|./gsu;

/** `textMax`: of the texts that it is tried on; 0 where unbounded repetitions are counted apart. */
function shapeOf(pattern: string, textMax: number): Shape {
  const shape: Shape = { nested: false, unbounded: 0, bits: 0 };
  const open: Group[] = [single()];
  let last: Group = single();
  for (const match of pattern.matchAll(token)) {
    const text = match[0];
    const inside = open.at(-1);
    if (inside === undefined) break;
    if (text === '(' || text === '(?:') open.push(single());
    else if (text === ')') {
      last = open.pop() ?? last;
      join(open.at(-1), last);
    } else if (text === '|') {
      inside.varies = true;
      inside.bits += 1;
    } else if (/^[*+?{]/.test(text)) {
      const { least, most } = countsOf(match);
      const repeats = most * last.repeatMax;
      if (repeats > limits.patternRepeatMax && last.varies) shape.nested = true;
      if (most === Number.POSITIVE_INFINITY) shape.unbounded += 1;
      if (least !== most) inside.varies = true;
      inside.repeatMax = Math.max(inside.repeatMax, last.varies ? repeats : 1);
      // What varies and repeats without end is refused above.
      const again = last.bits > 0 && Number.isFinite(most) ? last.bits * (most - 1) : 0;
      const ways = Number.isFinite(most) ? most - least : textMax;
      inside.bits += again + Math.log2(Math.max(0, ways) + 1);
      last = { ...last, bits: 0 };
    } else last = single();
  }
  shape.bits = open[0]?.bits ?? 0;
  return shape;
}

function join(outer: Group | undefined, inner: Group): void {
  if (outer === undefined) return;
  outer.varies ||= inner.varies;
  outer.repeatMax = Math.max(outer.repeatMax, inner.repeatMax);
  outer.bits += inner.bits;
}

function countsOf(match: RegExpExecArray): { least: number; most: number } {
  const [text, least, several, most] = match;
  if (text.startsWith('?')) return { least: 0, most: 1 };
  if (least === undefined || (several === ',' && most === '')) {
    return { least: Number(least ?? 0), most: Number.POSITIVE_INFINITY };
  }
  return { least: Number(least), most: Number(several === '' ? least : most) };
}
