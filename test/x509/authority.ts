/** The CA of a node with a software key; the product's own code issues its certificates. */
import { type CertificateRequest, issueCertificate, newSerial } from '@sallyport/hsm/x509.ts';
import { commonName, type ProfileName } from '@sallyport/shared/x509/profiles.ts';
import { type SoftKey, softKey } from './soft-key.ts';

export const dayMs = 86_400_000;

export interface Authority {
  readonly key: SoftKey;
  /** Its own certificate. */
  readonly der: Buffer;
  /** A certificate of the node, DER: right in everything but `part`. */
  issue(profile: ProfileName, key: SoftKey, part?: Partial<CertificateRequest>): Promise<Buffer>;
}

/** `part` changes the CA's own certificate. */
export async function createAuthority(
  node: string,
  nowMs: number,
  part: Partial<CertificateRequest> = {},
): Promise<Authority> {
  const key = softKey();
  const request = (profile: ProfileName, { point }: SoftKey): CertificateRequest => ({
    profile,
    commonName: commonName(node, profile),
    subjectPublicKey: point,
    serial: newSerial(),
    notBeforeMs: nowMs - dayMs,
    notAfterMs: nowMs + 365 * dayMs,
    sign: key.sign,
  });
  const issuer = { commonName: commonName(node, 'ca'), publicKey: key.point };
  return {
    key,
    der: await issueCertificate({ ...request('ca', key), ...part }),
    issue: (profile, subject, change = {}) =>
      issueCertificate({ ...request(profile, subject), issuer, ...change }),
  };
}
