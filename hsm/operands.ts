/** What a key operation may be given. Both key stores check it, so that a token never sees garbage. */
import { ECDH } from 'node:crypto';
import { SallyportError } from '@sallyport/shared/errors.ts';

/** 32 bytes. Errors: HSM_KEY. */
export function requireDigest(digest: Uint8Array): Buffer {
  if (digest.length !== 32) {
    throw new SallyportError('HSM_KEY', `expected a digest of 32 bytes, got ${digest.length}`);
  }
  return Buffer.from(digest);
}

/** An uncompressed point that is on P-256 (65 bytes): no invalid-curve attack. Errors: HSM_KEY. */
export function requirePoint(point: Uint8Array): Buffer {
  if (point.length === 65 && point[0] === 4) {
    try {
      ECDH.convertKey(point, 'prime256v1', undefined, undefined, 'uncompressed');
      return Buffer.from(point);
    } catch {
      // refused below, together with every other wrong shape
    }
  }
  throw new SallyportError('HSM_KEY', 'expected an uncompressed point on P-256, got other bytes');
}
