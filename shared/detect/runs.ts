/**
 * Numbers in a text, however they are spaced: `138 0013 8000`, `1-3-8-…`, `(010) 8888-8888`. Each token of a
 * chain of digits begins runs of itself and those after it.
 *
 * What a text costs is bounded by how it is looked at: a token begins no more runs than there are lengths,
 * and of these only those are looked into that something with its first two digits may have.
 */
import type { Work } from '../content/work.ts';
import { alphabet, type Chain, isList, someChain } from './chains.ts';

/** By the first two digits of a number, 0 to 99, a set bit for each length that it may have. */
export type Lengths = Uint32Array;

/** `isNumber`: false where the digits may as well be a list of small numbers. */
type Found = (digits: string, isNumber: () => boolean) => boolean;

const shortest = 11;
const longest = 19;
const digits = alphabet('0123456789', ' -_/()+', 4, shortest);
const dotted = /(?<![0-9.])([0-9]{3})\.([0-9]{4})\.([0-9]{4})(?![0-9.])/g;
/** In a longer string of hexadecimal digits, such as a digest, a number is there by chance. */
const digestMax = 20;

/**
 * True as soon as `found` is, which is called with every run of digits that `lengths` lets be something, `X`
 * behind 17 of them included.
 */
export function someRun(spaced: string, lengths: Lengths, found: Found, work?: Work): boolean {
  const text = spaced.includes('.') ? spaced.replace(dotted, '$1-$2-$3') : spaced;
  return someChain(text, digits, (chain) => someOf(text, chain, lengths, found), work);
}

function someOf(text: string, chain: Chain, lengths: Lengths, found: Found): boolean {
  const { signs, tokens, starts, ends, offsets, endings } = chain;
  for (let from = 0; from < tokens; from += 1) {
    const [start = 0, offset = 0] = [starts[from], offsets[from]];
    const may = lengths[digitAt(signs, offset) * 10 + digitAt(signs, offset + 1)] ?? 0;
    if (may === 0 || isInWord(text, start, ends[from] ?? 0)) continue;
    // The longest first: an identity is no card because its first digits are one.
    for (let size = longest; size >= shortest; size -= 1) {
      if (offset + size > signs.length) continue;
      const to = (endings[offset + size] ?? 0) - 1;
      if (to < 0) continue;
      const end = ends[to] ?? 0;
      const isWhole = (may & (1 << size)) !== 0;
      const endsInX = size === 17 && (may & (1 << 18)) !== 0 && isX(text, end);
      if (!isWhole && !endsInX) continue;
      // In pieces beside letters: a part of an id such as a UUID.
      if (to > from && (isLetter(text, start - 1) || isHex(text, end))) continue;
      const run = signs.slice(offset, offset + size);
      const isNumber = (): boolean => !(to > from && isList(text, chain, from, to));
      if (isWhole && found(run, isNumber)) return true;
      if (endsInX && found(`${run}X`, isNumber)) return true;
    }
  }
  return false;
}

const digitAt = (text: string, at: number): number => text.charCodeAt(at) - 48;

const isX = (text: string, at: number): boolean =>
  /^[ -]{0,2}[Xx](?![0-9A-Za-z])/.test(text.slice(at, at + 4));

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

/**
 * True as soon as `found` is for a number in which letters stand for the digits that they look like:
 * l38OO138OOO.
 */
export function someLookAlike(text: string, found: (digits: string) => boolean): boolean {
  return (text.match(mixed) ?? []).some((run) => {
    let kept = 0;
    for (let at = 0; at < run.length; at += 1) if (digitAt(run, at) <= 9) kept += 1;
    if (kept * 3 < run.length || !/[OoQlIi|]/.test(run)) return false;
    return found(run.replace(/[OoQ]/g, '0').replace(/[lIi|]/g, '1'));
  });
}
