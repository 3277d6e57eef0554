/**
 * Unicode rules for the texts of every format: one text has one spelling and shows what it holds.
 *
 *   names    composed (NFC), nothing hidden; always
 *   values   composed, or made so (`form`); nothing hidden, or as it is (`hidden`); as the route says
 *
 * Hidden are control characters (but tab and line ends in values), those that change the direction
 * of text (bidi), and those that show nothing (zero-width, tags, fillers). Variation selectors are
 * not: Han characters need them.
 */
import { isAscii } from 'node:buffer';
import { SallyportError } from '../errors.ts';
import { formatStep } from './fields.ts';
import type { Json } from './json.ts';
import { hasTooManyMarks } from './marks.ts';

export interface TextRule {
  /** What becomes of a value that is not in NFC. */
  readonly form: 'refuse' | 'normalise';
  /** Whether a value may hold hidden characters. */
  readonly hidden: 'refuse' | 'allow';
}

/** What holds where a route does not say. */
export const strictText: TextRule = { form: 'refuse', hidden: 'refuse' };

const hiddenInName = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{DI}]/v;
const hiddenInValue =
  /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{DI}]--[\t\n\r\u{fe00}-\u{fe0f}\u{e0100}-\u{e01ef}]]/v;
/** In a name or in a value, between the space of a JSON text. */
const hiddenInText = /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{DI}]--[\t\n\r]]/v;

/**
 * True where a JSON text breaks no rule whatever its strings are: the quick look that nearly every
 * document ends with. False means only that each string must be looked at.
 */
export function isPlainJson(bytes: Buffer): boolean {
  // An escape can say what the bytes do not show.
  if (bytes.includes(backslash) && /\\[ubf]/.test(bytes.toString('latin1'))) return false;
  // Of what is below 0x20 the parser takes only space outside of strings; DEL is hidden.
  if (isAscii(bytes)) return !bytes.includes(del);
  if (isAsciiAndHan(bytes)) return true;
  const text = bytes.toString('utf8');
  return !hiddenInText.test(text) && isComposed(text);
}

const backslash = 0x5c;
const del = 0x7f;

/** ASCII, and of three bytes: Han characters and their punctuation, which hide nothing and are composed. */
function isAsciiAndHan(bytes: Buffer): boolean {
  const { length } = bytes;
  for (let at = 0; at < length; ) {
    const byte = bytes[at] ?? 0;
    if (byte < del) {
      at += 1;
      continue;
    }
    const [second = 0, third = 0] = [bytes[at + 1], bytes[at + 2]];
    const code = ((byte & 0x0f) << 12) | ((second & 0x3f) << 6) | (third & 0x3f);
    if (byte >> 4 !== 0xe || !isHan(code)) return false;
    at += 3;
  }
  return true;
}

const isHan = (code: number): boolean =>
  (code >= 0x4e00 && code <= 0x9fff) ||
  (code >= 0x3000 && code <= 0x3029) ||
  (code >= 0xff00 && code <= 0xff5e);

/**
 * The value with every text as the rule wants it; the same value where nothing changes.
 * Errors: TEXT_REFUSED with the place, never with the text.
 */
export function checkTexts(value: Json, rule: TextRule): Json {
  return check(value, rule, '$');
}

/** What is wrong with a name, or undefined. */
export function nameFault(name: string): 'a hidden character' | 'no composed form' | undefined {
  if (hiddenInName.test(name)) return 'a hidden character';
  return isComposed(name) ? undefined : 'no composed form';
}

function check(value: Json, rule: TextRule, at: string): Json {
  if (typeof value === 'string') return checkValue(value, rule, at);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items: readonly Json[] = value;
    const checked = items.map((item) => check(item, rule, `${at}[*]`));
    return checked.every((item, index) => item === items[index]) ? value : checked;
  }
  let changed = false;
  const members = Object.entries(value).map(([name, item]) => {
    const fault = nameFault(name);
    // The name itself is not told: it is a stranger's text.
    if (fault !== undefined) throw refused(`${at}, a name of it`, fault);
    const checked = check(item, rule, at + formatStep(name));
    changed ||= checked !== item;
    return [name, checked] as const;
  });
  return changed ? Object.fromEntries(members) : value;
}

function checkValue(text: string, rule: TextRule, at: string): string {
  if (rule.hidden === 'refuse' && hiddenInValue.test(text)) throw refused(at, 'a hidden character');
  const composed = composedOf(text);
  if (composed === text) return text;
  if (rule.form === 'normalise' && composed !== undefined) return composed;
  throw refused(at, 'no composed form');
}

const isComposed = (text: string): boolean => composedOf(text) === text;

/** Undefined where it must not be normalised. */
const composedOf = (text: string): string | undefined =>
  hasTooManyMarks(text) ? undefined : text.normalize('NFC');

function refused(at: string, got: string): SallyportError {
  return new SallyportError('TEXT_REFUSED', `expected plain text at ${at}, got ${got}`, {
    hint: 'send composed text (NFC) without hidden characters, or allow them under "text"',
  });
}
