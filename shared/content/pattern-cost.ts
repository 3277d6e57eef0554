/**
 * What a pattern may cost on a text: the ways in which the text can be taken apart, each of which the runtime
 * may try. A repetition has one way where what follows it cannot be what it repeats: `[a-z]+@`, `\d{3,4}-`.
 */
import { choicesOf, isStarred, patternTokens, repetition } from './pattern.ts';

/** Steps (content/work.ts) of the pattern on a text of so many characters. */
export type PatternCost = (length: number) => number;

export function patternCost(pattern: string): PatternCost {
  const tokens = patternTokens(pattern);
  const choices = choicesOf(tokens, (at) => hasOneWay(tokens, at));
  const isAnchored = pattern.startsWith('^');
  return (length) => {
    let ways = isAnchored ? 1 : length + 1;
    let endless = 0;
    let cost: number = costs.long;
    for (const most of choices) {
      if (most < length) cost = costs.short;
      // Several that share a text part it in fewer ways: it has an order.
      else endless += 1;
      ways *= most < length ? most + 1 : (length + 1) / endless;
    }
    return cost * ways * (1 + length * costs.character);
  };
}

/** Steps of a way, with repetitions that are bounded and without; how much more each character makes. */
const costs = { short: 1 / 16, long: 1 / 64, character: 1 / 64 } as const;

/** True where the repetition at `at` ends at one place alone, wherever it begins. */
function hasOneWay(tokens: readonly string[], at: number): boolean {
  const repeated = asciiOf(tokens[at - 1]);
  if (repeated === undefined) return false;
  for (let next = at + 1; ; next += 1) {
    const token = tokens[next];
    const isRepeated = repetition.test(tokens[next + 1] ?? '');
    if (token === undefined) return true;
    if (token === '$') continue;
    if (token === ')' && !isRepeated) continue;
    const follows = asciiOf(token);
    if (follows === undefined || !isDisjoint(repeated, follows)) return false;
    if (!isRepeated || !isStarred(tokens[next + 1] ?? '')) return true;
    next += 1;
  }
}

interface Signs {
  /** Which characters of ASCII. */
  readonly ascii: ReadonlySet<string>;
  /** Whether others too. */
  readonly others: boolean;
}

const signs = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));
/** A character, or a list of such, none of which is beyond ASCII. */
const plain = /^(?:[ -\-/-Z\]_-~]|\\[dw]|\\[^a-zA-Z]|\[(?!\^)(?:[ -Z^-~]|\\[dw]|\\[^a-zA-Z])*\])$/;

/** What one token stands for; undefined where it is not one character. */
function asciiOf(token = ''): Signs | undefined {
  if (/^(?:[$^|()*+?{]|\(\?:|\\[bB])/.test(token) || token === '') return undefined;
  const one = new RegExp(`^${token}$`, 'u');
  return { ascii: new Set(signs.filter((sign) => one.test(sign))), others: !plain.test(token) };
}

const isDisjoint = (a: Signs, b: Signs): boolean =>
  !(a.others && b.others) && a.ascii.isDisjointFrom(b.ascii);
