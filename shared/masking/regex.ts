/**
 * Replacement by a pattern of RE2 (re2js), whose time grows with the text and with nothing else. What
 * the pattern does not find, and what still holds it afterwards, is hidden.
 */
import { RE2JS } from 're2js';
import { limits } from '../limits.ts';
import { plainText } from './normalise.ts';
import { hidden } from './text.ts';

/** What is wrong with pattern or replacement; undefined where they may be used. */
export function regexFault(pattern: string, replace: string): string | undefined {
  try {
    const groups = RE2JS.compile(pattern).groupCount();
    const named = [...replace.matchAll(/\$(\d)/g)].map(([, group]) => Number(group));
    if (/\$(?!\d)|\\/.test(replace) || named.some((group) => group > groups)) {
      return `expected a replacement with $0 to $${groups} and no other $ or backslash`;
    }
    return undefined;
  } catch {
    return 'expected a pattern of RE2 syntax';
  }
}

/** Instructions of its program: a text is gone through with each. */
export const regexSize = (pattern: string): number => RE2JS.compile(pattern).programSize();

export function regexMask(
  pattern: string,
  replace: string,
): { readonly apply: (text: string) => string; readonly verify: (text: string) => boolean } {
  const compiled = RE2JS.compile(pattern);
  const replaced = (text: string): string => compiled.matcher(text).replaceAll(replace);
  /** What a second run would change was not made by a first one. */
  const verify = (text: string): boolean =>
    text.length <= 2 * limits.regexTextCharactersMax && replaced(text) === text;
  return {
    apply(text) {
      const plain = plainText(text.slice(0, limits.regexTextCharactersMax + 1));
      if (text.length > limits.regexTextCharactersMax || !compiled.matcher(plain).find()) {
        return hidden;
      }
      const result = replaced(plain);
      return verify(result) ? result : hidden;
    },
    verify,
  };
}
