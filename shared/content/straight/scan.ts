/**
 * Where the tokens of a document end. These loops accept a part of what parseJson accepts, with the
 * same limits and never more; whatever is not plainly right takes the slow path. The bytes are UTF-8
 * already, so what stands between the quotes of a string without backslash and control characters is
 * one well-formed text, and the only spelling that JSON.stringify has for it.
 */
import { limits } from '../../limits.ts';
import { backslash, dot, minus, quote, zero } from './bytes.ts';
import { detour, nameBytesMax, type Tape } from './tape.ts';

const stringBytesMax = limits.jsonStringBytesMax;

/** The first place from `at` that holds no space. */
export function pastSpace(input: Buffer, at: number): number {
  let byte = input[at];
  if (byte === undefined || byte > 0x20) return at;
  let to = at;
  while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
    to += 1;
    byte = input[to];
  }
  return to;
}

/**
 * From within a string to its next quote, backslash or control character (of which the NUL at the
 * end is one). Four bytes at a time: where a byte of the word is one of them, the subtraction borrows
 * into the byte's highest bit. A borrow goes upwards only, so the lowest of these bits is right.
 */
export function pastPlain(inputView: DataView, at: number): number {
  for (let to = at; ; to += 4) {
    const word = inputView.getInt32(to, true);
    const quoted = word ^ 0x22222222;
    const slashed = word ^ 0x5c5c5c5c;
    const found =
      (((quoted - 0x01010101) & ~quoted) |
        ((slashed - 0x01010101) & ~slashed) |
        ((word - 0x20202020) & ~word)) &
      0x80808080;
    if (found !== 0) return to + ((31 - Math.clz32(found & -found)) >> 3);
  }
}

/** From the opening to the closing quote of a string; -1 where it has escapes. */
export function plainEnd({ input, inputView }: Tape, at: number): number {
  const to = pastPlain(inputView, at + 1);
  const byte = input[to];
  if (byte === quote && to - at <= stringBytesMax) return to;
  if (byte !== backslash) throw detour;
  return -1;
}

/** From the opening to the closing quote of any string. */
export function stringEnd(tape: Tape, at: number): number {
  const { input, inputView } = tape;
  let to = pastPlain(inputView, at + 1);
  while (input[to] === backslash) to = pastPlain(inputView, pastEscape(tape, to));
  if (input[to] !== quote || to - at > stringBytesMax) throw detour;
  return to;
}

/** Escapes of surrogates are left to the slow path: they must come in pairs. */
function pastEscape({ input, text }: Tape, at: number): number {
  const letter = input[at + 1] ?? 0;
  if (letter !== 0x75) {
    if ('"\\/bfnrt'.includes(String.fromCharCode(letter))) return at + 2;
    throw detour;
  }
  const digits = text(at + 2, at + 6);
  if (!/^[0-9a-fA-F]{4}$/.test(digits) || /^[dD][89a-fA-F]/.test(digits)) throw detour;
  return at + 6;
}

/** From the opening to the closing quote of a name; a name with escapes is for the slow path. */
export function nameEnd(tape: Tape, at: number): number {
  if (tape.input[at] !== quote) throw detour;
  const to = plainEnd(tape, at);
  if (to < 0 || to - at > nameBytesMax) throw detour;
  return to;
}

/** 15 significant digits always survive a double. */
export const sureCharacters = 15;

/**
 * The end of a number that a double holds for certain: at most 15 characters and no exponent; -1 for
 * any other.
 */
export function sureNumberEnd({ input }: Tape, at: number): number {
  let to = input[at] === minus ? at + 1 : at;
  if (input[to] === zero) to += 1;
  else {
    const first = to;
    to = pastDigits(input, to);
    if (to === first) throw detour;
  }
  if (input[to] === dot) {
    const first = to + 1;
    to = pastDigits(input, first);
    if (to === first) throw detour;
  }
  return to - at > sureCharacters || isExponent(input[to]) ? -1 : to;
}

export function pastDigits(input: Buffer, at: number): number {
  let to = at;
  // Below the zero the difference is negative, and so very large without its sign.
  while (((input[to] ?? 0) - zero) >>> 0 < 10) to += 1;
  return to;
}

function isExponent(byte: number | undefined): boolean {
  return byte === 0x65 || byte === 0x45;
}

/**
 * The end of `true`, `false` or `null`. What comes next is looked at by the caller: it must be a
 * comma, an end or space.
 */
export function wordEnd({ input }: Tape, at: number): number {
  const word = wordAt(input[at]);
  for (let index = 1; index < word.length; index += 1) {
    if (input[at + index] !== word.charCodeAt(index)) throw detour;
  }
  return at + word.length;
}

function wordAt(first: number | undefined): 'true' | 'false' | 'null' {
  if (first === 0x74) return 'true';
  if (first === 0x66) return 'false';
  if (first === 0x6e) return 'null';
  throw detour;
}
