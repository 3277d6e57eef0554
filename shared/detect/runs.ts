/**
 * Numbers in a text, however they are spaced: `138 0013 8000`, `1-3-8-…`, `(010) 8888-8888`. Each token
 * of digits begins runs of itself and its neighbours, as long as nothing but a little space, dashes
 * and brackets stand between them.
 */
interface Token {
  readonly digits: string;
  readonly start: number;
  readonly end: number;
  /** Little enough stands between it and the one before. */
  readonly joins: boolean;
}

const token = /[0-9]+/g;
const gap = /^[ \-_/()+]{1,4}$/;
const dotted = /(?<![0-9.])([0-9]{3})\.([0-9]{4})\.([0-9]{4})(?![0-9.])/g;
const shortest = 10;
const longest = 19;
/** In a longer string of hexadecimal digits, such as a digest, a number is there by chance. */
const digestMax = 20;

/** Calls `found` with every run of 10 to 19 digits, `X` behind 17 of them included. */
export function someRun(spaced: string, found: (digits: string) => boolean): boolean {
  const text = spaced.includes('.') ? spaced.replace(dotted, '$1-$2-$3') : spaced;
  const tokens: Token[] = [];
  token.lastIndex = 0;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const start = match.index;
    const before = tokens.at(-1);
    const joins = before !== undefined && gap.test(text.slice(before.end, start));
    tokens.push({ digits: match[0], start, end: start + match[0].length, joins });
  }
  for (let from = 0; from < tokens.length; from += 1) {
    const first = tokens[from];
    if (first === undefined || isInWord(text, first.start, first.end)) continue;
    let run = '';
    for (let to = from; to < tokens.length; to += 1) {
      const next = tokens[to];
      if (next === undefined || run.length + next.digits.length > longest) break;
      if (to > from && !next.joins) break;
      run += next.digits;
      if (run.length < shortest) continue;
      // In pieces beside letters: a part of an id such as a UUID.
      if (to > from && (isLetter(text, first.start - 1) || isHex(text, next.end))) continue;
      if (found(run)) return true;
      if (
        run.length === 17 &&
        /^[ -]{0,2}[Xx](?![0-9A-Za-z])/.test(text.slice(next.end, next.end + 4))
      )
        if (found(`${run}X`)) return true;
    }
  }
  return false;
}

function isInWord(text: string, start: number, end: number): boolean {
  if (!isLetter(text, start - 1) && !isLetter(text, end)) return false;
  let from = start;
  let to = end;
  while (to - from <= digestMax && isDigest(text, from - 1)) from -= 1;
  while (to - from <= digestMax && isDigest(text, to)) to += 1;
  return to - from > digestMax;
}

/** But for the X that ends an identity. */
const isHex = (text: string, at: number): boolean => /[A-Fa-f]/.test(text.charAt(at));
const isLetter = (text: string, at: number): boolean => /[A-Za-z]/.test(text.charAt(at));
const isDigest = (text: string, at: number): boolean => /[0-9A-Fa-f]/.test(text.charAt(at));

const mixed = /[0-9OoQlIi|]{11,19}X?/g;

/** Numbers in which letters stand for the digits that they look like: l38OO138OOO. */
export function lookAlikeRuns(text: string): string[] {
  return (text.match(mixed) ?? []).flatMap((run) => {
    const digits = run.replace(/[OoQ]/g, '0').replace(/[lIi|]/g, '1');
    const kept = run.replace(/[^0-9]/g, '').length;
    return digits !== run && kept * 3 >= run.length ? [digits] : [];
  });
}
