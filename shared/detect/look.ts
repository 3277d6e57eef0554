/**
 * What a text is made of, in one pass over its characters: enough to know that no detector has work.
 * Most values of most documents end here.
 */
import { plateProvinces } from '../masking/text.ts';

/** Bits of `look`. */
export const marks = {
  /** Digits of any script, enough for a number that a detector knows. */
  digits: 1,
  at: 2,
  plate: 4,
  /** Dots or colons, and digits, enough for an address of a machine. */
  dots: 8,
  /** Long enough, and of signs that a key or password could have. */
  long: 16,
  /** Characters that must be brought into one spelling first. */
  odd: 32,
  /** Digits enough for a number that only a word beside it explains. */
  words: 64,
} as const;

const digit = 1;
const at = 2;
const province = 4;
const dot = 8;
const odd = 16;
const sign = 32;
const han = 64;
const like = 128;
const upper = 256;

const classes = classTable();

/** Bits of `marks`; 0 where no detector can find anything that needs no name of a field. */
export function look(text: string): number {
  let seen = 0;
  let digits = 0;
  let dots = 0;
  let hanDigits = 0;
  let likes = 0;
  let uppers = 0;
  for (let index = 0; index < text.length; index += 1) {
    const is = classes[text.charCodeAt(index)] ?? 0;
    if (is === 0) continue;
    seen |= is;
    if (is & digit) digits += 1;
    if (is & dot) dots += 1;
    if (is & han) hanDigits += 1;
    if (is & like) likes += 1;
    if (is & upper) uppers += 1;
  }
  // An O may stand for a zero, but not everywhere.
  const isLike = digits >= 4 && digits + likes >= 11;
  const isNumber = digits + hanDigits >= numberMin || isLike;
  const isCode = digits >= codeDigitsMin && text.length >= codeMin;
  let found = 0;
  if (isNumber || isCode) found |= marks.digits;
  if (digits >= wordsDigitsMin && text.length >= wordsMin) found |= marks.words;
  if (seen & at && /@|＠|﹫|[[({<] ?at ?[\])}>]/i.test(text)) found |= marks.at;
  if (seen & province && digits >= 2) found |= marks.plate;
  if (dots >= 3 && digits >= 4) found |= marks.dots;
  if (text.length >= secretMin && (seen & sign || digits > 0 || uppers >= 8)) {
    found |= marks.long;
  }
  if (found !== 0 && (seen & odd || hanDigits > 0)) found |= marks.odd;
  return found;
}

/** A mobile or landline number, the shortest that needs no word beside it. */
const numberMin = 11;
/** A unified social credit code begins with eight digits. */
const codeDigitsMin = 8;
const codeMin = 18;
const wordsDigitsMin = 7;
const wordsMin = 11;
const secretMin = 12;

/** One number for each UTF-16 unit. Halves of characters beyond the BMP count as digits: some are. */
function classTable(): Uint16Array {
  const table = new Uint16Array(0x1_0000);
  for (let unit = 0; unit < table.length; unit += 1) {
    table[unit] = unit < 0x80 ? classOfAscii(unit) : classOfOther(unit);
  }
  for (const one of '〇零○一壹幺二贰三叁四肆五伍六陆七柒八捌九玖') {
    table[one.charCodeAt(0)] = han;
  }
  for (const one of plateProvinces) table[one.charCodeAt(0)] = province;
  return table;
}

function classOfAscii(unit: number): number {
  const one = String.fromCharCode(unit);
  if (one >= '0' && one <= '9') return digit;
  if ('@[({<'.includes(one)) return at;
  if ('OoQlIi|'.includes(one))
    return like | (one === 'O' || one === 'Q' || one === 'I' ? upper : 0);
  if (one >= 'A' && one <= 'Z') return upper;
  if (one === '.') return dot;
  if (one === ':') return dot | sign;
  return /[-_=/]/.test(one) ? sign : unit < 0x20 || unit === 0x7f ? odd : 0;
}

function classOfOther(unit: number): number {
  if (unit >= 0xd800 && unit <= 0xdfff) return digit | odd;
  if (unit >= 0x4e00 && unit <= 0x9fff) return 0;
  const one = String.fromCharCode(unit);
  const plain = one.normalize('NFKC');
  if (/\p{Nd}/u.test(one) || /^[0-9]/.test(plain)) return digit | odd;
  if (plain.includes('@')) return at | odd;
  if (plain === '.' || plain === ':') return dot | odd;
  return odd;
}
