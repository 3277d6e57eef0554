/** Keys for masking without a node: made for one run and forgotten with it. */
import { randomBytes } from 'node:crypto';
import { deriveMaskKey, type SecretsOf } from '@sallyport/shared/masking/secrets.ts';
import { newToken } from '@sallyport/shared/masking/vault.ts';

/** Each run has another master, so nothing that it makes is what a node would make. */
export function runSecrets(): SecretsOf {
  const master = randomBytes(32);
  return (consumer) => ({
    key: (purpose) => deriveMaskKey(master, consumer, purpose),
    token: () => newToken(randomBytes(17)),
  });
}
