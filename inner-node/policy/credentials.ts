/**
 * Issued API keys, kept beside the policy in `policy/credentials.json` (mode 0600): hashes only,
 * never a key. They take effect in a signed bundle: `credentials-apply` puts them into the policy
 * in force, `policy apply` into the next.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { credentialsShape } from '@sallyport/shared/policy/bundle.ts';
import { issueApiKey, newHashKey } from '@sallyport/shared/policy/credentials.ts';
import { type Credentials, type KeyRecord, noCredentials } from '@sallyport/shared/policy/model.ts';
import { replaceFile } from '@sallyport/shared/replace-file.ts';

/** Where a node's home keeps the file. */
export function credentialsFile(dir: string): string {
  return join(dir, 'policy', 'credentials.json');
}

/** The issued keys of a node; none where the file does not exist. Errors: POLICY_INVALID. */
export async function readCredentials(dir: string): Promise<Credentials> {
  const file = credentialsFile(dir);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (isMissing(cause)) return noCredentials;
    throw damaged('a readable file', cause);
  }
  try {
    return read(JSON.parse(text));
  } catch (cause) {
    throw damaged('credentials.json in its own form', cause);
  }
}

/**
 * Issues a key and remembers its record. `key` is secret: show it once. Not safe against a second
 * caller at the same time: one process of the node does it. Errors: POLICY_INVALID, OVERLOADED at
 * the limit of keys.
 */
export async function issueConsumerKey(
  dir: string,
  order: {
    readonly consumer: string;
    readonly nowMs: number;
    readonly expiresAtMs?: number | undefined;
  },
): Promise<{ key: string; record: KeyRecord }> {
  const held = await readCredentials(dir);
  if (held.keys.length >= limits.policyKeysMax) {
    throw new SallyportError('OVERLOADED', `expected at most ${limits.policyKeysMax} keys`, {
      hint: 'revoke keys that nobody uses',
    });
  }
  const hashKey = held.hashKey === '' ? newHashKey() : held.hashKey;
  const issued = issueApiKey({ ...order, hashKey });
  await writeCredentials(dir, { hashKey, keys: [...held.keys, issued.record] });
  return issued;
}

/**
 * A new key for the consumer of an old one, which goes on for `graceMs`: time to bring the new
 * one where it is used. Undefined where there is no key of that id. Errors: as issueConsumerKey.
 */
export async function rotateConsumerKey(
  dir: string,
  order: {
    readonly id: string;
    readonly nowMs: number;
    readonly graceMs: number;
    readonly expiresAtMs?: number | undefined;
  },
): Promise<{ key: string; record: KeyRecord; old: KeyRecord } | undefined> {
  const before = (await readCredentials(dir)).keys.find(({ id }) => id === order.id);
  if (!before) return undefined;
  const { nowMs, expiresAtMs } = order;
  const issued = await issueConsumerKey(dir, { consumer: before.consumer, nowMs, expiresAtMs });
  const endMs = Math.min(before.expiresAtMs ?? Number.POSITIVE_INFINITY, nowMs + order.graceMs);
  const old = { ...before, expiresAtMs: endMs };
  const { hashKey, keys } = await readCredentials(dir);
  await writeCredentials(dir, {
    hashKey,
    keys: keys.map((one) => (one.id === old.id ? old : one)),
  });
  return { ...issued, old };
}

/** Forgets a key. Returns false where there is none of that id. */
export async function revokeConsumerKey(dir: string, id: string): Promise<boolean> {
  const held = await readCredentials(dir);
  const keys = held.keys.filter((record) => record.id !== id);
  if (keys.length === held.keys.length) return false;
  await writeCredentials(dir, { hashKey: held.hashKey, keys });
  return true;
}

async function writeCredentials(dir: string, credentials: Credentials): Promise<void> {
  const file = credentialsFile(dir);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  replaceFile(file, Buffer.from(`${JSON.stringify(credentials, null, 2)}\n`));
}

function read(value: unknown): Credentials {
  const { hashKey, keys } = credentialsShape.parse(value);
  return {
    hashKey,
    keys: keys.map(({ expiresAtMs, ...key }) => ({
      ...key,
      ...(expiresAtMs !== undefined && { expiresAtMs }),
    })),
  };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function damaged(expected: string, cause: unknown): SallyportError {
  return new SallyportError('POLICY_INVALID', `expected ${expected}, got a damaged one`, {
    hint: 'restore policy/credentials.json from a backup, or issue the keys anew',
    cause,
  });
}
