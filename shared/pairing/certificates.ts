/** The certificates of a trust file: each must be what its name says, issued by the node's own CA. */
import { X509Certificate } from 'node:crypto';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import { readCertificate } from '../package/certificate.ts';
import { der, derAt, octetString, oid, sequence, tags } from '../package/der.ts';
import { suites } from '../package/suites.ts';

export const certificateNames = ['audit', 'ca', 'decrypt', 'link', 'sign'] as const;
export type CertificateName = (typeof certificateNames)[number];

/** RFC 5280 §4.2.1.3: KeyUsage as its one byte and the number of unused bits in it. */
const keyUsages: Record<CertificateName, { bits: number; unused: number }> = {
  ca: { bits: 0x06, unused: 1 },
  sign: { bits: 0x80, unused: 7 },
  decrypt: { bits: 0x08, unused: 3 },
  audit: { bits: 0x80, unused: 7 },
  link: { bits: 0x80, unused: 7 },
};
const linkUsages = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'];

/** The name in a certificate's subject. It keeps a signing certificate from standing in for another. */
export function commonName(node: string, name: CertificateName | 'edge'): string {
  return name === 'link' || name === 'edge' ? node : `${node} ${name}`;
}

/**
 * Checks one certificate of `node`: subject, key, usage, dates, and that `ca` issued it.
 * Errors: TRUST_FILE_INVALID.
 */
export function checkCertificate(
  node: string,
  name: CertificateName,
  bytes: Buffer,
  ca: X509Certificate,
  nowMs: number,
): void {
  const refuse = (expected: string): never => {
    throw new SallyportError('TRUST_FILE_INVALID', `${name} certificate: expected ${expected}`, {
      hint: 'export the trust file again with `sallyport pair export` on the other node',
    });
  };
  const certificate = parse(bytes) ?? refuse('an X.509 certificate with a P-256 key');
  if (certificate.subject !== `CN=${commonName(node, name)}`) {
    refuse(`the subject ${commonName(node, name)}`);
  }
  if (certificate.ca !== (name === 'ca')) refuse(name === 'ca' ? 'a CA' : 'no CA');
  if (!certificate.checkIssued(ca) || !certificate.verify(ca.publicKey)) {
    refuse("a signature of the node's own CA");
  }
  if (!hasKeyUsage(bytes, keyUsages[name])) refuse('the key usage of its name');
  const extended = [...(certificate.keyUsage ?? [])].sort().join();
  if (extended !== (name === 'link' ? linkUsages.join() : '')) refuse('the extended key usage');
  if (certificate.validFromDate.getTime() > nowMs + limits.clockSkewMs) {
    refuse(`a start before now, got ${certificate.validFromDate.toISOString()}`);
  }
  if (certificate.validToDate.getTime() < nowMs) {
    refuse(`an end after now, got ${certificate.validToDate.toISOString()}`);
  }
}

/** Only what the suite can use: a P-256 key in the form that packages need. */
function parse(bytes: Buffer): X509Certificate | undefined {
  try {
    readCertificate(bytes, suites['intl-1']);
    const certificate = new X509Certificate(bytes);
    return certificate.raw.equals(bytes) ? certificate : undefined;
  } catch {
    return undefined;
  }
}

/** node:crypto shows only the extended usage, so the extension is built here and looked for. */
function hasKeyUsage(bytes: Buffer, { bits, unused }: { bits: number; unused: number }): boolean {
  const value = der(tags.bitString, Buffer.from([unused, bits]));
  const critical = der(0x01, Buffer.from([0xff]));
  const wanted = sequence(oid('2.5.29.15'), critical, octetString(value));
  return extensions(bytes).filter((one) => one.equals(wanted)).length === 1;
}

/** tbsCertificate's last member (RFC 5280 §4.1), element by element. */
function extensions(bytes: Buffer): Buffer[] {
  const list = derAt(bytes, 0, 0, 7, 0).content;
  const found: Buffer[] = [];
  for (let at = 0; at < list.length; ) {
    const one = derAt(list.subarray(at), 0).whole;
    found.push(one);
    at += one.length;
  }
  return found;
}
