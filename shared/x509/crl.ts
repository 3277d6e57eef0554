/**
 * A certificate revocation list (RFC 5280 §5) of one CA, whole and direct: which certificates it has taken
 * back, and until when that is known. Whatever this reader has no rule for is refused.
 */
import { verify, type X509Certificate } from 'node:crypto';
import { limits } from '../limits.ts';
import { contextTag, derAt, derElements, oid, sequence, tags } from '../package/der.ts';

export interface RevocationList {
  /** Serial numbers in lower-case hex without leading zeros; sorted. */
  readonly serials: readonly string[];
  /** `nextUpdate`: from then on the list says nothing any more. */
  readonly untilMs: number;
}

/** Undefined where it is no list that `ca` has signed, or holds what is critical and not known here. */
export function readRevocationList(pem: string, ca: X509Certificate): RevocationList | undefined {
  const [, base64 = ''] =
    /^-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]+)-----END X509 CRL-----\s*$/.exec(
      pem.trimStart(),
    ) ?? [];
  try {
    return readList(Buffer.from(base64, 'base64'), ca);
  } catch {
    return undefined; // not DER
  }
}

/** As X.509 numbers a certificate; the same spelling as in a list. */
export function serialOf(certificate: X509Certificate): string {
  return plainHex(certificate.serialNumber);
}

function readList(list: Buffer, ca: X509Certificate): RevocationList | undefined {
  const [tbs, algorithm, signature] = derElements(derAt(list, 0).content);
  if (!tbs || !algorithm || !signature) return undefined;
  if (!sequence(tbs, algorithm, signature).equals(list)) return undefined;
  const parts = derElements(derAt(tbs, 0).content);
  // A first version has no extensions, and no number in front.
  if (parts[0]?.[0] === tags.integer && !parts.shift()?.equals(versionTwo)) return undefined;
  const [inner, issuer, thisUpdate, nextUpdate, ...rest] = parts;
  if (!inner?.equals(algorithm) || !issuer?.equals(subjectOf(ca)) || !nextUpdate) return undefined;
  if (!isSigned(tbs, algorithm, signature, ca)) return undefined;
  const untilMs = timeOf(nextUpdate);
  if (thisUpdate === undefined || Number.isNaN(timeOf(thisUpdate)) || Number.isNaN(untilMs)) {
    return undefined;
  }
  const entries =
    rest[0]?.[0] === tags.sequence ? derElements(derAt(rest.shift() as Buffer, 0).content) : [];
  const [extensions, ...left] = rest;
  const listExtensions =
    extensions?.[0] === contextTag(0, true) ? derElements(derAt(extensions, 0, 0).content) : [];
  const odd = left.length > 0 || (extensions !== undefined && listExtensions.length === 0);
  if (odd || listExtensions.some(isCritical) || entries.length > limits.crlEntriesMax) {
    return undefined;
  }
  const read = entries.map((entry) => derElements(derAt(entry, 0).content));
  if (read.some(([, , own]) => own && derElements(derAt(own, 0).content).some(isCritical))) {
    return undefined;
  }
  const serials = read.map(([serial]) =>
    plainHex(derAt(serial as Buffer, 0).content.toString('hex')),
  );
  return { serials: [...new Set(serials)].sort(), untilMs };
}

const versionTwo = Buffer.of(tags.integer, 1, 1);
const trueElement = Buffer.of(tags.boolean, 1, 0xff);

/** Extension ::= SEQUENCE { id, critical BOOLEAN DEFAULT FALSE, value } */
function isCritical(extension: Buffer): boolean {
  return derElements(derAt(extension, 0).content)[1]?.equals(trueElement) === true;
}

const signatureHashes: ReadonlyMap<string, string | null> = new Map(
  (
    [
      ['1.2.840.10045.4.3.2', 'sha256'],
      ['1.2.840.10045.4.3.3', 'sha384'],
      ['1.2.840.10045.4.3.4', 'sha512'],
      ['1.2.840.113549.1.1.11', 'sha256'],
      ['1.2.840.113549.1.1.12', 'sha384'],
      ['1.2.840.113549.1.1.13', 'sha512'],
      ['1.3.101.112', null],
    ] as const
  ).map(([id, hash]) => [oid(id).toString('hex'), hash]),
);

function isSigned(tbs: Buffer, algorithm: Buffer, signature: Buffer, ca: X509Certificate): boolean {
  const hash = signatureHashes.get(derAt(algorithm, 0, 0).whole.toString('hex'));
  const bits = derAt(signature, 0).content;
  // The first octet counts unused bits; there are none.
  const isBits = signature[0] === tags.bitString && bits[0] === 0;
  return hash !== undefined && isBits && verify(hash, tbs, ca.publicKey, bits.subarray(1));
}

/** Name of the subject, DER: the sixth member of tbsCertificate, or the fifth of a first version. */
function subjectOf(ca: X509Certificate): Buffer {
  const members = derElements(derAt(ca.raw, 0, 0).content);
  return members[members[0]?.[0] === contextTag(0, true) ? 5 : 4] ?? Buffer.alloc(0);
}

/** UTCTime or GeneralizedTime in the one form of RFC 5280 §4.1.2.5; NaN for any other. */
function timeOf(element: Buffer): number {
  const text = derAt(element, 0).content.toString('latin1');
  const full = element[0] === 0x17 ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}` : text;
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full) ?? [];
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

function plainHex(hex: string): string {
  return hex.toLowerCase().replace(/^0+(?=.)/, '');
}
