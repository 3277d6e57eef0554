/** Codes of 18 letters and digits, together or in groups. */
import { alphabet, type Chain, someChain } from './chains.ts';

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const size = 18;
const groups = alphabet(`0123456789${letters}${letters.toLowerCase()}`, ' -', 3, size);

/**
 * True as soon as `found` is, which is called in capitals with every 18 signs from the begin of a group to
 * the end of one that begin as a code does.
 */
export function someCode(text: string, found: (code: string) => boolean): boolean {
  return someChain(text, groups, (chain) => someOf(chain, found));
}

/** Authority and kind, then digits of a region. */
const begins = /[1-9ANY][1-9][0-9]{6}/iy;

function someOf({ signs, offsets }: Chain, found: (code: string) => boolean): boolean {
  for (let from = 0, to = 0; from < offsets.length; from += 1) {
    const offset = offsets[from] ?? 0;
    begins.lastIndex = offset;
    if (!begins.test(signs)) continue;
    // It ends where another token begins, or with the chain.
    while (to < offsets.length && (offsets[to] ?? 0) < offset + size) to += 1;
    if ((offsets[to] ?? signs.length) !== offset + size) continue;
    if (found(signs.slice(offset, offset + size).toUpperCase())) return true;
  }
  return false;
}
