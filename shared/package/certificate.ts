/**
 * What the package needs of a certificate (RFC 5280): the key, its id, and issuer with serial
 * number.
 */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { SallyportError } from '../errors.ts';
import { derAt, sequence } from './der.ts';
import type { Suite } from './suites.ts';

export interface Certificate {
  readonly der: Buffer;
  readonly publicKey: KeyObject;
  /**
   * SHA-256 (hex) of the DER SubjectPublicKeyInfo: names the key, whatever certificate carries it.
   */
  readonly keyId: string;
  /** DER IssuerAndSerialNumber (RFC 5652 §10.2.4): how CMS names the certificate. */
  readonly issuerAndSerial: Buffer;
}

const known = new WeakMap<Uint8Array, Certificate>();

/**
 * Reads a DER X.509 v3 certificate. It is not verified: the caller pins it or checks its chain.
 * Remembered per buffer, because the few pinned ones are used for every package. Errors:
 * CERTIFICATE_REFUSED.
 */
export function readCertificate(der: Buffer, suite: Suite): Certificate {
  const found = known.get(der);
  if (found) return found;
  const certificate = parse(der, suite);
  known.set(der, certificate);
  return certificate;
}

function parse(der: Buffer, suite: Suite): Certificate {
  try {
    // tbsCertificate: version, serialNumber, signature, issuer, validity, subject, publicKeyInfo
    const serial = derAt(der, 0, 0, 1).whole;
    const issuer = derAt(der, 0, 0, 3).whole;
    const spki = derAt(der, 0, 0, 6).whole;
    const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    const curve = publicKey.asymmetricKeyDetails?.namedCurve;
    const point = derAt(spki, 0, 1).content.subarray(1);
    if (curve !== suite.signature.curve || point.length !== suite.agreement.pointBytes) {
      throw new Error(`expected an uncompressed ${suite.signature.curve} key`);
    }
    return {
      der,
      publicKey,
      keyId: createHash(suite.hash.name).update(spki).digest('hex'),
      issuerAndSerial: sequence(issuer, serial),
    };
  } catch (cause) {
    throw new SallyportError('CERTIFICATE_REFUSED', `expected a certificate of ${suite.name}`, {
      hint: 'give the DER bytes of an X.509 v3 certificate with a key of the suite',
      cause,
    });
  }
}
