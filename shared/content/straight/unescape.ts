/**
 * Escapes of what could stand there by itself: `\/`, and `\u540d` for all beyond ASCII, as many services
 * write it. They are replaced before a document is looked at, in strings or not, which is the same:
 * neither they nor what they stand for is JSON outside of a string. Quotes and other backslashes stay, so
 * strings begin and end where they did.
 */
import { backslash, slash } from './bytes.ts';

/**
 * Replaces them from `from` to `end`, behind which there are words to read, and returns the new end.
 * Surrogates that are not in pairs stay escapes, for the strict parser to refuse.
 */
export function unescapeBytes(
  bytes: Uint8Array,
  view: DataView,
  from: number,
  end: number,
): number {
  let at = from;
  let to = from;
  while (at < end) {
    const byte = bytes[at] ?? 0;
    if (byte !== backslash) {
      const word = view.getInt32(at, true);
      const slashed = word ^ 0x5c5c5c5c;
      // As in pastPlain. What is written must not go further than what was read.
      if (((slashed - 0x01010101) & ~slashed & 0x80808080) === 0) {
        view.setInt32(to, word, true);
        at += 4;
        to += 4;
      } else {
        bytes[to] = byte;
        at += 1;
        to += 1;
      }
      continue;
    }
    const letter = bytes[at + 1] ?? 0;
    const code = letter === slash ? slash : letter === letterU ? codeAt(bytes, at) : none;
    if (code < 0) {
      bytes[to] = backslash;
      bytes[to + 1] = letter;
      at += 2;
      to += 2;
    } else {
      at += letter === slash ? 2 : code > 0xffff ? 12 : 6;
      to = writeCode(bytes, to, code);
    }
  }
  // Without what was read behind the end.
  return to - (at - end);
}

const letterU = 0x75;
const none = -1;

/** Value of each hexadecimal digit; of no other byte. */
const digits = Int32Array.from({ length: 256 }, (_, byte) => {
  const digit = String.fromCharCode(byte);
  return /[0-9a-fA-F]/.test(digit) ? Number.parseInt(digit, 16) : none;
});

/** What the escape at `at`, or the pair of them, stands for; below 0 where it must stay. */
function codeAt(bytes: Uint8Array, at: number): number {
  const unit = unitAt(bytes, at);
  if (unit < 0x80) return none;
  if ((unit & 0xf800) !== 0xd800) return unit;
  if (unit >= 0xdc00 || bytes[at + 6] !== backslash || bytes[at + 7] !== letterU) return none;
  const low = unitAt(bytes, at + 6);
  return low >>> 10 === 0x37 ? 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff) : none;
}

function unitAt(bytes: Uint8Array, at: number): number {
  const [a, b] = [digits[bytes[at + 2] ?? 0] ?? none, digits[bytes[at + 3] ?? 0] ?? none];
  const [c, d] = [digits[bytes[at + 4] ?? 0] ?? none, digits[bytes[at + 5] ?? 0] ?? none];
  return (a << 12) | (b << 8) | (c << 4) | d;
}

function writeCode(bytes: Uint8Array, at: number, code: number): number {
  const last = 0x80 | (code & 0x3f);
  if (code < 0x80) {
    bytes[at] = code;
    return at + 1;
  }
  if (code < 0x800) {
    bytes[at] = 0xc0 | (code >> 6);
    bytes[at + 1] = last;
    return at + 2;
  }
  const third = 0x80 | ((code >> 6) & 0x3f);
  if (code < 0x10000) {
    bytes[at] = 0xe0 | (code >> 12);
    bytes[at + 1] = third;
    bytes[at + 2] = last;
    return at + 3;
  }
  bytes[at] = 0xf0 | (code >> 18);
  bytes[at + 1] = 0x80 | ((code >> 12) & 0x3f);
  bytes[at + 2] = third;
  bytes[at + 3] = last;
  return at + 4;
}
