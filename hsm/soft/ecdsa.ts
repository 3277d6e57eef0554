import { p256 } from '@noble/curves/nist.js';

/**
 * ECDSA P-256 over a ready-made digest (FIPS 186-5 §6.4.1), which node:crypto does not offer: it always
 * hashes by itself. The nonce is RFC 6979's with added entropy (§3.6), so that a fault in one signature
 * says nothing about the key. Returns r ‖ s, 64 bytes; `scalar` is the private key.
 */
export function signDigest(scalar: Buffer, digest: Buffer): Buffer {
  const options = { prehash: false, lowS: false, extraEntropy: true };
  return Buffer.from(p256.sign(digest, scalar, options));
}
