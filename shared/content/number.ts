/** Numbers of JSON: which text is one, and whether a double holds it. */
import { limits } from '../limits.ts';

const digitsMax = limits.jsonNumberDigitsMax;

const numberToken = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

/** The longest number that begins there, as text; undefined where none does. */
export function numberTokenAt(text: string, at: number): string | undefined {
  numberToken.lastIndex = at;
  return numberToken.test(text) ? text.slice(at, numberToken.lastIndex) : undefined;
}

/** The value of a number token; undefined where the token is too long or a double is not exactly it. */
export function exactNumber(token: string): number | undefined {
  if (token.length > digitsMax) return undefined;
  const value = Number(token);
  return isExact(token, value) ? value : undefined;
}

/**
 * 15 significant digits always survive a double (IEEE 754 binary64); more only where the text says
 * exactly it.
 */
function isExact(token: string, value: number): boolean {
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return false;
  if (token.length <= 15 && !/[eE]/.test(token)) return true;
  return Number.isFinite(value) && decimalOf(token) === decimalOf(String(value));
}

/**
 * A decimal literal as `digits` × 10^`exponent` without leading or trailing zeros; the sign is left
 * out.
 */
function decimalOf(literal: string): string {
  const [mantissa = '', exponent = '0'] = literal.toLowerCase().replace(/^-/, '').split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const significant = (whole + fraction).replace(/^0+/, '');
  const digits = significant.replace(/0+$/, '');
  if (digits === '') return '0';
  return `${digits}e${Number(exponent) - fraction.length + significant.length - digits.length}`;
}
