/**
 * The trust file: who a node is, signed by its own CA key. docs/spec/pairing.md is the norm.
 * It proves only that one CA stands behind all of it; whose CA that is, two people confirm.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Home } from '../config/home.ts';
import { nodeIdPattern } from '../config/node-id.ts';
import { asSallyportError, SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import { type PackageSigner, readSigned, signData, verifySigned } from '../package/cms-signed.ts';
import type { Role } from '../ports.ts';
import { checkCertificate } from '../x509/check.ts';
import { fingerprintOf } from './fingerprint.ts';

const certificateNames = ['audit', 'ca', 'decrypt', 'link', 'sign'] as const;
type CertificateName = (typeof certificateNames)[number];

export interface TrustFile {
  readonly node: string;
  readonly role: Role;
  readonly createdAtMs: number;
  /** DER. */
  readonly certificates: Readonly<Record<CertificateName, Buffer>>;
}

/** The trust file of a peer, checked; it is the peer only once people have confirmed it. */
export interface CheckedTrustFile extends TrustFile {
  /** SHA-256 (hex) of the CA certificate. */
  readonly fingerprint: string;
}

/** What the node of a home says of itself. Errors: CERTIFICATE_REFUSED. */
export function ownTrust({ paths, config }: Home, createdAtMs: number): TrustFile {
  const certificates = {
    ca: certificateDer(paths.certificate('ca')),
    sign: certificateDer(paths.certificate('sign')),
    decrypt: certificateDer(paths.certificate('decrypt')),
    audit: certificateDer(paths.certificate('audit')),
    link: certificateDer(paths.tlsCertificate('link')),
  };
  return { node: config.node, role: config.role, createdAtMs, certificates };
}

/** Signs with the CA key. Errors: those of `sign`. */
export function writeTrustFile(trust: TrustFile, sign: PackageSigner['sign']): Promise<Buffer> {
  return signData(encode(trust), { certificate: trust.certificates.ca, sign });
}

/**
 * Errors: TRUST_FILE_INVALID. In order: size, CMS form, signature by the CA certificate that it
 * carries, content in its one canonical form, then each certificate.
 */
export function readTrustFile(file: Buffer, nowMs: number): CheckedTrustFile {
  if (file.length > limits.trustFileBytesMax) throw invalid('a small file');
  const { certificate } = requireSound(() => readSigned(file, 'TRUST_FILE_INVALID'));
  // A copy: parsed certificates are remembered by buffer, and this one is nobody's yet.
  const claimed = Buffer.from(certificate);
  const content = requireSound(() => verifySigned(file, claimed, 'TRUST_FILE_INVALID'));
  const trust = decode(content);
  if (!trust.certificates.ca.equals(claimed)) throw invalid('the signature of its own CA');
  for (const profile of certificateNames) {
    const expected = { node: trust.node, profile, caDer: claimed, nowMs };
    requireSound(() => checkCertificate(trust.certificates[profile], expected));
  }
  return { ...trust, fingerprint: fingerprintOf(claimed) };
}

/** DER of a node's own certificate file, PEM. Errors: CERTIFICATE_REFUSED. */
export function certificateDer(path: string): Buffer {
  try {
    return new X509Certificate(readFileSync(path)).raw;
  } catch (cause) {
    throw new SallyportError('CERTIFICATE_REFUSED', `expected a certificate at ${path}`, {
      hint: 'it is made by `sallyport init`: put it back from a copy of the home',
      cause,
    });
  }
}

/** A part of the file that is refused makes the file refused. */
function requireSound<T>(check: () => T): T {
  try {
    return check();
  } catch (cause) {
    const { message, hint = exportAgain } = asSallyportError(cause);
    throw new SallyportError('TRUST_FILE_INVALID', message, { hint, cause });
  }
}

/** Canonical JSON (RFC 8785): members in order, no white space. */
function encode({ node, role, createdAtMs, certificates }: TrustFile): Buffer {
  const base64 = certificateNames.map((name) => [name, certificates[name].toString('base64')]);
  return Buffer.from(
    JSON.stringify({
      certificates: Object.fromEntries(base64),
      createdAt: new Date(createdAtMs).toISOString(),
      format: 'sallyport-trust',
      node,
      role,
      version: 1,
    }),
  );
}

/** Reads the members, then writes them again: what differs by one byte is refused. */
function decode(content: Buffer): TrustFile {
  try {
    const { certificates, createdAt, node, role } = JSON.parse(content.toString('utf8'));
    const der = (name: CertificateName) => [name, Buffer.from(certificates[name], 'base64')];
    const trust = {
      node,
      role,
      createdAtMs: Date.parse(createdAt),
      certificates: Object.fromEntries(certificateNames.map(der)),
    };
    const isNode = typeof node === 'string' && nodeIdPattern.test(node);
    const isRole = role === 'outer' || role === 'inner';
    if (isNode && isRole && encode(trust).equals(content)) return trust;
  } catch {
    // Falls through to the one refusal.
  }
  throw invalid('the members of a trust file in canonical form');
}

const exportAgain =
  'export it again with `sallyport pair export` on the other node, and carry it whole';

function invalid(expected: string): SallyportError {
  return new SallyportError('TRUST_FILE_INVALID', `expected ${expected}, got another`, {
    hint: exportAgain,
  });
}
