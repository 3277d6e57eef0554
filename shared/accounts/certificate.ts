/**
 * Client certificates. The edge proved in the TLS handshake that the caller has the key; whether
 * it is the key of a consumer is decided here, by the policy alone: no system trust, no name
 * looked up.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import { constraintsOf } from '../x509/constraints.ts';
import { serialOf } from '../x509/crl.ts';
import { type CertificateCredential, readCa } from './credential.ts';

/** `lateMs`: how long ago the call may have been made. */
interface Times {
  readonly nowMs: number;
  readonly lateMs: number;
}

export interface CertificateHolder {
  readonly consumer: string;
  readonly credential: CertificateCredential;
  readonly ca: X509Certificate | undefined;
  readonly revoked: ReadonlySet<string>;
}

export function certificateHolder(
  consumer: string,
  credential: CertificateCredential,
): CertificateHolder {
  const ca = credential.ca === undefined ? undefined : readCa(credential.ca);
  return { consumer, credential, ca, revoked: new Set(credential.revoked?.serials) };
}

/**
 * `chain`: DER, base64, the caller's own certificate first. Errors in check order:
 * CERTIFICATE_REFUSED (not readable, out of its time, not for clients), CREDENTIAL_UNKNOWN,
 * CERTIFICATE_REFUSED (revoked, or its list is too old), CREDENTIAL_EXPIRED. What was taken back is
 * refused at once; what ended still counts for `lateMs`.
 */
export function verifyClientCertificate(
  holders: readonly CertificateHolder[],
  chain: readonly string[],
  times: Times,
): CertificateHolder {
  const [leaf, ...above] = readChain(chain);
  if (!leaf) throw refused('a certificate');
  if (!isInTime(leaf, times)) throw refused('a certificate in its time', newCertificate);
  const usage = leaf.keyUsage as string[] | undefined;
  if (leaf.ca || (usage !== undefined && !usage.includes(clientAuth))) {
    throw refused('a certificate for TLS clients');
  }
  const spki = createHash('sha256')
    .update(leaf.publicKey.export({ format: 'der', type: 'spki' }))
    .digest('base64');
  const subject = leaf.subject.split('\n').join(', ');
  const holder = holders.find(
    ({ credential, ca }) =>
      (credential.spki === undefined || credential.spki === spki) &&
      (credential.subject === undefined || credential.subject === subject) &&
      (ca === undefined || isIssuedBy(leaf, above, ca, times)),
  );
  if (!holder) {
    throw new SallyportError(
      'CREDENTIAL_UNKNOWN',
      'expected a certificate of the policy, got another',
    );
  }
  expectNotRevoked(holder, [leaf, ...above], times);
  if (thenMs(times) >= (holder.credential.untilMs ?? Number.POSITIVE_INFINITY)) {
    throw new SallyportError('CREDENTIAL_EXPIRED', 'expected a credential in force');
  }
  return holder;
}

/** A list that has ended might miss what was revoked since: nothing is taken by it. */
function expectNotRevoked(
  { credential: { revoked: list }, ca, revoked }: CertificateHolder,
  chain: readonly X509Certificate[],
  times: Times,
): void {
  if (list === undefined || ca === undefined) return;
  if (thenMs(times) >= list.untilMs) throw refused('a revocation list in its time', newList);
  if (chain.some((one) => one.checkIssued(ca) && revoked.has(serialOf(one)))) {
    throw refused('a certificate that is not revoked', newCertificate);
  }
}

/** Extended key usage of TLS clients (RFC 5280 §4.2.1.12). */
const clientAuth = '1.3.6.1.5.5.7.3.2';

/** From the leaf up, each issued and signed by the next, to the CA of the policy. */
function isIssuedBy(
  leaf: X509Certificate,
  above: readonly X509Certificate[],
  ca: X509Certificate,
  times: Times,
): boolean {
  if (!isInTime(ca, times) || !constraintsOf(leaf).isKnown) return false;
  let below = leaf;
  for (const [between, issuer] of [...above, ca].entries()) {
    if (below.checkIssued(ca) && below.verify(ca.publicKey)) return mayIssue(ca, between);
    const isLink = issuer.ca && isInTime(issuer, times) && below.checkIssued(issuer);
    if (!isLink || !mayIssue(issuer, between) || !below.verify(issuer.publicKey)) return false;
    below = issuer;
  }
  return false;
}

/** `between`: how many CAs stand between it and the leaf. */
function mayIssue(issuer: X509Certificate, between: number): boolean {
  const { pathLengthMax, isKnown } = constraintsOf(issuer);
  return isKnown && between <= pathLengthMax;
}

function isInTime({ validFromDate, validToDate }: X509Certificate, times: Times): boolean {
  return validFromDate.getTime() <= times.nowMs && thenMs(times) <= validToDate.getTime();
}

/** When the call may have been made. */
const thenMs = ({ nowMs, lateMs }: Times): number => nowMs - lateMs;

function readChain(chain: readonly string[]): X509Certificate[] {
  if (chain.length > limits.certificateChainMax) throw refused('a shorter chain');
  const ders = chain.map((base64) => Buffer.from(base64, 'base64'));
  if (ders.some(({ length }) => length > limits.certificateBytesMax)) {
    throw refused('shorter certificates');
  }
  try {
    return ders.map((der) => new X509Certificate(der));
  } catch (cause) {
    throw refused('certificates', shape, cause);
  }
}

const shape = 'docs/spec/accounts.md says what the caller must present';
const newCertificate =
  'the caller needs another certificate of the CA, if its clock and ours agree';
const newList =
  'fetch the new list of the CA, put it beside the policy, and apply the policy again';

function refused(expected: string, hint: string = shape, cause?: unknown): SallyportError {
  return new SallyportError('CERTIFICATE_REFUSED', `expected ${expected}`, { hint, cause });
}
