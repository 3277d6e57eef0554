/**
 * What a mask does to a value. A transform that does not understand a value hides all of it:
 * nothing passes because it was of another type, too short or written in an odd way.
 */
import type { Json } from '../content/json.ts';
import type { ByteMask, FieldMask } from '../content/place.ts';
import { limits } from '../limits.ts';
import { emailBytes, keepBytes, surnameBytes } from './byte-masks.ts';
import { encryptMask, hashMask, noiseMask, type Recipient, tokenMask } from './keyed.ts';
import type { Mask } from './mask.ts';
import { bareText, plainText } from './normalise.ts';
import { bucketLabels, bucketOf, dateTo, isDateTo, numberOf, roundTo } from './numbers.ts';
import { type Plugged, pluginMask } from './open.ts';
import { regexMask } from './regex.ts';
import { noSecrets } from './secrets.ts';
import { compoundSurnames } from './surnames.ts';
import { addressMask, hidden, isMaskedPlate, plate } from './text.ts';

export type { Mask } from './mask.ts';

/** The mask as a pair of functions: what it returns, and how the far side recognises that. */
export function compileMask(
  mask: Mask,
  recipient: Recipient = nobody,
  plugged?: Plugged,
): FieldMask {
  const id = `${mask.transform} ${mask.field}`;
  switch (mask.transform) {
    case 'drop':
      return { id, reads: false, drops: true, apply: () => undefined, verify: () => false };
    case 'null':
      return constant(id, null);
    case 'fixed':
      return constant(id, hidden);
    case 'keep': {
      const { first, last, char = '*' } = mask;
      return textMask(
        id,
        (text) => keep(bareText(text), first, last, char),
        (text) => keep(text, first, last, char) === text,
        keepBytes(first, last, char),
      );
    }
    case 'surname':
      return textMask(id, surname, isMaskedName, surnameBytes);
    case 'email':
      return textMask(
        id,
        (text) => email(plainText(text)),
        (text) => maskedEmail.test(text),
        emailBytes,
      );
    case 'plate':
      return textMask(id, plate, isMaskedPlate);
    case 'address': {
      const { apply, verify } = addressMask(mask.level);
      return textMask(id, apply, verify);
    }
    case 'date': {
      const { to } = mask;
      return textMask(
        id,
        (text) => dateTo(to, text),
        (text) => isDateTo(to, text),
      );
    }
    case 'regex': {
      const { apply, verify } = regexMask(mask.pattern, mask.replace);
      return textMask(id, apply, verify);
    }
    case 'bucket':
      return reading(id, bucketMask(mask.edges));
    case 'round':
      return reading(id, roundMask(mask.to));
    case 'noise':
      return reading(id, noiseMask(mask.within, recipient));
    case 'hash':
      return reading(id, hashMask(recipient));
    case 'token':
      return reading(id, tokenMask(mask, recipient));
    case 'encrypt':
      return reading(id, encryptMask(recipient));
    case 'plugin':
      return pluginMask(mask.field, mask.plugin, plugged);
  }
}

type Parts = Pick<FieldMask, 'apply' | 'verify' | 'bytes'>;

/** For masks that are only verified, or need no key. */
const nobody: Recipient = { name: '', secrets: noSecrets('') };

const reading = (id: string, parts: Parts): FieldMask => ({
  id,
  reads: true,
  drops: false,
  ...parts,
});

function constant(id: string, made: string | null): FieldMask {
  return { id, reads: false, drops: false, apply: () => made, verify: (value) => value === made };
}

function textMask(
  id: string,
  apply: (text: string) => string,
  verify: (text: string) => boolean,
  bytes?: ByteMask,
): FieldMask {
  return reading(id, {
    bytes,
    apply: (value: Json) => (typeof value === 'string' ? apply(value) : hidden),
    verify: (value) => value === hidden || (typeof value === 'string' && verify(value)),
  });
}

function bucketMask(edges: readonly number[]): Parts {
  const labels = bucketLabels(edges);
  const known = new Set<Json>([...labels, hidden]);
  return {
    apply(value) {
      const number = numberOf(value);
      return number === undefined ? hidden : bucketOf(edges, labels, number);
    },
    verify: (value) => known.has(value),
  };
}

function roundMask(to: number): Parts {
  return {
    apply: (value) => (typeof value === 'number' ? (roundTo(to, value) ?? hidden) : hidden),
    verify: (value) =>
      value === hidden || (typeof value === 'number' && roundTo(to, value) === value),
  };
}

/** `first` and `last` characters stay, if at least half as many are hidden between them. */
function keep(text: string, first: number, last: number, char: string): string {
  const characters = [...text];
  const concealed = characters.length - first - last;
  if (concealed <= 0 || concealed * 2 < first + last) return hidden;
  const stars = char.repeat(Math.min(concealed, limits.keepHiddenMax));
  const head = characters.slice(0, first).join('');
  return head + stars + characters.slice(characters.length - last).join('');
}

const hanName = /^\p{Script=Han}{2,5}$/u;
const maskedName = /^\p{Script=Han}{1,2}\*{1,4}$/u;
/** The family name of a name in Han characters stays: 张三 → 张*, 欧阳娜娜 → 欧阳**. */
function surname(value: string): string {
  const isCommon = isCommonName(value);
  const text = isCommon ? value : plainText(value);
  if (!isCommon && !hanName.test(text)) return hidden;
  const { length } = isCommon ? text : [...text];
  const isCompound = length > 2 && compoundSurnames.has(text.slice(0, 2));
  const kept = isCompound ? text.slice(0, 2) : String.fromCodePoint(text.codePointAt(0) ?? 0);
  return kept + '*'.repeat(length - (isCompound ? 2 : 1));
}

function isMaskedName(text: string): boolean {
  const kept = isHan(text, 1) ? 2 : 1;
  const isUsual = isHan(text, 0) && fourStars.startsWith(text.slice(kept)) && text.length > kept;
  return isUsual || maskedName.test(text);
}

const fourStars = '****';

/** Of two to five common characters, one unit each: most names, known without an expression. */
function isCommonName(text: string): boolean {
  if (text.length < 2 || text.length > 5) return false;
  for (let at = 0; at < text.length; at += 1) if (!isHan(text, at)) return false;
  return true;
}

/** A common Han character. */
function isHan(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0x4e00 && unit <= 0x9fff;
}

const plainEmail = /^([A-Za-z0-9][\w.+%-]{0,63})@((?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,63})$/;
const maskedEmail = /^[A-Za-z0-9]?\*\*\*@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,63}$/;

/** The first character and the domain stay: zhangsan@example.com → z***@example.com. */
function email(text: string): string {
  const [, local = '', domain = ''] = plainEmail.exec(text) ?? [];
  if (domain === '') return hidden;
  return `${local.length > 1 ? local.slice(0, 1) : ''}***@${domain}`;
}
