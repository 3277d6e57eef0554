/** Codes of 18 letters and digits, together or in groups. */
import type { Work } from '../content/work.ts';
import { alphabet, type Chain, someChain } from './chains.ts';

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const size = 18;
const groups = alphabet(`0123456789${letters}${letters.toLowerCase()}`, ' -', 3, size);

/**
 * True as soon as `found` is, which is called in capitals with every 18 signs from the begin of a group to
 * the end of one that begin as a code does.
 */
export function someCode(text: string, found: (code: string) => boolean, work?: Work): boolean {
  return someChain(text, groups, (chain) => someOf(chain, found), work);
}

/** Authority, then its kind. */
const begins = /[1-9ANY][1-9]/iy;

function someOf(
  { signs, tokens, offsets, endings }: Chain,
  found: (code: string) => boolean,
): boolean {
  for (let token = 0; token < tokens; token += 1) {
    const from = offsets[token] ?? 0;
    if (from + size > signs.length || !endings[from + size]) continue;
    begins.lastIndex = from;
    if (!begins.test(signs)) continue;
    if (found(signs.slice(from, from + size).toUpperCase())) return true;
  }
  return false;
}
