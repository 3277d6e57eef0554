/**
 * Marks on a character (accents, vowel signs), in any number: to bring them into their order takes the
 * runtime as long as the square of how many there are. No script needs more than 30 (UAX #15, section 13).
 */
const marksMax = 30;

/** True where a text must not be normalised. */
export const hasTooManyMarks = (text: string): boolean =>
  withoutExcessMarks(text).length < text.length;

/** The text without those that are too many. Each character is looked at once. */
export function withoutExcessMarks(text: string): string {
  let kept = '';
  let from = 0;
  let row = 0;
  for (let at = 0; at < text.length; ) {
    const code = text.codePointAt(at) ?? 0;
    if (isMark(code)) {
      row += 1;
      if (row === marksMax + 1) kept += text.slice(from, at);
    } else {
      if (row > marksMax) from = at;
      row = 0;
    }
    at += code > 0xffff ? 2 : 1;
  }
  return row > marksMax ? kept : kept + text.slice(from);
}

/** U+FF9E and U+FF9F become marks. */
const mark = /[\p{M}\uff9e\uff9f]/u;

/** By code point, as they come. */
const known = new Uint8Array(0x11_0000);
const is = 1;
const isNot = 2;

function isMark(code: number): boolean {
  known[code] ||= mark.test(String.fromCodePoint(code)) ? is : isNot;
  return known[code] === is;
}
