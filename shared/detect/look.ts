/**
 * What a text is made of, in one pass over its characters: enough to know that no detector has work.
 * Most values of most documents end here.
 */
import { plateProvinces } from '../masking/text.ts';

/** Bits of `look`. */
export const marks = {
  /** At least seven digits of any script. */
  digits: 1,
  at: 2,
  plate: 4,
  /** Dots or colons, and digits, enough for an address of a machine. */
  dots: 8,
  /** Long enough, and of signs that a key or password could have. */
  long: 16,
  /** Characters that must be brought into one spelling first. */
  odd: 32,
} as const;

const digit = 1;
const at = 2;
const province = 4;
const dot = 8;
const odd = 16;
const sign = 32;
const han = 64;
const like = 128;

const classes = classTable();

/** Bits of `marks`; 0 where no detector can find anything that needs no name of a field. */
export function look(text: string): number {
  let seen = 0;
  let digits = 0;
  let dots = 0;
  let hanDigits = 0;
  let likes = 0;
  for (let index = 0; index < text.length; index += 1) {
    const is = classes[text.charCodeAt(index)] ?? 0;
    if (is === 0) continue;
    seen |= is;
    if (is & digit) digits += 1;
    if (is & dot) dots += 1;
    if (is & han) hanDigits += 1;
    if (is & like) likes += 1;
  }
  // An O may stand for a zero, but not everywhere.
  const isLike = digits >= 4 && digits + likes >= 11;
  const isNumber = digits + hanDigits >= digitsMin || isLike;
  let found = 0;
  if (isNumber) found |= marks.digits;
  if (seen & at && /@|＠|﹫|[[({<] ?at ?[\])}>]/i.test(text)) found |= marks.at;
  if (seen & province && digits >= 2) found |= marks.plate;
  if (dots >= 2 && digits + dots >= 4) found |= marks.dots;
  if (text.length >= secretMin && (seen & sign || digits > 0)) found |= marks.long;
  if (found !== 0 && (seen & odd || hanDigits > 0)) found |= marks.odd;
  return found;
}

const digitsMin = 6;
const secretMin = 12;

/** One byte for each UTF-16 unit. Halves of characters beyond the BMP count as digits: some are. */
function classTable(): Uint8Array {
  const table = new Uint8Array(0x1_0000);
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
  if ('OoQlIi|'.includes(one)) return like;
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
  if (plain === '.' || plain === ':' || one === '。') return dot | odd;
  return odd;
}
