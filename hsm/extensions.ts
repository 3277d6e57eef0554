/** X.509 extensions with the names of a certificate's keys and of their owner (RFC 5280 §4.2.1). */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { extension, extensionIds } from '@sallyport/shared/x509/extensions.ts';
import forge from 'node-forge';
import { type Asn1, encode, octetString, sequence, tagged, toText } from './der.ts';

/** DER, one each. A self-signed certificate has no authority key identifier. */
export function nameExtensions(
  subjectPublicKey: Uint8Array,
  issuerPublicKey: Uint8Array | undefined,
  altNames: readonly string[],
): Buffer[] {
  const { subjectKeyIdentifier, authorityKeyIdentifier, subjectAltName } = extensionIds;
  const extensions = [row(subjectKeyIdentifier, octetString(keyIdentifier(subjectPublicKey)))];
  if (issuerPublicKey) {
    const authority = sequence([tagged(0, keyIdentifier(issuerPublicKey))]);
    extensions.push(row(authorityKeyIdentifier, authority));
  }
  if (altNames.length > 0) {
    extensions.push(row(subjectAltName, sequence(altNames.map(generalName))));
  }
  return extensions;
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

function row(id: string, value: Asn1): Buffer {
  return extension(id, false, encode(value));
}
