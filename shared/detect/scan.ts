/**
 * The detectors over one value. A cheap look at each character decides whether any of them could find
 * something; only then the text is put into one spelling and looked at.
 *
 *   value ▶ what is it made of? ─ nothing personal can be ─▶ undefined
 *                └▶ one spelling ▶ secret, numbers, e-mail, plate, … ▶ the first kind that fits
 */
import type { Work } from '../content/work.ts';
import { type CardCheck, cardRanges, compileCards } from './bank-cards.ts';
import { lengthsOf } from './beginnings.ts';
import { isCreditCode, isLandline, isMobile, isOldResidentId, isResidentId } from './checks.ts';
import { someCode } from './codes.ts';
import {
  type Around,
  isAroundGoods,
  isAroundPerson,
  isNamed,
  isOtherNumber,
  isPersonField,
  type Kind,
} from './kinds.ts';
import { look, marks } from './look.ts';
import {
  hasEmail,
  hasIp,
  hasPassport,
  hasPermit,
  hasPlate,
  hasSecret,
  isAddress,
} from './patterns.ts';
import { isPersonName } from './person-names.ts';
import { spacedText } from './plain.ts';
import { type Lengths, someLookAlike, someRun } from './runs.ts';

/** The kind of personal data that a value holds; undefined where none is known. */
export type Scan = (value: string | number) => Kind | undefined;

export interface ScanOptions {
  /** Numbers that cards of the owner begin with, besides the public ones. */
  readonly bankCardPrefixes?: readonly string[];
  /** Where the field is; absent: nothing is known of it. */
  readonly around?: Around;
  /** Counts what all of it costs. */
  readonly work?: Work | undefined;
}

/** Compiles for the values of one field, whose name tells what some of them are. */
export function compileScan(fieldName: string, options: ScanOptions = {}): Scan {
  const named = (kind: Kind): boolean => isNamed(kind, fieldName);
  const { isCard, lengths, withOldIds } = numbersOf(options.bankCardPrefixes);
  const is = {
    secret: named('secret'),
    id: named('resident-id'),
    passport: named('passport'),
    permit: named('permit'),
    address: named('address'),
    name: named('name'),
  };
  const { around = nowhere, work } = options;
  const isPerson = isPersonField(fieldName) || isAroundPerson(around);
  const mayBePerson = isPerson || !isAroundGoods(around);
  const isOther = isOtherNumber(fieldName);
  const anyNamed = Object.values(is).includes(true);

  const ofNumber = (
    digits: string,
    saysId: boolean,
    { isAlone, isNumber }: { isAlone: boolean; isNumber: () => boolean },
  ): Kind | undefined => {
    if (digits.length === 18 && isResidentId(digits)) return 'resident-id';
    if (digits.length === 15 && saysId && isOldResidentId(digits)) return 'resident-id';
    if (isCard(digits)) return 'bank-card';
    if (digits.length > 15) return undefined;
    const kept = isMobile(digits) && !(isAlone && isOther) ? 'mobile' : undefined;
    const kind = kept ?? (isLandline(digits) ? 'landline' : undefined);
    return kind !== undefined && isNumber() ? kind : undefined;
  };

  return (value) => {
    if (typeof value === 'number') {
      // Its sign and fraction hide nothing.
      const whole = Math.trunc(Math.abs(value));
      return whole >= numberMin && Number.isSafeInteger(whole)
        ? ofNumber(String(whole), is.id, { isAlone: true, isNumber: always })
        : undefined;
    }
    const seen = look(value);
    if (seen === 0 && !anyNamed) return undefined;
    const isOdd = (seen & marks.odd) !== 0 || anyNamed;
    const text = isOdd ? spacedText(value) : value;
    if (isOdd) {
      work?.add(costs.odd * text.length + costs.grown * Math.max(0, text.length - value.length));
    }
    if (seen & marks.dots) work?.add(costs.dotted * text.length);
    if ((seen & marks.long && hasSecret(text)) || (is.secret && /^\S{6,}$/.test(text)))
      return 'secret';
    let kind: Kind | undefined;
    if (seen & marks.digits) {
      const saysId = is.id || text.includes('身份证');
      const found = (digits: string, isNumber: () => boolean): boolean => {
        work?.add(costs.number);
        kind = ofNumber(digits, saysId, { isAlone: digits === value, isNumber });
        return kind !== undefined;
      };
      if (
        someRun(text, saysId ? withOldIds : lengths, found, work) ||
        someLookAlike(text, (digits) => found(digits, always))
      )
        return kind;
      const isCode = (code: string): boolean => {
        work?.add(costs.code);
        return isCreditCode(code);
      };
      if (someCode(text, isCode, work)) return 'credit-code';
    }
    if (seen & marks.at && hasEmail(text)) return 'email';
    if (seen & marks.plate && hasPlate(text)) return 'plate';
    if ((seen & marks.words || is.passport) && hasPassport(text, is.passport)) return 'passport';
    if ((seen & marks.words || is.permit) && hasPermit(text, is.permit)) return 'permit';
    if (seen & marks.dots && hasIp(text)) return 'ip';
    if (is.address && isAddress(text)) return 'address';
    return is.name && mayBePerson && isPersonName(text, isPerson) ? 'name' : undefined;
  };
}

/** Smaller numbers, whatever their sign, are none that a detector knows. */
export const numberMin = 10 ** 10;

/** Steps (content/work.ts): of each that is looked into, and of each character. */
const costs = { number: 0.4, code: 0.15, odd: 0.015, grown: 0.03, dotted: 0.045 } as const;

const nowhere: Around = { beside: [], above: [] };

interface Numbers {
  readonly isCard: CardCheck;
  readonly lengths: Lengths;
  /** Where something says that a number is an identity. */
  readonly withOldIds: Lengths;
}

function compileNumbers(own: readonly string[]): Numbers {
  const ranges = cardRanges(own);
  const withOldIds = lengthsOf(ranges, [15, 18]);
  return { isCard: compileCards(ranges), lengths: lengthsOf(ranges, [18]), withOldIds };
}

const always = (): boolean => true;

const publicNumbers = compileNumbers([]);
/** Every field of a route asks with the same list. */
const ownNumbers = new WeakMap<readonly string[], Numbers>();

function numbersOf(own: readonly string[] = []): Numbers {
  if (own.length === 0) return publicNumbers;
  const known = ownNumbers.get(own) ?? compileNumbers(own);
  ownNumbers.set(own, known);
  return known;
}
