/** Finds which member of an object a name in the input is. */
import { colon } from './bytes.ts';
import { pastSpace } from './scan.ts';
import { detour, nameBytesMax, type Tape } from './tape.ts';

/** Bytes to compare with. */
export interface Literal {
  readonly text: string;
  readonly bytes: Buffer;
  readonly length: number;
  /**
   * From eight bytes on: they eight by eight, and the last eight, as doubles. No NUL is in them, and they
   * are UTF-8: so none is a NaN or a zero, and what equals one as a number is it bit by bit.
   */
  readonly doubles: Float64Array;
  /** Below: they as words of four, and the bits of the last one that count. */
  readonly words: Int32Array;
  readonly mask: number;
}

export function literalOfText(text: string): Literal {
  const bytes = Buffer.from(text);
  const { length } = bytes;
  const doubles = new Float64Array(length < 8 ? 0 : Math.ceil(length / 8));
  for (let index = 0; index < doubles.length; index += 1) {
    doubles[index] = bytes.readDoubleLE(Math.min(8 * index, length - 8));
  }
  const words = new Int32Array(length < 8 ? Math.ceil(length / 4) : 0);
  if (length < 8) new Uint8Array(words.buffer).set(bytes);
  const rest = length % 4;
  return { text, bytes, length, doubles, words, mask: rest === 0 ? -1 : (1 << (8 * rest)) - 1 };
}

/** `"name":`, as it stands in a document that has no space there. */
export function literalOf(name: string): Literal {
  const text = JSON.stringify(name);
  const literal = literalOfText(`${text}:`);
  // A name with another spelling, or that does not become a plain property, is for the slow path.
  const plain = text === `"${name}"` && name !== '' && name !== '__proto__';
  if (!plain || literal.length > nameBytesMax) throw detour;
  return literal;
}

/** True where the input has the literal at `at`. */
export function begins({ inputView }: Tape, at: number, literal: Literal): boolean {
  const { doubles, length } = literal;
  const last = doubles.length - 1;
  if (last < 0) return beginsShort(inputView, at, literal);
  for (let index = 0; index < last; index += 1) {
    if (inputView.getFloat64(at + 8 * index, true) !== doubles[index]) return false;
  }
  return inputView.getFloat64(at + length - 8, true) === doubles[last];
}

function beginsShort(view: DataView, at: number, { words, mask }: Literal): boolean {
  const last = words.length - 1;
  if (last > 0 && view.getInt32(at, true) !== words[0]) return false;
  return ((view.getInt32(at + 4 * last, true) ^ (words[last] ?? 0)) & mask) === 0;
}

/** Which of the literals is the name from quote to quote; -1 where none is. */
export function findName(
  tape: Tape,
  at: number,
  end: number,
  literals: readonly Literal[],
): number {
  for (let index = 0; index < literals.length; index += 1) {
    const bytes = literals[index]?.bytes;
    if (bytes?.length === end - at + 2 && isSame(tape, at, end, bytes)) return index;
  }
  return -1;
}

function isSame({ input }: Tape, at: number, end: number, bytes: Buffer): boolean {
  for (let index = 0; at + index <= end; index += 1) {
    if (input[at + index] !== bytes[index]) return false;
  }
  return true;
}

/** From the closing quote of a name to where its value begins. */
export function pastColon({ input }: Tape, at: number): number {
  const to = pastSpace(input, at + 1);
  if (input[to] !== colon) throw detour;
  return pastSpace(input, to + 1);
}
