/** Numbers whose form and check digits are valid, and which belong to nobody on purpose. */
import type { Random } from './random.ts';

export type Sex = 'male' | 'female';

const idWeights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const idChecks = '10X98765432';

/** The 18th character for the first 17 digits of a resident ID (GB 11643-1999, ISO 7064 MOD 11-2). */
export function residentIdCheck(first17: string): string {
  const sum = idWeights.reduce((total, weight, at) => total + weight * Number(first17[at]), 0);
  return idChecks.charAt(sum % 11);
}

/** Region, birth date (YYYY-MM-DD), sequence (odd: male, even: female), check character. */
export function makeResidentId(
  random: Random,
  region: string,
  birthDate: string,
  sex: Sex,
): string {
  const sexDigit = random.int(0, 4) * 2 + (sex === 'male' ? 1 : 0);
  const first17 = region + birthDate.replaceAll('-', '') + random.digits(2) + sexDigit;
  return first17 + residentIdCheck(first17);
}

/** The last digit that makes a number pass Luhn (ISO/IEC 7812-1 annex B). */
export function luhnCheck(payload: string): string {
  let sum = 0;
  for (let at = 0; at < payload.length; at++) {
    const digit = Number(payload[payload.length - 1 - at]);
    const weighted = at % 2 === 0 ? digit * 2 : digit;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return String((10 - (sum % 10)) % 10);
}

/** Issuer prefix and length of debit cards of five banks. */
const cardKinds = [
  { prefix: '622202', length: 19 },
  { prefix: '622848', length: 19 },
  { prefix: '621700', length: 19 },
  { prefix: '621661', length: 19 },
  { prefix: '622588', length: 16 },
];

export function makeBankCard(random: Random): string {
  const { prefix, length } = random.pick(cardKinds);
  const payload = prefix + random.digits(length - prefix.length - 1);
  return payload + luhnCheck(payload);
}

const mobilePrefixes = [
  '130',
  '133',
  '135',
  '138',
  '139',
  '150',
  '158',
  '177',
  '186',
  '188',
  '199',
];

export function makeMobile(random: Random): string {
  return random.pick(mobilePrefixes) + random.digits(8);
}

/** Area code, hyphen, eight digits (seven after a four-digit area code would also be valid). */
export function makeLandline(random: Random, areaCode: string): string {
  return `${areaCode}-${random.int(2, 8)}${random.digits(7)}`;
}
