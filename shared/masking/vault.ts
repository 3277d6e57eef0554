/**
 * The vault of random tokens: token and value, side by side, for one recipient. The store holds a keyed
 * hash of the value, to find its token again, and the value itself encrypted under a key that only the
 * HSM opens; so the file alone tells neither.
 *
 *   value ─ lookup hash ─▶ row? ─yes─▶ its token
 *                            └no─▶ new random token ─ waits ─ drain(tx) ─▶ row, in the commit of the answer
 */
import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import { keyedDigest } from './secrets.ts';

/** One row as the store keeps it. */
export interface VaultRow {
  readonly consumer: string;
  /** HMAC-SHA-256 of the value, 32 bytes. */
  readonly lookup: Uint8Array;
  readonly token: string;
  /** nonce (12) ‖ ciphertext ‖ tag (16), AES-256-GCM; consumer and token are authenticated with it. */
  readonly sealed: Uint8Array;
}

/** What the store answers. */
export interface VaultRows {
  tokenOf(consumer: string, lookup: Uint8Array): string | undefined;
  sealedValue(consumer: string, token: string): Uint8Array | undefined;
}

export interface VaultKeys {
  readonly lookup: KeyObject;
  readonly vault: KeyObject;
}

export interface Vault {
  /** The token of a value; the same each time. Errors: OVERLOADED (too many new ones wait). */
  token(consumer: string, keys: VaultKeys, value: string): string;
  /** Writes what is new into this commit. Rows that were written before stay as they are. */
  drain(tx: { putToken(row: VaultRow): void }): void;
  /** Errors: TOKEN_UNKNOWN, STORE_DAMAGED (the row was changed). */
  value(consumer: string, key: KeyObject, token: string): string;
}

export function createVault(rows: VaultRows): Vault {
  /** Not known to be durable yet: an undone commit leaves them for the next one. */
  const waiting = new Map<string, VaultRow>();
  let settling = false;
  const settle = (): void => {
    settling = false;
    try {
      for (const [place, { consumer, lookup, token }] of waiting) {
        if (rows.tokenOf(consumer, lookup) === token) waiting.delete(place);
      }
    } catch {
      // The store is away: all of it goes into a later commit again.
    }
  };
  return {
    token(consumer, { lookup: lookupKey, vault }, value) {
      const lookup = keyedDigest(lookupKey, value);
      const place = `${consumer} ${lookup.toString('base64')}`;
      const known = waiting.get(place)?.token ?? rows.tokenOf(consumer, lookup);
      if (known !== undefined) return known;
      if (waiting.size >= limits.tokensWaitingMax) {
        throw new SallyportError('OVERLOADED', `${waiting.size} new tokens wait to be stored`);
      }
      const token = newToken(randomBytes(17));
      waiting.set(place, { consumer, lookup, token, sealed: seal(vault, consumer, token, value) });
      return token;
    },
    drain(tx) {
      if (waiting.size === 0) return;
      for (const row of waiting.values()) tx.putToken(row);
      // A commit is one uninterrupted turn: after it the store tells what is durable.
      if (!settling) queueMicrotask(settle);
      settling = true;
    },
    value(consumer, key, token) {
      const row = [...waiting.values()].find(
        (one) => one.consumer === consumer && one.token === token,
      );
      const sealed = row?.sealed ?? rows.sealedValue(consumer, token);
      if (sealed === undefined) throw unknownToken();
      return unseal(key, consumer, token, Buffer.from(sealed));
    },
  };
}

/** Says the same of a token that never was and of one of another recipient. */
export function unknownToken(): SallyportError {
  return new SallyportError('TOKEN_UNKNOWN', 'expected a token of this consumer and field', {
    hint: 'compare --consumer, --route and --field with where the token was seen',
  });
}

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/** `tok_` and 26 characters of Crockford's base 32: 130 bits of 17 random bytes. */
export function newToken(random: Uint8Array): string {
  let bits = 0n;
  for (const byte of random) bits = (bits << 8n) | BigInt(byte);
  let text = '';
  for (let at = 0; at < 26; at += 1) {
    text += alphabet.charAt(Number(bits & 31n));
    bits >>= 5n;
  }
  return `tok_${text}`;
}

function seal(key: KeyObject, consumer: string, token: string, value: string): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aad(consumer, token));
  const sealed = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]);
}

function unseal(key: KeyObject, consumer: string, token: string, row: Buffer): string {
  try {
    const cipher = createDecipheriv('aes-256-gcm', key, row.subarray(0, 12));
    cipher.setAAD(aad(consumer, token)).setAuthTag(row.subarray(row.length - 16));
    return (
      cipher.update(row.subarray(12, row.length - 16), undefined, 'utf8') + cipher.final('utf8')
    );
  } catch (cause) {
    throw new SallyportError('STORE_DAMAGED', 'expected an intact token, got a changed one', {
      hint: 'restore the store from a backup; the audit log shows whether it is intact',
      cause,
    });
  }
}

const aad = (consumer: string, token: string): Buffer => Buffer.from(`${consumer}\0${token}`);
