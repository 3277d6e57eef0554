/**
 * What keyed masks need, for one recipient. Every recipient has keys of its own, so that two of them
 * cannot join what they got: docs/decisions/0009-mask-keys.md.
 */
import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { SallyportError } from '../errors.ts';

export const maskPurposes = ['hash', 'noise', 'ff1', 'lookup', 'vault'] as const;
export type MaskPurpose = (typeof maskPurposes)[number];

/** Keys and tokens of one recipient. Whoever asks before the master is open made a mistake: INTERNAL. */
export interface RecipientSecrets {
  key(purpose: MaskPurpose): KeyObject;
  /** The token of a value in normal form: the same as before, or a new random one. */
  token(value: string): string;
}

/** Secrets by the name of a consumer. */
export type SecretsOf = (consumer: string) => RecipientSecrets;

/** The key of one purpose and recipient: HKDF-SHA-256 (RFC 5869) of the master, 32 bytes. */
export function deriveMaskKey(
  master: Uint8Array,
  recipient: string,
  purpose: MaskPurpose,
): KeyObject {
  const info = `sallyport mask v1\0${purpose}\0${recipient}`;
  return createSecretKey(Buffer.from(hkdfSync('sha256', master, '', info, 32)));
}

/** HMAC-SHA-256 of a text under a key of one recipient. */
export function keyedDigest(key: KeyObject, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** For a node that only verifies masks: it has no keys and must never be asked for one. */
export const noSecrets: SecretsOf = () => ({ key: missing, token: missing });

export function missing(): never {
  throw new SallyportError('INTERNAL', 'expected the keys of masks, got none');
}
