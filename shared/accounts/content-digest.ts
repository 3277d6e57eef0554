/** Content-Digest (RFC 9530 §2): the digest of the bytes of a body as they came. */
import { hash } from 'node:crypto';
import { SallyportError } from '../errors.ts';
import { readDictionary } from './dictionary.ts';

const names: Readonly<Record<string, string>> = { 'sha-256': 'sha256', 'sha-512': 'sha512' };

/**
 * Every digest of an algorithm that is known must fit, and there must be one. The others of the registry
 * are broken or obsolete and count for nothing. Errors: DIGEST_REFUSED.
 */
export function expectDigest(value: string, body: Uint8Array): void {
  let entries: ReturnType<typeof readDictionary>;
  try {
    entries = readDictionary(value);
  } catch {
    throw refused('a dictionary in Content-Digest');
  }
  let known = 0;
  for (const [name, [digest]] of entries) {
    const algorithm = Object.hasOwn(names, name) ? names[name] : undefined;
    if (algorithm === undefined) continue;
    known += 1;
    if (!(digest instanceof ArrayBuffer)) throw refused('bytes in Content-Digest');
    if (!hash(algorithm, body, 'buffer').equals(Buffer.from(digest))) {
      throw refused('a body that fits its digest');
    }
  }
  if (known === 0) throw refused('a digest with sha-256 or sha-512');
}

function refused(expected: string): SallyportError {
  return new SallyportError('DIGEST_REFUSED', `expected ${expected}`, {
    hint: 'the digest is that of the body as it is sent (RFC 9530)',
  });
}
