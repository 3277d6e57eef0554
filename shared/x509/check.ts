/**
 * Checks a certificate that somebody else wrote, before a key in it is believed. The peer's trust file
 * is confirmed by people; this makes sure that what they confirmed is also fit for its purpose.
 */
import { X509Certificate } from 'node:crypto';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import { readCertificate } from '../package/certificate.ts';
import { suites } from '../package/suites.ts';
import { hasExtensionsOf } from './extensions.ts';
import { commonName, type ProfileName, profiles } from './profiles.ts';

/** What a certificate must be. */
export interface ExpectedCertificate {
  readonly node: string;
  readonly profile: ProfileName;
  /** The node's CA certificate, DER: held to the same check. The certificate itself for a CA. */
  readonly caDer: Buffer;
  readonly nowMs: number;
}

/**
 * In order: DER with nothing after it and a P-256 key, the subject, the CA itself, issuer and
 * signature, validity, extensions exactly those of the profile. Errors: CERTIFICATE_REFUSED.
 */
export function checkCertificate(bytes: Buffer, expected: ExpectedCertificate): void {
  const { node, profile, caDer, nowMs } = expected;
  const require = (holds: boolean, what: string, hint = makeAnew): void => {
    if (!holds) throw refused(`${profile} certificate: expected ${what}`, hint);
  };
  const certificate = parse(bytes, profile);
  const subject = commonName(node, profile);
  require(certificate.subject === `CN=${subject}`, `the subject ${subject}`);
  if (profile !== 'ca') checkCertificate(caDer, { ...expected, profile: 'ca' });
  const ca = parse(caDer, 'ca');
  const isIssued = certificate.checkIssued(ca) && certificate.verify(ca.publicKey);
  require(isIssued, "a signature of the node's own CA");
  const { validFrom, validTo, validFromDate, validToDate } = certificate;
  const started = validFromDate.getTime() <= nowMs + limits.clockSkewMs;
  require(started, `a start before now, got ${validFrom}`, setClocks);
  require(nowMs <= validToDate.getTime(), `an end after now, got ${validTo}`, setClocks);
  require(hasExtensionsOf(profiles[profile], bytes), 'the usage extensions of its name');
}

/** Only what the suite can use: a P-256 key in the form that packages need, nothing after it. */
function parse(bytes: Buffer, profile: ProfileName): X509Certificate {
  try {
    readCertificate(bytes, suites['intl-1']);
    const certificate = new X509Certificate(bytes);
    if (certificate.raw.equals(bytes)) return certificate;
  } catch (cause) {
    throw refused(
      `${profile} certificate: expected an X.509 certificate with a P-256 key`,
      makeAnew,
      cause,
    );
  }
  throw refused(`${profile} certificate: expected nothing after its end`);
}

const makeAnew = 'make the node that it belongs to anew with `sallyport init`, and pair again';
const setClocks = `compare the clocks of both machines; where they agree, ${makeAnew}`;

function refused(message: string, hint = makeAnew, cause?: unknown): SallyportError {
  return new SallyportError('CERTIFICATE_REFUSED', message, { hint, cause });
}
