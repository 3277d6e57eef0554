/**
 * X.509 certificates of a node's keys (RFC 5280): built with node-forge's ASN.1, signed by whoever holds
 * the CA key. PEM and back is node:crypto's own `X509Certificate`, and what a peer's certificate has
 * to be is checked in shared/x509/.
 */
import { createHash, createPublicKey, randomBytes, X509Certificate } from 'node:crypto';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { usageExtensions } from '@sallyport/shared/x509/extensions.ts';
import { type ProfileName, profiles } from '@sallyport/shared/x509/profiles.ts';
import {
  type Asn1,
  bitString,
  decode,
  encode,
  integer,
  oid,
  sequence,
  set,
  tagged,
  time,
  utf8,
} from './der.ts';
import { nameExtensions } from './extensions.ts';
import { requirePoint } from './operands.ts';

export interface CertificateRequest {
  readonly profile: ProfileName;
  readonly commonName: string;
  /** Uncompressed P-256 point, 65 bytes. */
  readonly subjectPublicKey: Uint8Array;
  /** Up to 20 bytes, not zero; see newSerial. */
  readonly serial: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Who signs; a certificate without an issuer is self-signed (profile ca only). */
  readonly issuer?: { readonly commonName: string; readonly publicKey: Uint8Array };
  /** DNS names and IP addresses, for the TLS profiles. */
  readonly altNames?: readonly string[];
  /** Signs a SHA-256 digest with the issuer's key; returns r ‖ s, 64 bytes. */
  readonly sign: (digest: Buffer) => Promise<Buffer>;
}

const ids = {
  commonName: '2.5.4.3',
  ecPublicKey: '1.2.840.10045.2.1',
  prime256v1: '1.2.840.10045.3.1.7',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
} as const;
const signatureAlgorithm = (): Asn1 => sequence([oid(ids.ecdsaWithSha256)]);

/** A random serial number of 127 bits (RFC 5280 §4.1.2.2 wants it positive). */
export function newSerial(): Buffer {
  const serial = randomBytes(16);
  serial.writeUInt8((serial.readUInt8(0) & 0x7f) | 0x40, 0);
  return serial;
}

/**
 * Issues one certificate, as DER. Errors: CERTIFICATE_REFUSED (a request that makes no sense, or a
 * signature that is not the issuer's), HSM_KEY (no P-256 point), and those of `sign`.
 */
export async function issueCertificate(request: CertificateRequest): Promise<Buffer> {
  requireSense(request);
  const tbs = toBeSigned(request);
  const signature = await request.sign(createHash('sha256').update(encode(tbs)).digest());
  const der = encode(
    sequence([tbs, signatureAlgorithm(), bitString(encode(signatureToAsn1(signature)))]),
  );
  const issuerKey = request.issuer?.publicKey ?? request.subjectPublicKey;
  const key = { key: encode(publicKeyInfo(issuerKey)), format: 'der', type: 'spki' } as const;
  if (new X509Certificate(der).verify(createPublicKey(key))) return der;
  throw new SallyportError('CERTIFICATE_REFUSED', "expected the issuer's signature, got another", {
    hint: 'two keys of the token may have one label: use an empty token, and begin again',
  });
}

function requireSense(request: CertificateRequest): void {
  const { commonName, serial, notBeforeMs, notAfterMs, profile, issuer } = request;
  const faults: string[] = [];
  const isNameFit = commonName.length > 0 && commonName.length <= limits.commonNameLengthMax;
  if (!isNameFit) faults.push('expected a common name of 1 to 64 characters');
  if (serial.length === 0 || serial.length > 20 || serial.every((byte) => byte === 0)) {
    faults.push('expected a serial number of 1 to 20 bytes');
  }
  if (!(notBeforeMs < notAfterMs)) faults.push('expected the validity to end after it starts');
  if (issuer === undefined && profile !== 'ca') faults.push('expected an issuer');
  if (faults.length > 0) {
    throw new SallyportError('CERTIFICATE_REFUSED', faults.join('; '), {
      hint: 'see that the clock of this machine is right and that the id of the node is a short name',
    });
  }
}

function toBeSigned(request: CertificateRequest): Asn1 {
  const { subjectPublicKey, issuer, altNames = [] } = request;
  const extensions = [
    ...usageExtensions(profiles[request.profile]),
    ...nameExtensions(subjectPublicKey, issuer?.publicKey, altNames),
  ];
  return sequence([
    tagged(0, [integer(Buffer.of(2))]),
    integer(request.serial),
    signatureAlgorithm(),
    name(issuer?.commonName ?? request.commonName),
    sequence([time(request.notBeforeMs), time(request.notAfterMs)]),
    name(request.commonName),
    publicKeyInfo(subjectPublicKey),
    tagged(3, [sequence(extensions.map(decode))]),
  ]);
}

function name(commonName: string): Asn1 {
  return sequence([set([sequence([oid(ids.commonName), utf8(commonName)])])]);
}

function publicKeyInfo(point: Uint8Array): Asn1 {
  const algorithm = sequence([oid(ids.ecPublicKey), oid(ids.prime256v1)]);
  return sequence([algorithm, bitString(requirePoint(point))]);
}

/** r ‖ s as the SEQUENCE of two INTEGERs that X.509 wants (RFC 3279 §2.2.3). */
function signatureToAsn1(signature: Buffer): Asn1 {
  return sequence([integer(signature.subarray(0, 32)), integer(signature.subarray(32, 64))]);
}
