/**
 * Invented citizens, household by household: head, perhaps a spouse, perhaps children.
 *
 * Everything in a record agrees with itself (birth date and sex with the resident ID, phone area with
 * the city, e-mail with the name) and every check digit is right, so that schemas and detectors meet
 * what they would meet in a real registry. No record describes a real person.
 */
import { femaleGiven, maleGiven, type NamePart, surnames } from './names.ts';
import { makeBankCard, makeLandline, makeMobile, makeResidentId, type Sex } from './numbers.ts';
import { createRandom, type Random } from './random.ts';
import { type Region, regions, streets } from './regions.ts';

export interface Citizen {
  /** `c-` and six digits, from c-000001. */
  readonly id: string;
  readonly name: string;
  readonly idNumber: string;
  readonly sex: Sex;
  /** YYYY-MM-DD. */
  readonly birthDate: string;
  /** Mobile; children carry the number of their household's head. */
  readonly phone: string;
  readonly landline?: string;
  /** Adults only, as is the bank card. */
  readonly email?: string;
  readonly bankCard?: string;
  readonly address: Address;
  readonly household: { readonly id: string; readonly role: Role; readonly size: number };
  /** Yuan a month before tax, and the band of the yearly sum (0: none due, 1 to 7). */
  readonly income: { readonly monthly: number; readonly taxBand: number };
  readonly medical: { readonly bloodType: string; readonly chronic: boolean };
}

export interface Address {
  readonly province: string;
  readonly city: string;
  readonly district: string;
  readonly street: string;
}

type Role = 'head' | 'spouse' | 'child';

/** Ages are counted from here, not from today, so that a seed always gives the same people. */
const referenceYear = 2026;

interface Household {
  readonly id: string;
  readonly size: number;
  readonly surname: NamePart;
  readonly region: Region;
  readonly address: Address;
  readonly landline: string | undefined;
  readonly phone: string;
  readonly headBorn: number;
}

/** `count` citizens; the same seed gives the same list, and a longer list starts with the shorter. */
export function makePeople(count: number, seed = 1): Citizen[] {
  const random = createRandom(seed);
  const used = new Set<string>();
  const people: Citizen[] = [];
  for (let number = 1; people.length < count; number++) {
    const household = makeHousehold(random, number);
    for (const role of rolesOf(household)) {
      people.push(makeCitizen(random, used, household, role, people.length + 1));
    }
  }
  return people.slice(0, count);
}

function makeHousehold(random: Random, number: number): Household {
  const region = random.pick(regions);
  const { province, city, district } = region;
  const house = `${random.int(1, 399)}号${random.int(1, 12)}单元`;
  const flat = `${random.int(1, 24)}0${random.int(1, 4)}室`;
  const street = random.pick(streets) + house + flat;
  return {
    id: `h-${String(number).padStart(6, '0')}`,
    size: random.int(1, 4),
    surname: random.pick(surnames),
    region,
    address: { province, city, district, street },
    landline: random.chance(0.3) ? makeLandline(random, region.areaCode) : undefined,
    phone: makeMobile(random),
    headBorn: referenceYear - random.int(28, 80),
  };
}

function rolesOf(household: Household): Role[] {
  const all: Role[] = ['head', 'spouse', 'child', 'child'];
  return all.slice(0, household.size);
}

function makeCitizen(
  random: Random,
  used: Set<string>,
  household: Household,
  role: Role,
  number: number,
): Citizen {
  const sex: Sex = random.chance(0.5) ? 'male' : 'female';
  const birthDate = makeBirthDate(random, bornIn(random, role, household.headBorn));
  const adult = Number(birthDate.slice(0, 4)) <= referenceYear - 18;
  const surname = role === 'spouse' ? random.pick(surnames) : household.surname;
  const given = random.pick(sex === 'male' ? maleGiven : femaleGiven);
  const monthly = adult ? random.int(30, 600) * 100 : 0;
  const issuedIn = random.chance(0.8) ? household.region : random.pick(regions);
  return {
    id: `c-${String(number).padStart(6, '0')}`,
    name: surname[0] + given[0],
    idNumber: makeUnusedId(random, used, issuedIn.code, birthDate, sex),
    sex,
    birthDate,
    phone: adult && role !== 'head' ? makeMobile(random) : household.phone,
    ...(household.landline === undefined ? {} : { landline: household.landline }),
    ...(adult ? { email: makeEmail(random, surname, given), bankCard: makeBankCard(random) } : {}),
    address: household.address,
    household: { id: household.id, role, size: household.size },
    income: { monthly, taxBand: taxBand(monthly * 12) },
    medical: { bloodType: random.pick(['A', 'B', 'AB', 'O']), chronic: random.chance(0.15) },
  };
}

function bornIn(random: Random, role: Role, headBorn: number): number {
  if (role === 'head') return headBorn;
  if (role === 'spouse') return Math.min(headBorn + random.int(-5, 5), referenceYear - 22);
  return Math.min(headBorn + random.int(22, 38), referenceYear - 1);
}

/** Days of the month 29 to 31 are left out, so that every date exists. */
function makeBirthDate(random: Random, year: number): string {
  const month = String(random.int(1, 12)).padStart(2, '0');
  const day = String(random.int(1, 28)).padStart(2, '0');
  return `${year}-${month}-${day}`;
}

function makeUnusedId(
  random: Random,
  used: Set<string>,
  region: string,
  birthDate: string,
  sex: Sex,
): string {
  for (;;) {
    const id = makeResidentId(random, region, birthDate, sex);
    if (used.has(id)) continue;
    used.add(id);
    return id;
  }
}

/** The domain is under `.example` (RFC 2606), which nobody can own. */
function makeEmail(random: Random, surname: NamePart, given: NamePart): string {
  return `${surname[1]}.${given[1]}${random.int(1, 99)}@mail.example`;
}

/** Yearly taxable income above the allowance of 60,000 yuan → band of the comprehensive income tax. */
function taxBand(yearly: number): number {
  const taxable = yearly - 60_000;
  if (taxable <= 0) return 0;
  const upTo = [36_000, 144_000, 300_000, 420_000, 660_000, 960_000];
  const band = upTo.findIndex((limit) => taxable <= limit);
  return band === -1 ? 7 : band + 1;
}
