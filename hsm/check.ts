/**
 * Checks a certificate that somebody else wrote, before a key in it is believed. The peer's trust file
 * is confirmed by people; this makes sure that what they confirmed is also fit for its purpose.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { oids, readExtensions, usageExtensions } from './extensions.ts';
import { type ProfileName, profiles } from './profiles.ts';

/** What a checked certificate says. */
export interface CertificateFacts {
  readonly commonName: string;
  /** Uncompressed P-256 point, 65 bytes. */
  readonly publicKey: Buffer;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SHA-256 of the DER, lower-case hex. */
  readonly fingerprint: string;
}

export interface CheckOptions {
  /** The CA's certificate, already trusted as such; the certificate itself for a CA. */
  readonly caDer: Buffer;
  readonly profile: ProfileName;
  readonly nowMs: number;
}

const informative: readonly string[] = [
  oids.subjectKeyIdentifier,
  oids.authorityKeyIdentifier,
  oids.subjectAltName,
];

/**
 * In order: DER with nothing after it, the curve, the CA itself, issuer and signature, validity,
 * extensions exactly those of the profile. Errors: CERTIFICATE_REFUSED.
 */
export function checkCertificate(der: Buffer, options: CheckOptions): CertificateFacts {
  const certificate = parse(der);
  const publicKey = p256PointOf(certificate);
  if (options.profile !== 'ca') {
    checkCertificate(options.caDer, { ...options, profile: 'ca' });
  }
  const ca = parse(options.caDer);
  if (!certificate.checkIssued(ca) || !certificate.verify(ca.publicKey)) {
    throw refused("expected the CA's signature, got another");
  }
  const notBeforeMs = certificate.validFromDate.getTime();
  const notAfterMs = certificate.validToDate.getTime();
  if (options.nowMs < notBeforeMs || options.nowMs > notAfterMs) {
    throw refused(`expected a time from ${certificate.validFrom} to ${certificate.validTo}`);
  }
  requireExtensions(der, options.profile);
  return {
    commonName: commonNameOf(certificate),
    publicKey,
    notBeforeMs,
    notAfterMs,
    fingerprint: createHash('sha256').update(der).digest('hex'),
  };
}

function parse(der: Buffer): X509Certificate {
  try {
    const certificate = new X509Certificate(der);
    if (certificate.raw.equals(der)) return certificate;
  } catch (cause) {
    throw refused('expected a certificate in DER, got other bytes', cause);
  }
  throw refused('expected one certificate in DER, got more');
}

function p256PointOf(certificate: X509Certificate): Buffer {
  try {
    const key = certificate.publicKey;
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') {
      return key.export({ format: 'raw-public', type: 'uncompressed' });
    }
  } catch (cause) {
    throw refused('expected a public key, got other bytes', cause);
  }
  throw refused('expected a P-256 key, got another');
}

/** Usage extensions must be there, byte for byte; key identifiers and names may be; nothing else. */
function requireExtensions(der: Buffer, profile: ProfileName): void {
  const found = extensionsOf(der);
  if (new Set(found.map((one) => one.oid)).size !== found.length) {
    throw refused('expected each extension once');
  }
  for (const wanted of usageExtensions(profiles[profile])) {
    const one = found.find((other) => other.oid === wanted.oid);
    if (one?.critical !== wanted.critical || !one.value.equals(wanted.value)) {
      throw refused(`expected the usage of a ${profile} certificate in extension ${wanted.oid}`);
    }
  }
  const known = usageExtensions(profiles[profile]).map((one) => one.oid);
  const surplus = found.find((one) => !known.includes(one.oid) && !isInformative(one));
  if (surplus) throw refused(`expected no extension ${surplus.oid} in a ${profile} certificate`);
}

function isInformative(extension: { oid: string; critical: boolean }): boolean {
  return !extension.critical && informative.includes(extension.oid);
}

function extensionsOf(der: Buffer): ReturnType<typeof readExtensions> {
  try {
    return readExtensions(der);
  } catch (cause) {
    throw refused('expected extensions in DER, got other bytes', cause);
  }
}

function commonNameOf(certificate: X509Certificate): string {
  const [line, ...others] = certificate.subject.split('\n');
  if (line?.startsWith('CN=') && others.length === 0) return line.slice(3);
  throw refused('expected a subject of one common name');
}

function refused(message: string, cause?: unknown): SallyportError {
  return new SallyportError('CERTIFICATE_REFUSED', message, {
    hint: 'issue the certificate again with this product, and exchange trust files again',
    cause,
  });
}
