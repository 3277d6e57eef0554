/** Fixed samples of what a node keeps: made once by samples/generate.ts, their keys are nobody's. */
import { argon2Sync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FileKey } from '@sallyport/hsm/soft/file.ts';

/** When the certificates of the samples are valid. */
export const samplesAtMs = Date.UTC(2026, 0, 2);
export const pin = '123456';

/** The least stretching that the keystore accepts: the cases are many. */
export function stretchSmall(secret: string): FileKey {
  const salt = Buffer.alloc(16, 7);
  const kdf = {
    name: 'argon2id',
    memoryKib: 8,
    passes: 1,
    parallelism: 1,
    salt: salt.toString('base64'),
  } as const;
  const cost = { parallelism: 1, memory: 8, passes: 1, tagLength: 32 };
  return { kdf, key: argon2Sync('argon2id', { message: secret, nonce: salt, ...cost }) };
}

export function sample(name: string): Buffer {
  return readFileSync(join(import.meta.dirname, 'samples', name));
}
