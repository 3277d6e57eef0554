/** One spelling for a value before a rule looks at its characters. */

import { withoutExcessMarks } from '../content/marks.ts';

/** ASCII and the common Han characters have one spelling. */
const unchanged = /^[\w@.*\u4e00-\u9fff-]*$/;

/** All but the two words that NFKC writes as 18 and 8 characters. */
const short = /[^\ufdfa\ufdfb]+/g;

/**
 * Full-width letters and digits become plain (NFKC); spaces, zero-width and control characters go.
 */
export function plainText(text: string): string {
  if (unchanged.test(text)) return text;
  return withoutExcessMarks(text)
    .replace(short, (part) => part.normalize('NFKC'))
    .replace(/[\p{C}\p{Z}]|\p{Variation_Selector}/gu, '');
}

/** As plainText, and without the dashes that people put between groups of digits. */
export function bareText(text: string): string {
  if (/^[\w@.*]*$/.test(text)) return text;
  return plainText(text).replace(/[\p{Pd}\u2212]/gu, '');
}
