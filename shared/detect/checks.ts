/** Check digits and conventions of numbers. A checksum alone is weak: each also looks at its parts. */

/** First two digits of region codes (GB/T 2260), of residence permits (81-83) and foreigners (91). */
export const provinces: ReadonlySet<string> = new Set(
  `11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71
  81 82 83 91`.split(/\s+/),
);

/** A region code of a county: province, city 01-70 or 90, county not 00. */
export function isRegion(code: string): boolean {
  const city = Number(code.slice(2, 4));
  const isCity = (city >= 1 && city <= 70) || city === 90;
  const isSpecial = code >= '71' && provinces.has(code.slice(0, 2));
  return provinces.has(code.slice(0, 2)) && (isSpecial || (isCity && code.slice(4, 6) !== '00'));
}

/** A real day from 1900 on, and not after `yearMax`. */
export function isBirthDate(year: number, month: number, day: number, yearMax = 2099): boolean {
  if (year < 1900 || year > yearMax || month < 1 || month > 12 || day < 1) return false;
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

const idWeights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const idChecks = '10X98765432';

/** GB 11643: region, birth date, sequence, check character (ISO 7064 MOD 11-2). 18 characters. */
export function isResidentId(text: string): boolean {
  if (!/^[1-9]\d{5}(?:19|20)\d{9}[\dX]$/.test(text) || !isRegion(text.slice(0, 6))) return false;
  const [year, month, day] = [text.slice(6, 10), text.slice(10, 12), text.slice(12, 14)];
  if (!isBirthDate(Number(year), Number(month), Number(day))) return false;
  let sum = 0;
  for (let at = 0; at < 17; at += 1) sum += (idWeights[at] ?? 0) * Number(text[at]);
  return idChecks[sum % 11] === text[17];
}

/** The form before 1999: 15 digits without a check; only where something else says what it is. */
export function isOldResidentId(text: string): boolean {
  if (!/^[1-9]\d{14}$/.test(text) || !isRegion(text.slice(0, 6))) return false;
  const [year, month, day] = [text.slice(6, 8), text.slice(8, 10), text.slice(10, 12)];
  return isBirthDate(1900 + Number(year), Number(month), Number(day));
}

/** ISO/IEC 7812-1 annex B. */
export function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let at = 0; at < digits.length; at += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - at) - 48;
    const weighted = at % 2 === 1 ? digit * 2 : digit;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum % 10 === 0;
}

const codeAlphabet = '0123456789ABCDEFGHJKLMNPQRTUWXY';
const codeValues = new Uint8Array(128);
for (const [value, one] of [...codeAlphabet].entries()) codeValues[one.charCodeAt(0)] = value;

/**
 * GB 32100 table 1: which kinds an authority registers; 9 are others. Compared with public copies of it,
 * which do not have 54 and 55 (committees of villages and of residents) and 99: they stay, to miss nothing.
 */
const kinds = '[19N][1239]|[35][1-59]|[248A][19]|[67][129]|Y1';
const creditCode = new RegExp(`^(?:${kinds})\\d{6}[0-9A-HJ-NP-RTUWXY]{10}$`);

/** GB 32100: authority and kind, region, organisation, check character (MOD 31). 18 characters. */
export function isCreditCode(text: string): boolean {
  if (!creditCode.test(text)) return false;
  // Central authorities register under 10, whose region is 00: 100000.
  const region = text.slice(2, 8);
  if (region !== '100000' && !provinces.has(region.slice(0, 2))) return false;
  let sum = 0;
  let weight = 1;
  for (let at = 0; at < 17; at += 1) {
    sum += (codeValues[text.charCodeAt(at)] ?? 0) * weight;
    weight = (weight * 3) % 31;
  }
  return codeAlphabet[(31 - (sum % 31)) % 31] === text[17];
}

/**
 * Numbers of eleven digits that are given out (MIIT; compared with libphonenumber's of 2026): of the four
 * operators; of virtual ones (162, 165, 167, 170, 171, 1610); for data cards that can be called (145, 147,
 * 149); for emergencies (17406 to 17412) and satellites (1349, 17400 to 17405, 1749). Those of things (141,
 * 144, 146, 148) have thirteen digits.
 */
const segments = [
  String.raw`(?:[38]\d|4[579]|[59][0-35-9]|6[2567]|7[0-35-8])\d{8}`,
  String.raw`610\d{7}|74(?:0\d|1[0-2]|9\d)\d{6}`,
].join('|');
const mobile = new RegExp(`^(?:0|(?:00)?86)?1(?:${segments})$`);

/** A mobile number of the mainland, also with 86, 0086 or a leading 0. */
export const isMobile = (digits: string): boolean => mobile.test(digits);

/** Area codes of four digits after their zero, by the region that the first digit stands for. */
const areaCodes = [
  '3(?:1\\d|35|49|5\\d|7\\d|9[1-8])',
  '4(?:1[1-9]|2[179]|3\\d|5[1-9]|6[4789]|7\\d|8[23])',
  '5(?:[1357]\\d|2[37]|4[36]|6[1-6]|80|9[1-9])',
  '6(?:3[1-5]|6[0238]|91|92)',
  '7(?:01|[13579]\\d|2[248]|4[3-6]|6[023689])',
  '8(?:1[23678]|2[567]|3\\d|5[1-9]|7\\d|8[3678]|9[1-8])',
  '9(?:0[123689]|17|[379]\\d|4[13]|5[1-5])',
].join('|');
const landline = new RegExp(
  `^(?:0|(?:00)?86)(?:(?:10|2[0-57-9])[2-8]\\d{7}|(?:${areaCodes})[2-8]\\d{6,7})$`,
);

/** Area code of the mainland with its zero, and 7 or 8 digits; also with 86 in place of the zero. */
export const isLandline = (digits: string): boolean => landline.test(digits);

/** Dotted quad that is no version, mask or wildcard: first octet 1-223, four octets up to 255. */
export function isIpv4(text: string): boolean {
  const octets = text.split('.').map(Number);
  if (octets.length !== 4 || octets.some((octet) => octet > 255)) return false;
  const [first = 0] = octets;
  return first >= 1 && first <= 223;
}

/** Eight groups of hex, or fewer with one `::`. */
export function isIpv6(text: string): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return false;
  return halves.length === 2 ? groups.length >= 2 && groups.length <= 7 : groups.length === 8;
}
