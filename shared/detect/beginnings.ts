/**
 * How long a number may be that begins with two digits: of most there is none, and nothing more is asked
 * of them. No check of its own: it may let too much pass to those of checks.ts and bank-cards.ts, never too
 * little.
 */
import type { CardRange } from './bank-cards.ts';
import { provinces } from './checks.ts';
import type { Lengths } from './runs.ts';

/** `ids`: how long an identity may be. */
export function lengthsOf(cards: readonly CardRange[], ids: readonly number[]): Lengths {
  const lengths: Lengths = new Uint32Array(100);
  const add = (beginning: string, ...sizes: readonly number[]): void => {
    for (let two = 0; two < 100; two += 1) {
      if (!String(two).padStart(2, '0').startsWith(beginning)) continue;
      for (const size of sizes) lengths[two] = (lengths[two] ?? 0) | (1 << size);
    }
  };
  for (const province of provinces) add(province, ...ids);
  for (const digit of '3456789') add(`1${digit}`, 11);
  // A zero before a mobile number, an area code with its zero; then 86 and 0086 before both.
  add('0', 11, 12);
  add('86', 12, 13);
  add('00', 14, 15);
  for (const { prefixes, lengths: sizes } of cards) {
    for (const prefix of prefixes) add(prefix.slice(0, 2), ...sizes);
  }
  return lengths;
}
