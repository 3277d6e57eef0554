/** Masks that depend on a key of the recipient: hash, noise, token, encrypt. */
import type { Json } from '../content/json.ts';
import type { FieldMask } from '../content/place.ts';
import { createFf1, type Ff1Form, isOfForm } from './ff1.ts';
import { createEncrypter, isEncrypted, type RecipientKey } from './jwe.ts';
import type { Mask } from './mask.ts';
import { bareText, plainText } from './normalise.ts';
import { shifted } from './numbers.ts';
import { keyedDigest, type RecipientSecrets } from './secrets.ts';
import { hidden } from './text.ts';

/** Who gets the values of one grant. */
export interface Recipient {
  readonly name: string;
  readonly secrets: RecipientSecrets;
  /** Absent where the policy names none: the check refuses `encrypt` for such a consumer. */
  readonly encryptionKey?: RecipientKey | undefined;
}

type Parts = Pick<FieldMask, 'apply' | 'verify'>;

/** The same value gives the same hash to one recipient, and another to every other. */
export function hashMask({ secrets }: Recipient): Parts {
  return {
    apply(value) {
      const text = typeof value === 'number' ? String(value) : value;
      if (typeof text !== 'string') return hidden;
      const digest = keyedDigest(secrets.key('hash'), bareText(text));
      return `h_${digest.toString('base64url', 0, 16)}`;
    },
    verify: (value) => isText(value, /^h_[\w-]{22}$/),
  };
}

/** The same value moves by the same amount each time, so asking again does not average it out. */
export function noiseMask(within: number, { secrets }: Recipient): Parts {
  return {
    apply(value) {
      if (typeof value !== 'number') return hidden;
      const digest = keyedDigest(secrets.key('noise'), String(value));
      return shifted(value, within, digest.readUIntBE(0, 6) / 2 ** 48) ?? hidden;
    },
    verify: (value) => typeof value === 'number' || value === hidden,
  };
}

/** Reversible: by the vault of the inner node, or by FF1 with a key that only it has. */
export function tokenMask({ as }: Mask & { transform: 'token' }, recipient: Recipient): Parts {
  if (as === 'random') {
    return {
      apply: (value) => {
        const text = typeof value === 'string' ? plainText(value) : '';
        return text === '' ? hidden : recipient.secrets.token(text);
      },
      verify: (value) => isText(value, tokenPattern),
    };
  }
  let encrypt: ((text: string) => string) | undefined;
  return {
    apply(value) {
      const text = typeof value === 'string' ? formText(as, value) : '';
      if (!isOfForm(as, text)) return hidden;
      encrypt ??= ff1Of(as, recipient).encrypt;
      return encrypt(text);
    },
    verify: (value) => value === hidden || (typeof value === 'string' && isOfForm(as, value)),
  };
}

/** What a random token looks like: 26 characters of Crockford's base 32. */
export const tokenPattern = /^tok_[0-9a-hjkmnp-tv-z]{26}$/;

/** FF1 for one recipient; its name is the tweak. */
export function ff1Of(form: Ff1Form, { name, secrets }: Omit<Recipient, 'encryptionKey'>) {
  return createFf1(form, secrets.key('ff1'), name);
}

function formText(form: Ff1Form, text: string): string {
  const bare = bareText(text);
  return form === 'digits' ? bare : bare.toUpperCase();
}

/** The value as JSON, to be read by nobody but the recipient. */
export function encryptMask({ encryptionKey }: Recipient): Parts {
  let encrypt: ((text: string) => string) | undefined;
  return {
    apply(value) {
      if (encryptionKey === undefined || value === null || typeof value === 'object') return hidden;
      encrypt ??= createEncrypter(encryptionKey);
      return encrypt(JSON.stringify(value));
    },
    verify: (value) => value === hidden || (typeof value === 'string' && isEncrypted(value)),
  };
}

function isText(value: Json, pattern: RegExp): boolean {
  return value === hidden || (typeof value === 'string' && pattern.test(value));
}
