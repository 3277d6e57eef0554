/** Recipients with keys that a test makes itself, and a vault that forgets. */
import { randomBytes } from 'node:crypto';
import type { RecipientKey } from '@sallyport/shared/masking/jwe.ts';
import type { Recipient } from '@sallyport/shared/masking/keyed.ts';
import { deriveMaskKey } from '@sallyport/shared/masking/secrets.ts';
import { newToken } from '@sallyport/shared/masking/vault.ts';

const fixed = Buffer.alloc(32, 7);

export function recipient(
  name: string,
  encryptionKey?: RecipientKey,
  master: Uint8Array = fixed,
): Recipient {
  const tokens = new Map<string, string>();
  return {
    name,
    encryptionKey,
    secrets: {
      key: (purpose) => deriveMaskKey(master, name, purpose),
      token(value) {
        const token = tokens.get(value) ?? newToken(randomBytes(17));
        tokens.set(value, token);
        return token;
      },
    },
  };
}
