/**
 * One spelling for a text before detectors look at it: full-width, mathematical and foreign digits
 * become plain, zero-width and control characters go, odd dashes and spaces become the plain ones,
 * runs of Han numerals become digits, letters that look like Latin ones become these.
 */
import { withoutExcessMarks } from '../content/marks.ts';

const hanDigits = '〇零○一壹幺二贰三叁四肆五伍六陆七柒八捌九玖';
const hanValues = '0001112233445566778899';
/** One alone may be a word: 一号楼. */
const hanRun = new RegExp(`[${hanDigits}]{3,}`, 'gu');
const lookAlikes: Readonly<Record<string, string>> = {
  О: 'O',
  о: 'o',
  Ο: 'O',
  ο: 'o',
  Х: 'X',
  х: 'x',
  Χ: 'X',
  '×': 'X',
  '✕': 'X',
  '。': '.',
};

/** The two words that NFKC writes as 18 and 8 characters are a space: all else becomes at most 6. */
export function spacedText(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  const normal = withoutExcessMarks(text)
    .replace(/[\ufdfa\ufdfb]/g, ' ')
    .normalize('NFKC');
  let spaced = '';
  for (let at = 0; at < normal.length; ) {
    const code = normal.codePointAt(at) ?? 0;
    spaced += spelt(code);
    at += code > 0xffff ? 2 : 1;
  }
  return spaced.replace(hanRun, (run) =>
    Array.from(run, (one) => hanValues.charAt(hanDigits.indexOf(one))).join(''),
  );
}

/** All that characters become which do not stay. */
const spellings = [...new Set(['', ' ', '-', ...'0123456789', ...Object.values(lookAlikes)])];

/** By code point, as they come: 0 has not come yet, 1 stays, above 1 is a place in `spellings`. */
const known = new Uint8Array(0x11_0000);
const stays = 1;

/** How a character is spelt that stands in NFKC: in one, or not at all. */
function spelt(code: number): string {
  let place = known[code];
  if (!place) {
    const one = String.fromCodePoint(code);
    const spelling = spellingOf(one, code);
    place = spelling === one ? stays : stays + 1 + spellings.indexOf(spelling);
    known[code] = place;
  }
  return spellings[place - stays - 1] ?? String.fromCodePoint(code);
}

function spellingOf(one: string, code: number): string {
  if (hasNoWidth.test(one)) return goes(one);
  if (/\p{Nd}/u.test(one)) return digitOf(code);
  if (/[\p{Pd}\u2212\u00b7\u2022\u2027\u30fb\u30fc]/u.test(one)) return '-';
  return /\p{Z}/u.test(one) ? ' ' : (lookAlikes[one] ?? one);
}

const hasNoWidth =
  /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Variation_Selector}\p{Mn}\u115f\u1160\u3164\uffa0]/u;

/** A line's end or a tab parts two texts; what has no width parts nothing. */
const goes = (one: string): string => (/[\t\n\r\v\f]/.test(one) ? ' ' : '');

/** Every script's decimal digits stand in a row of ten: as many as stand before it is its value. */
function digitOf(code: number): string {
  let value = 0;
  while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(code - value - 1))) value += 1;
  return String(value);
}
