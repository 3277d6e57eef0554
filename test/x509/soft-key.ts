/** P-256 keys in software that sign ready-made digests, as the keys of an HSM do. */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { signDigest } from '@sallyport/hsm/soft/ecdsa.ts';

export interface SoftKey {
  readonly privateKey: KeyObject;
  readonly pem: string;
  /** Uncompressed, 65 bytes. */
  readonly point: Buffer;
  /** r ‖ s, 64 bytes. */
  readonly sign: (digest: Uint8Array) => Promise<Buffer>;
}

/** A new key, or that of a PEM text. */
export function softKey(given?: string): SoftKey {
  const privateKey = given === undefined ? newPrivateKey() : createPrivateKey(given);
  const scalar = privateKey.export({ format: 'raw-private' });
  return {
    privateKey,
    pem: String(privateKey.export({ format: 'pem', type: 'pkcs8' })),
    point: createPublicKey(privateKey).export({ format: 'raw-public' }),
    sign: async (digest) => signDigest(scalar, Buffer.from(digest)),
  };
}

export function publicKeyOf(point: Uint8Array): KeyObject {
  return createPublicKey({
    key: point,
    format: 'raw-public',
    asymmetricKeyType: 'ec',
    namedCurve: 'P-256',
  });
}

const newPrivateKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
