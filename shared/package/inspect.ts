/** Looking at a package without a key: what it says of itself, and what of that can be verified. */
import { createHash, X509Certificate } from 'node:crypto';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import { readSigned } from './cms-signed.ts';
import { derAt } from './der.ts';
import { decodeManifest, type Manifest } from './manifest.ts';
import { segmentAt } from './segments.ts';
import type { ByteSource } from './source.ts';
import { suiteOf } from './suites.ts';
import { entryBytes } from './tar.ts';
import { readEntry, type TrustedSender, verifyManifest, verifyParts } from './verify.ts';

export interface Inspection {
  readonly bytes: number;
  /** SHA-256 (hex) of manifest.p7m. */
  readonly digest: string;
  readonly manifest: Manifest;
  /** The certificate that the package carries as its sender's. */
  readonly signer: {
    readonly subject: string;
    readonly issuer: string;
    readonly serialNumber: string;
    readonly validFrom: string;
    readonly validTo: string;
    /** SHA-256 (hex) of the certificate. */
    readonly fingerprint: string;
  };
  /** Who can open it: key id of the manifest, serial number of the certificate in keys.p7m. */
  readonly recipients: readonly { readonly keyId: string; readonly serialNumber: string }[];
  /** What the archive should hold, by the manifest. */
  readonly entries: readonly { readonly name: string; readonly bytes: number }[];
}

/**
 * Reads what a package says of itself. NOTHING is verified. Errors: PACKAGE_TRUNCATED,
 * PACKAGE_TOO_LARGE, PACKAGE_LAYOUT, PACKAGE_SIGNATURE, PACKAGE_MANIFEST, PACKAGE_SUITE,
 * PACKAGE_KEYS where it cannot be read.
 */
export async function inspectPackage(source: ByteSource): Promise<Inspection> {
  const manifestFile = await readEntry(source, 0, 'manifest.p7m', limits.manifestBytesMax);
  const { content, certificate } = readSigned(manifestFile);
  const manifest = decodeManifest(content);
  const suite = suiteOf(manifest.suite);
  const keysStart = entryBytes(manifestFile.length);
  const keys = await readEntry(source, keysStart, 'keys.p7m', limits.keysBytesMax);
  const entries = [
    { name: 'manifest.p7m', bytes: manifestFile.length },
    { name: 'keys.p7m', bytes: keys.length },
  ];
  for (let index = 0; index < manifest.segmentCount; index += 1) {
    const { name, fileBytes } = segmentAt(manifest, index, suite);
    entries.push({ name, bytes: fileBytes });
  }
  const { subject, issuer, serialNumber, validFromDate, validToDate } = parse(certificate);
  return {
    bytes: source.size,
    digest: createHash(suite.hash.name).update(manifestFile).digest('hex'),
    manifest,
    signer: {
      subject,
      issuer,
      serialNumber,
      validFrom: validFromDate.toISOString(),
      validTo: validToDate.toISOString(),
      fingerprint: createHash('sha256').update(certificate).digest('hex'),
    },
    recipients: [{ keyId: manifest.receiverKeyId, serialNumber: recipientSerial(keys) }],
    entries,
  };
}

/**
 * Verifies all that needs no key: that a certificate which `accept` takes signed the manifest, and
 * that keys and segments are those of the manifest. `accept` throws to refuse the certificate that
 * the package carries, and returns the id of the node that it stands for. Not checked: receiver,
 * lane, freshness, replay, content. Errors: as `accept`, verifyManifest, verifyParts.
 */
export async function verifyPackage(
  source: ByteSource,
  accept: (certificate: Buffer) => string,
): Promise<void> {
  const manifestFile = await readEntry(source, 0, 'manifest.p7m', limits.manifestBytesMax);
  const { certificate } = readSigned(manifestFile);
  const trust: TrustedSender = { nodeId: accept(certificate), certificate };
  await verifyParts(source, await verifyManifest(source, trust));
}

/**
 * The node whose signing certificate this is (subject `CN=<node> sign`), if it is one of `anchors`
 * or was issued by one. Errors: CERTIFICATE_REFUSED.
 */
export function acceptIssuedBy(anchors: readonly X509Certificate[], certificate: Buffer): string {
  const leaf = parse(certificate);
  const isAccepted = anchors.some(
    (anchor) =>
      anchor.raw.equals(certificate) ||
      (anchor.ca && leaf.checkIssued(anchor) && leaf.verify(anchor.publicKey)),
  );
  const [, nodeId] = /^CN=([a-z0-9-]+) sign$/.exec(leaf.subject) ?? [];
  if (isAccepted && nodeId !== undefined) return nodeId;
  throw new SallyportError(
    'CERTIFICATE_REFUSED',
    'expected the signing certificate of a node, issued by the given CA',
    { hint: "give the CA certificate of the sender's node, checked by its fingerprint" },
  );
}

function parse(certificate: Buffer): X509Certificate {
  try {
    const parsed = new X509Certificate(certificate);
    const { raw, validFromDate, validToDate } = parsed;
    // A certificate that nobody vouches for may hold dates that are none.
    const isDated = Number.isFinite(validFromDate.getTime() + validToDate.getTime());
    if (raw.equals(certificate) && isDated) return parsed;
    throw new Error('expected nothing but one certificate, with dates');
  } catch (cause) {
    throw new SallyportError('PACKAGE_SIGNATURE', 'expected an X.509 certificate', { cause });
  }
}

/**
 * Serial number (hex) of the recipient in keys.p7m: KeyAgreeRecipientInfo, its one encrypted key.
 */
function recipientSerial(keys: Buffer): string {
  try {
    return derAt(keys, 0, 1, 0, 1, 0, 3, 0, 0, 1).content.toString('hex');
  } catch (cause) {
    throw new SallyportError('PACKAGE_KEYS', 'expected one recipient', { cause });
  }
}
