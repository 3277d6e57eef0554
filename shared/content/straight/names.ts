/** Finds which member of an object a name in the input is. */
import { colon } from './bytes.ts';
import { pastSpace } from './scan.ts';
import { type Bytes, bytesOf, detour, nameBytesMax, type Tape } from './tape.ts';

/** `"name":`, as it stands in a document that has no space there. */
export function literalOf(name: string): Bytes {
  const text = JSON.stringify(name);
  const literal = bytesOf(`${text}:`);
  // A name with another spelling, or that does not become a plain property, is for the slow path.
  const plain = text === `"${name}"` && name !== '' && name !== '__proto__';
  if (!plain || literal.bytes.length > nameBytesMax) throw detour;
  return literal;
}

/** True where the input has the literal at `at`. Four bytes at a time, the last four once more. */
export function begins({ inputView }: Tape, at: number, { bytes, view }: Bytes): boolean {
  const last = bytes.length - 4;
  for (let done = 0; done < last; done += 4) {
    if (inputView.getInt32(at + done, true) !== view.getInt32(done, true)) return false;
  }
  return inputView.getInt32(at + last, true) === view.getInt32(last, true);
}

/** Which of the literals is the name from quote to quote; -1 where none is. */
export function findName(tape: Tape, at: number, end: number, literals: readonly Bytes[]): number {
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
