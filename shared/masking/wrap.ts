/**
 * The master of all mask keys, wrapped for the key store of its node: 32 random bytes, encrypted under a
 * key that only the private key in the HSM agrees on (ECIES on P-256: ECDH, HKDF-SHA-256, AES-256-GCM).
 *
 *   version 1 (1) ‖ ephemeral point (65) ‖ nonce (12) ‖ ciphertext (32) ‖ tag (16)
 */
import {
  createCipheriv,
  createDecipheriv,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { SallyportError } from '../errors.ts';

const version = 1;
const pointBytes = 65;
const masterBytes = 32;
const wrappedBytes = 1 + pointBytes + 12 + masterBytes + 16;

/** Wraps for a P-256 public key; needs no HSM. `node` is authenticated with it. */
export function wrapMaster(master: Uint8Array, recipient: KeyObject, node: string): Buffer {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const point = publicKey.export({ format: 'raw-public', type: 'uncompressed' });
  const shared = diffieHellman({ privateKey, publicKey: recipient });
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', wrappingKey(shared, point), nonce);
  cipher.setAAD(Buffer.from(node));
  const sealed = Buffer.concat([cipher.update(master), cipher.final()]);
  return Buffer.concat([Buffer.of(version), point, nonce, sealed, cipher.getAuthTag()]);
}

/** Errors: those of `derive`; STORE_DAMAGED for bytes that are not what this key store wraps. */
export async function unwrapMaster(
  wrapped: Buffer,
  derive: (point: Uint8Array) => Promise<Buffer>,
  node: string,
): Promise<Buffer> {
  if (wrapped.length !== wrappedBytes || wrapped[0] !== version) throw damaged();
  const point = wrapped.subarray(1, 1 + pointBytes);
  const nonce = wrapped.subarray(1 + pointBytes, 1 + pointBytes + 12);
  const shared = await derive(point);
  try {
    const cipher = createDecipheriv('aes-256-gcm', wrappingKey(shared, point), nonce);
    cipher.setAAD(Buffer.from(node)).setAuthTag(wrapped.subarray(wrappedBytes - 16));
    const sealed = wrapped.subarray(1 + pointBytes + 12, wrappedBytes - 16);
    return Buffer.concat([cipher.update(sealed), cipher.final()]);
  } catch (cause) {
    throw damaged(cause);
  }
}

/** Apart from the keys of packages, which the same private key opens, by its own label. */
function wrappingKey(shared: Uint8Array, point: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', shared, point, 'sallyport mask key wrap v1', 32));
}

function damaged(cause?: unknown): SallyportError {
  return new SallyportError('STORE_DAMAGED', 'expected the wrapped key of masks, got other bytes', {
    hint: 'the store belongs to another key store, or was changed: restore both from one backup',
    cause,
  });
}
