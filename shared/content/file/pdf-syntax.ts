/** As much of the syntax of PDF (ISO 32000) as tells names from what only looks like one. */

/** The bytes with names as they are meant; they can be written in hexadecimal, as often as one likes. */
export function plainNames(bytes: Buffer): string {
  if (!bytes.includes(numberSign)) return bytes.toString('latin1');
  const plain = Buffer.allocUnsafe(bytes.length);
  let size = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    const [high, low] =
      byte === numberSign ? [digitOf(bytes[at + 1]), digitOf(bytes[at + 2])] : [-1, -1];
    const isCode = high >= 0 && low >= 0;
    plain[size] = isCode ? high * 16 + low : byte;
    size += 1;
    if (isCode) at += 2;
  }
  return plain.toString('latin1', 0, size);
}

const numberSign = 0x23;

/** The value of a hexadecimal digit; -1 where it is none. */
function digitOf(byte = 0): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** From a place to the one behind all space and comments there; asked in order, past each comment once. */
export type PastGap = (at: number) => number;

export function createPastGap(text: string): PastGap {
  /** A gap that was passed, from its first comment on: from any comment in it one comes to its end. */
  let [from, to] = [0, 0];
  return (start) => {
    let at = start;
    let first = -1;
    for (; ; at += 1) {
      const code = text.charCodeAt(at);
      if (code === percent) {
        if (at >= from && at < to) return to;
        if (first < 0) first = at;
        lineEnd.lastIndex = at;
        at = lineEnd.exec(text)?.index ?? text.length;
      } else if (!isSpace[code]) break;
    }
    if (first >= 0) [from, to] = [first, at];
    return at;
  };
}

const percent = 0x25;
const lineEnd = /[\r\n]/g;
/** By the codes of bytes. */
const isSpace = Array.from({ length: 256 }, (_, code) => /[\s\0]/.test(String.fromCharCode(code)));

/** What stands behind a name, each time that it does. `name`: global. */
export function* valuesOf(text: string, name: RegExp): Generator<string> {
  const pastGap = createPastGap(text);
  for (const { 0: word, index } of text.matchAll(name)) {
    const at = pastGap(index + word.length);
    yield text.slice(at, at + valueMax);
  }
}

const valueMax = 256;
