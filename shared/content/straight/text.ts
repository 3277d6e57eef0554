/** Strings of a document as values. */
import type { Tape } from './tape.ts';

/** The runtime is faster for more. */
const decodedBytesMax = 24;

/** Characters between the quotes of a string without escapes. */
export function textOf(tape: Tape, start: number, end: number): string {
  if (isAscii(tape, start, end)) return tape.text(start, end);
  const { input } = tape;
  if (end - start > decodedBytesMax) return input.toString('utf8', start, end);
  let text = '';
  for (let at = start; at < end; ) {
    const byte = input[at] ?? 0;
    const second = (input[at + 1] ?? 0) & 0x3f;
    const third = (input[at + 2] ?? 0) & 0x3f;
    if (byte < 0x80) text += String.fromCharCode(byte);
    else if (byte < 0xe0) text += String.fromCharCode(((byte & 0x1f) << 6) | second);
    else if (byte < 0xf0) {
      text += String.fromCharCode(((byte & 0x0f) << 12) | (second << 6) | third);
    } else return input.toString('utf8', start, end);
    at += byte < 0x80 ? 1 : byte < 0xe0 ? 2 : 3;
  }
  return text;
}

/** The value of a string with escapes, quotes included. */
export function unescaped(tape: Tape, start: number, end: number): string {
  return JSON.parse(tape.input.toString('utf8', start, end));
}

function isAscii({ inputView }: Tape, start: number, end: number): boolean {
  let high = 0;
  let at = start;
  for (; at + 4 <= end; at += 4) high |= inputView.getInt32(at, true);
  for (; at < end; at += 1) high |= inputView.getInt8(at);
  return (high & 0x80808080) === 0;
}
