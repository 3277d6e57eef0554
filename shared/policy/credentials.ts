/**
 * API keys: `sp_<id>_<secret>`. The id finds the record, so nothing is searched; the secret is 32
 * random bytes, so a fast keyed hash is enough to keep it.
 */
import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import type { Credentials, KeyRecord, Policy } from './model.ts';

const keyText = /^sp_([0-9a-f]{12})_[A-Za-z0-9_-]{43}$/;

/** A new key for a consumer. `key` is secret: show it once, never store or log it. */
export function issueApiKey(order: {
  readonly consumer: string;
  /** `Credentials.hashKey`. */
  readonly hashKey: string;
  readonly nowMs: number;
  readonly expiresAtMs?: number | undefined;
}): { key: string; record: KeyRecord } {
  const id = randomBytes(6).toString('hex');
  const key = `sp_${id}_${randomBytes(32).toString('base64url')}`;
  const record: KeyRecord = {
    id,
    type: 'key',
    consumer: order.consumer,
    prefix: `sp_${id}`,
    lastFour: key.slice(-4),
    hash: hashApiKey(hashKeyObject(order.hashKey), key).toString('base64url'),
    createdAtMs: order.nowMs,
    ...(order.expiresAtMs === undefined ? {} : { expiresAtMs: order.expiresAtMs }),
  };
  return { key, record };
}

/** A fresh key for `Credentials.hashKey`. */
export function newHashKey(): string {
  return randomBytes(32).toString('base64url');
}

/** The id inside an API key; undefined where the text is no key of ours. */
export function apiKeyId(key: string): string | undefined {
  return keyText.exec(key)?.[1];
}

/** HMAC-SHA-256 of a whole key. */
export function hashApiKey(hashKey: KeyObject, key: string): Buffer {
  return createHmac('sha256', hashKey).update(key).digest();
}

/** The hash key in the form that node:crypto uses fastest. */
export function hashKeyObject(hashKey: string): KeyObject {
  return createSecretKey(Buffer.from(hashKey, 'base64url'));
}

/** The policy with the keys of those of its consumers that may have keys; keys of others stay behind. */
export function withCredentials(policy: Policy, credentials: Credentials): Policy {
  const names = new Set(
    policy.consumers
      .filter(({ credentials }) => credentials.some(({ type }) => type === 'key'))
      .map(({ name }) => name),
  );
  const keys = credentials.keys.filter((key) => names.has(key.consumer));
  return {
    ...policy,
    credentials: {
      hashKey: credentials.hashKey,
      keys: keys.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    },
  };
}
