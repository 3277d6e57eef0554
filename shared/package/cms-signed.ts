/**
 * CMS SignedData (RFC 5652 §5) in the one form that Sallyport writes and accepts: attached content
 * of type id-data, one signer named by issuer and serial number, its certificate, two signed
 * attributes. docs/spec/package.md §Signed data.
 */
import { verify } from 'node:crypto';
import { type ErrorCode, SallyportError } from '../errors.ts';
import { type Certificate, readCertificate } from './certificate.ts';
import { contextTag, der, derAt, integer, octetString, oid, sequence, set, tags } from './der.ts';
import { digestOf } from './merkle.ts';
import { type Suite, suites } from './suites.ts';

/** ECDSA over a digest; returns r ‖ s. */
export type SignDigest = (digest: Uint8Array) => Promise<Buffer>;

export interface PackageSigner {
  /** DER certificate of the signing key. */
  readonly certificate: Buffer;
  readonly sign: SignDigest;
}

const idData = oid('1.2.840.113549.1.7.1');
const idSignedData = oid('1.2.840.113549.1.7.2');
const contentTypeAttribute = sequence(oid('1.2.840.113549.1.9.3'), set(idData));
const idMessageDigest = oid('1.2.840.113549.1.9.4');
const versionOne = integer(Buffer.from([1]));

/**
 * Signs any content: manifests, trust files, policy bundles. Returns DER; the same content signed
 * twice differs in the signature alone. Errors: CERTIFICATE_REFUSED and those of `sign`.
 */
export async function signData(
  content: Uint8Array,
  signer: PackageSigner,
  suite: Suite = suites['intl-1'],
): Promise<Buffer> {
  const certificate = readCertificate(signer.certificate, suite);
  const attributes = signedAttributes(content, suite);
  const digest = digestOf(suite.hash.name, der(tags.set, attributes));
  const signature = encodeSignature(await signer.sign(digest), suite);
  return signedData(content, certificate, attributes, signature, suite);
}

/**
 * Returns the content if exactly the holder of `expectedCertificate` signed it. The certificate
 * inside must be that one, byte for byte; nothing inside is trusted to say who signed. Errors in
 * check order: PACKAGE_SIGNATURE (not in our form), PACKAGE_SENDER (another certificate),
 * PACKAGE_SIGNATURE (does not verify); `code` replaces both where the data is no package.
 */
export function verifySigned(
  file: Buffer,
  expectedCertificate: Buffer,
  code?: ErrorCode,
  suite: Suite = suites['intl-1'],
): Buffer {
  const signatureCode = code ?? 'PACKAGE_SIGNATURE';
  const { content, certificate, signature } = readSigned(file, signatureCode);
  if (!certificate.equals(expectedCertificate)) {
    throw new SallyportError(
      code ?? 'PACKAGE_SENDER',
      'expected the pinned certificate, got another',
      {
        hint: 'compare the fingerprint of the peer; pair again if its certificate was renewed',
      },
    );
  }
  const signer = readCertificate(expectedCertificate, suite);
  const attributes = signedAttributes(content, suite);
  const again = signedData(content, signer, attributes, signature, suite);
  if (!again.equals(file) || !isCanonicalSignature(signature, suite)) {
    throw new SallyportError(signatureCode, 'expected signed data in its one canonical form');
  }
  const signed = der(tags.set, attributes);
  if (!verify(suite.hash.name, signed, signer.publicKey, signature)) {
    throw new SallyportError(signatureCode, 'expected a signature of the content, got another');
  }
  return content;
}

export interface SignedParts {
  readonly content: Buffer;
  /** DER of the certificate that the data claims as its signer's. */
  readonly certificate: Buffer;
  readonly signature: Buffer;
}

/** The parts of signed data, nothing verified. Errors: `code`. */
export function readSigned(file: Buffer, code: ErrorCode = 'PACKAGE_SIGNATURE'): SignedParts {
  try {
    return {
      content: derAt(file, 0, 1, 0, 2, 1, 0).content,
      certificate: derAt(file, 0, 1, 0, 3).content,
      signature: derAt(file, 0, 1, 0, 4, 0, 5).content,
    };
  } catch (cause) {
    throw new SallyportError(code, 'expected CMS signed data in DER', { cause });
  }
}

/**
 * The attributes in DER SET order, without the tag that encloses them: signing and sending differ
 * in it.
 */
function signedAttributes(content: Uint8Array, suite: Suite): Buffer {
  const digest = digestOf(suite.hash.name, content);
  const messageDigest = sequence(idMessageDigest, set(octetString(digest)));
  return Buffer.concat([contentTypeAttribute, messageDigest]);
}

function signedData(
  content: Uint8Array,
  signer: Certificate,
  attributes: Buffer,
  signature: Buffer,
  suite: Suite,
): Buffer {
  const signerInfo = sequence(
    versionOne,
    signer.issuerAndSerial,
    suite.hash.algorithm,
    der(contextTag(0, true), attributes),
    suite.signature.algorithm,
    octetString(signature),
  );
  const body = sequence(
    versionOne,
    set(suite.hash.algorithm),
    sequence(idData, der(contextTag(0, true), octetString(content))),
    der(contextTag(0, true), signer.der),
    set(signerInfo),
  );
  return sequence(idSignedData, der(contextTag(0, true), body));
}

/**
 * r ‖ s as DER Ecdsa-Sig-Value with s in the lower half of the order. (r, s) and (r, n − s) both
 * verify; with one form allowed, nobody on the way can give a package another digest.
 */
function encodeSignature(raw: Buffer, suite: Suite): Buffer {
  const { coordinateBytes, order } = suite.signature;
  if (raw.length !== 2 * coordinateBytes) {
    throw new SallyportError('HSM_KEY', `expected a raw signature, got ${raw.length} bytes`);
  }
  const s = BigInt(`0x${raw.toString('hex', coordinateBytes)}`);
  const low = s > order / 2n ? order - s : s;
  const sBytes = Buffer.from(low.toString(16).padStart(2 * coordinateBytes, '0'), 'hex');
  return sequence(integer(raw.subarray(0, coordinateBytes)), integer(sBytes));
}

function isCanonicalSignature(signature: Buffer, suite: Suite): boolean {
  const { coordinateBytes } = suite.signature;
  try {
    const raw = Buffer.alloc(2 * coordinateBytes);
    for (const position of [0, 1]) {
      const value = derAt(signature, 0, position).content;
      const bytes = value[0] === 0 ? value.subarray(1) : value;
      if (bytes.length > coordinateBytes) return false;
      bytes.copy(raw, (position + 1) * coordinateBytes - bytes.length);
    }
    return encodeSignature(raw, suite).equals(signature);
  } catch {
    return false;
  }
}
