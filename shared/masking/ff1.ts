/**
 * Tokens of the form of their value: FF1 of NIST SP 800-38G, by @noble/ciphers. Revision 1 wants a
 * domain of at least a million values, for smaller ones can be searched through.
 */
import type { KeyObject } from 'node:crypto';
import { FF1 } from '@noble/ciphers/ff1.js';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';

export type Ff1Form = 'digits' | 'alphanumeric';

const alphabets: Readonly<Record<Ff1Form, string>> = {
  digits: '0123456789',
  alphanumeric: '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ',
};
const domainMin = 1_000_000;

/** Of texts of its form (`isOfForm`) alone; another is a mistake of the caller: INTERNAL. */
export interface Ff1 {
  encrypt(text: string): string;
  decrypt(text: string): string;
}

/** The shortest text whose domain is large enough: 6 digits, 4 letters and digits. */
export function ff1LengthMin(form: Ff1Form): number {
  return Math.ceil(Math.log(domainMin) / Math.log(alphabets[form].length) - 1e-9);
}

/** True for texts that FF1 can take and can make. */
export function isOfForm(form: Ff1Form, text: string): boolean {
  if (text.length < ff1LengthMin(form) || text.length > limits.ff1CharactersMax) return false;
  return form === 'digits' ? /^[0-9]+$/.test(text) : /^[0-9A-Z]+$/.test(text);
}

/** `key`: 32 bytes; `tweak` is public. */
export function createFf1(form: Ff1Form, key: KeyObject, tweak: string): Ff1 {
  const alphabet = alphabets[form];
  const cipher = FF1(alphabet.length, key.export(), Buffer.from(tweak));
  const run = (text: string, work: (digits: number[]) => number[]): string => {
    if (!isOfForm(form, text)) {
      const least = `at least ${ff1LengthMin(form)}`;
      throw new SallyportError('INTERNAL', `expected ${least} ${form}, got another text`);
    }
    const digits = Array.from(text, (one) => alphabet.indexOf(one));
    return work(digits)
      .map((digit) => alphabet.charAt(digit))
      .join('');
  };
  return {
    encrypt: (text) => run(text, cipher.encrypt),
    decrypt: (text) => run(text, cipher.decrypt),
  };
}
