/**
 * ECDSA P-256 over a ready-made digest (FIPS 186-5 §6.4.1), which node:crypto does not offer: it
 * always hashes by itself. The secret nonce k and its point come from OpenSSL's own constant-time key
 * generation; only s = k⁻¹(z + r·d) mod n is computed here, blinded so that the variable time of
 * the inversion says nothing about k.
 */
import { createECDH, randomBytes } from 'node:crypto';

const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** Returns r ‖ s, 64 bytes. `scalar` is the private key, `digest` 32 bytes. */
export function signDigest(scalar: Buffer, digest: Buffer): Buffer {
  const d = toInteger(scalar);
  const z = toInteger(digest);
  for (;;) {
    const nonce = createECDH('prime256v1');
    const r = toInteger(nonce.generateKeys().subarray(1, 33)) % n;
    const k = toInteger(nonce.getPrivateKey());
    const blind = (toInteger(randomBytes(32)) % (n - 1n)) + 1n;
    const sum = (((blind * z) % n) + ((blind * r) % n) * d) % n;
    const s = (inverse((k * blind) % n) * sum) % n;
    if (r !== 0n && s !== 0n) return Buffer.concat([toBytes(r), toBytes(s)]);
  }
}

/** Modular inverse by the extended Euclidean algorithm. */
function inverse(value: bigint): bigint {
  let [previous, current] = [n, value];
  let [previousFactor, factor] = [0n, 1n];
  while (current !== 0n) {
    const quotient = previous / current;
    [previous, current] = [current, previous - quotient * current];
    [previousFactor, factor] = [factor, previousFactor - quotient * factor];
  }
  return previousFactor < 0n ? previousFactor + n : previousFactor;
}

function toInteger(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`);
}

function toBytes(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
}
