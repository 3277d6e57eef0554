/**
 * All about an algorithm in one row. Only public keys: where a secret is shared, the outer node
 * would hold it, and could sign for the consumer.
 */
import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';

export interface Algorithm {
  readonly fits: (key: KeyObject) => boolean;
  readonly verify: (key: KeyObject, data: Uint8Array, signature: Uint8Array) => boolean;
}

const rsaBitsMin = 2048;
const rsaBitsMax = 8192;

const ecdsaP256: Algorithm = {
  fits: (key) => key.asymmetricKeyDetails?.namedCurve === 'prime256v1',
  // r ‖ s, as RFC 9421 §3.3.4 and RFC 7518 §3.4 have it.
  verify: (key, data, signature) =>
    verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, signature),
};
const ed25519: Algorithm = {
  fits: (key) => key.asymmetricKeyType === 'ed25519',
  verify: (key, data, signature) => verify(null, data, key, signature),
};
const rsaPss = (hash: 'sha256' | 'sha512', saltLength: number): Algorithm => ({
  fits: (key) => isRsa(key, ['rsa', 'rsa-pss']),
  verify: (key, data, signature) =>
    verify(hash, data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature),
});
const rsaPkcs1: Algorithm = {
  fits: (key) => isRsa(key, ['rsa']),
  verify: (key, data, signature) => verify('sha256', data, key, signature),
};

/** By their names in the registry of RFC 9421 §6.2. */
export const signatureAlgorithms = {
  'ecdsa-p256-sha256': ecdsaP256,
  ed25519,
  'rsa-pss-sha512': rsaPss('sha512', 64),
} as const satisfies Record<string, Algorithm>;
export type SignatureAlgorithm = keyof typeof signatureAlgorithms;

/**
 * By their names in a JWS header (RFC 7518 §3.1, RFC 8037). `none` and the HMACs are not among
 * them.
 */
export const tokenAlgorithms = {
  ES256: ecdsaP256,
  EdDSA: ed25519,
  PS256: rsaPss('sha256', 32),
  RS256: rsaPkcs1,
} as const satisfies Record<string, Algorithm>;
export type TokenAlgorithm = keyof typeof tokenAlgorithms;

function isRsa(key: KeyObject, types: readonly string[]): boolean {
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  return types.includes(key.asymmetricKeyType ?? '') && bits >= rsaBitsMin && bits <= rsaBitsMax;
}

/**
 * A public key of a policy in normal form: SubjectPublicKeyInfo, DER, base64. Undefined where it
 * is none.
 */
export function readSpki(text: string): KeyObject | undefined {
  try {
    const der = Buffer.from(text, 'base64');
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    return der.toString('base64') === text && spkiOf(key) === text ? key : undefined;
  } catch {
    return undefined;
  }
}

/** The normal form of a key. */
export function spkiOf(key: KeyObject): string {
  return key.export({ format: 'der', type: 'spki' }).toString('base64');
}

/** A public key as PEM. Undefined also for a private key: that has no place in a policy. */
export function readPem(text: string): KeyObject | undefined {
  if (
    !/^-----BEGIN PUBLIC KEY-----\r?\n[A-Za-z0-9+/=\r\n]+-----END PUBLIC KEY-----\s*$/.test(text)
  ) {
    return undefined;
  }
  try {
    return createPublicKey(text);
  } catch {
    return undefined;
  }
}
