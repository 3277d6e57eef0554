/**
 * One value encrypted to its recipient: JWE compact serialisation (RFC 7516), ECDH-ES on P-256
 * (RFC 7518 §4.6, direct agreement) and A256GCM. Written here because masking is synchronous; a test
 * reads it with another implementation.
 */
import {
  createCipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { z } from 'zod';

/** Public key of a recipient, as JWK (RFC 7517). */
export const recipientKeyShape = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.base64url().length(43),
  y: z.base64url().length(43),
  kid: z.string().min(1).max(64).optional(),
});
export type RecipientKey = z.infer<typeof recipientKeyShape>;

/** True where the numbers are a point on the curve. */
export function isOnCurve(jwk: RecipientKey): boolean {
  try {
    keyOf(jwk);
    return true;
  } catch {
    return false;
  }
}

/** Encrypts texts to one recipient; each call has a new ephemeral key. */
export function createEncrypter(jwk: RecipientKey): (text: string) => string {
  const recipient = keyOf(jwk);
  return (text) => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
    const header = {
      alg: 'ECDH-ES',
      enc: 'A256GCM',
      cty: 'json',
      epk: { kty, crv, x, y },
      ...(jwk.kid !== undefined && { kid: jwk.kid }),
    };
    const shared = diffieHellman({ privateKey, publicKey: recipient });
    const protectedHeader = Buffer.from(JSON.stringify(header)).toString('base64url');
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', agreedKey(shared, 'A256GCM', 256), iv);
    cipher.setAAD(Buffer.from(protectedHeader));
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    const parts = [iv, sealed, cipher.getAuthTag()].map((part) => part.toString('base64url'));
    return [protectedHeader, '', ...parts].join('.');
  };
}

const form = /^eyJ[\w-]{40,1000}\.\.[\w-]{16}\.[\w-]+\.[\w-]{22}$/;

/** True for texts that have the form of what `createEncrypter` makes. */
export const isEncrypted = (text: string): boolean => form.test(text);

/** Concat KDF, one round (RFC 7518 §4.6.2; NIST SP 800-56A §5.8.1), no party info. */
export function agreedKey(
  shared: Uint8Array,
  algorithm: string,
  bits: 128 | 256,
  apu: Uint8Array = new Uint8Array(0),
  apv: Uint8Array = new Uint8Array(0),
): Buffer {
  const sized = (bytes: Uint8Array): Buffer => Buffer.concat([u32(bytes.length), bytes]);
  const hash = createHash('sha256').update(u32(1)).update(shared);
  for (const part of [Buffer.from(algorithm), apu, apv]) hash.update(sized(part));
  return hash
    .update(u32(bits))
    .digest()
    .subarray(0, bits / 8);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function keyOf({ kty, crv, x, y }: RecipientKey): KeyObject {
  return createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' });
}
