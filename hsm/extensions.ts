/** X.509 extensions (RFC 5280 §4.2) as DER: written here, and compared with here when read back. */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import forge from 'node-forge';
import {
  type Asn1,
  bitString,
  boolean,
  encode,
  integer,
  octetString,
  oid,
  sequence,
  tagged,
  toText,
} from './der.ts';
import type { Profile } from './profiles.ts';

export const oids = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  /** DER of the extension's value. */
  readonly value: Buffer;
}

/** The extensions that say what a key may do: a checked certificate has exactly these. */
export function usageExtensions(profile: Profile): Extension[] {
  const { bits, unused } = profile.keyUsage;
  const caFields = profile.isCa ? [boolean(true), integer(Buffer.of(0))] : [];
  const extensions = [
    row(oids.basicConstraints, true, sequence(caFields)),
    row(oids.keyUsage, true, bitString(Buffer.of(bits), unused)),
  ];
  if (profile.extendedKeyUsage.length > 0) {
    extensions.push(row(oids.extendedKeyUsage, false, sequence(profile.extendedKeyUsage.map(oid))));
  }
  return extensions;
}

/** Key identifiers and names. A self-signed certificate has no authority key identifier. */
export function nameExtensions(
  subjectPublicKey: Uint8Array,
  issuerPublicKey: Uint8Array | undefined,
  altNames: readonly string[],
): Extension[] {
  const extensions = [
    row(oids.subjectKeyIdentifier, false, octetString(keyIdentifier(subjectPublicKey))),
  ];
  if (issuerPublicKey) {
    const authority = sequence([tagged(0, keyIdentifier(issuerPublicKey))]);
    extensions.push(row(oids.authorityKeyIdentifier, false, authority));
  }
  if (altNames.length > 0) {
    extensions.push(row(oids.subjectAltName, false, sequence(altNames.map(generalName))));
  }
  return extensions;
}

/** One extension as ASN.1; DER leaves a FALSE `critical` out. */
export function extensionToAsn1({ oid: id, critical, value }: Extension): Asn1 {
  const flag = critical ? [boolean(true)] : [];
  return sequence([oid(id), ...flag, octetString(toText(value))]);
}

/** Reads the extensions of a certificate's DER. Throws on anything but the form of RFC 5280. */
export function readExtensions(certificateDer: Buffer): Extension[] {
  const { asn1 } = forge;
  const certificate = asn1.fromDer(toText(certificateDer), true);
  const tagOf3 = fieldsOf(fieldsOf(certificate)[0]).find(
    (field) => field.tagClass === asn1.Class.CONTEXT_SPECIFIC && Number(field.type) === 3,
  );
  return fieldsOf(fieldsOf(tagOf3)[0]).map((extension) => {
    const fields = fieldsOf(extension);
    const id = fields[0]?.value;
    const value = fields.at(-1)?.value;
    if (typeof id !== 'string' || typeof value !== 'string' || fields.length > 3) {
      throw new TypeError('expected an extension, got another structure');
    }
    const critical = fields.length === 3 && fields[1]?.value === '\xff';
    return { oid: asn1.derToOid(id), critical, value: Buffer.from(value, 'latin1') };
  });
}

function fieldsOf(value: Asn1 | undefined): Asn1[] {
  return Array.isArray(value?.value) ? value.value : [];
}

/** RFC 7093 §2, method 1: the leftmost 160 bits of SHA-256 over the public key. */
function keyIdentifier(publicKey: Uint8Array): string {
  return toText(createHash('sha256').update(publicKey).digest().subarray(0, 20));
}

function generalName(name: string): Asn1 {
  if (isIP(name) === 0) return tagged(2, name);
  // node-forge's types leave this function out
  const { bytesFromIP } = forge.util as unknown as { bytesFromIP(ip: string): string };
  return tagged(7, bytesFromIP(name));
}

function row(id: string, critical: boolean, value: Asn1): Extension {
  return { oid: id, critical, value: encode(value) };
}
