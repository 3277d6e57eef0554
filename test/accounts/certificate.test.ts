/** Client certificates: which are taken, and every way in which one is refused. */
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import {
  certificateHolder,
  verifyClientCertificate,
} from '@sallyport/shared/accounts/certificate.ts';
import type { CertificateCredential } from '@sallyport/shared/accounts/credential.ts';
import { newAuthority } from './authority.ts';

const root = newAuthority('/C=CN/O=Tax Bureau/CN=Root');
const other = newAuthority('/C=CN/O=Tax Bureau/CN=Root');
const middle = newAuthority('/C=CN/O=Tax Bureau/CN=Middle', root);
const leaf = root.issue('/C=CN/O=Tax Bureau/CN=tax-1');
const deep = middle.issue('/C=CN/O=Tax Bureau/CN=tax-1');
const nowMs = Date.now() + 1000;
const subject = 'C=CN, O=Tax Bureau, CN=tax-1';
const spkiOf = (pem: string): string =>
  createHash('sha256')
    .update(new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64');

const byCa = { type: 'certificate', ca: root.der, subject } as const;
const byKey = { type: 'certificate', spki: spkiOf(leaf.certificate) } as const;
const verify = (
  credential: CertificateCredential,
  chain: readonly string[],
  atMs = nowMs,
): string =>
  verifyClientCertificate([certificateHolder('tax-bureau', credential)], chain, {
    nowMs: atMs,
    lateMs: 0,
  }).consumer;

test('a certificate of the CA with the subject is taken', () => {
  assert.equal(verify(byCa, [leaf.der]), 'tax-bureau');
  assert.equal(verify(byCa, [leaf.der, root.der]), 'tax-bureau');
});

test('an intermediate that the caller sends along leads to the CA', () => {
  assert.equal(verify(byCa, [deep.der, middle.der]), 'tax-bureau');
});

test('a pinned key is taken whoever issued the certificate', () => {
  assert.equal(verify(byKey, [leaf.der]), 'tax-bureau');
});

const beforeMs = Date.now() - 86_400_000;
const afterMs = Date.now() + 60 * 86_400_000;
const refusals: [string, string, () => unknown][] = [
  ['another subject', 'CREDENTIAL_UNKNOWN', () => verify({ ...byCa, subject: 'CN=x' }, [leaf.der])],
  [
    'a CA of the same name and another key',
    'CREDENTIAL_UNKNOWN',
    () => verify(byCa, [other.issue('/C=CN/O=Tax Bureau/CN=tax-1').der, other.der]),
  ],
  ['an intermediate that is missing', 'CREDENTIAL_UNKNOWN', () => verify(byCa, [deep.der])],
  [
    'an intermediate that is no CA',
    'CREDENTIAL_UNKNOWN',
    () => {
      const fake = newAuthority('/C=CN/O=Tax Bureau/CN=tax-1', leaf);
      return verify(byCa, [fake.issue('/C=CN/O=Tax Bureau/CN=tax-1').der, fake.der, leaf.der]);
    },
  ],
  [
    'an intermediate below one that may have none',
    'CREDENTIAL_UNKNOWN',
    () => {
      const last = newAuthority('/C=CN/CN=Last', root, [
        'basicConstraints=critical,CA:TRUE,pathlen:0',
      ]);
      const below = newAuthority('/C=CN/CN=Below', last);
      assert.equal(
        verify(byCa, [last.issue('/C=CN/O=Tax Bureau/CN=tax-1').der, last.der]),
        'tax-bureau',
      );
      return verify(byCa, [below.issue('/C=CN/O=Tax Bureau/CN=tax-1').der, below.der, last.der]);
    },
  ],
  ...['critical,', ''].map((critical): [string, string, () => unknown] => [
    `an intermediate for other names alone (${critical}nameConstraints)`,
    'CREDENTIAL_UNKNOWN',
    () => {
      const constraint = `nameConstraints=${critical}permitted;DNS:health.example`;
      const ca = ['basicConstraints=critical,CA:TRUE', constraint];
      const health = newAuthority('/C=CN/CN=Health', root, ca);
      return verify(byCa, [health.issue('/C=CN/O=Tax Bureau/CN=tax-1').der, health.der]);
    },
  ]),
  [
    'a certificate with something critical that nobody knows',
    'CREDENTIAL_UNKNOWN',
    () => {
      const extensions = ['basicConstraints=CA:FALSE', '1.2.3.4.5=critical,DER:0500'];
      return verify(byCa, [root.issue('/C=CN/O=Tax Bureau/CN=tax-1', extensions).der]);
    },
  ],
  ['another key', 'CREDENTIAL_UNKNOWN', () => verify(byKey, [deep.der])],
  [
    'a subject that spells two in one',
    'CREDENTIAL_UNKNOWN',
    () => verify(byCa, [root.issue('/C=CN/CN=Tax Bureau, CN=tax-1').der]),
  ],
  ['a time before its own', 'CERTIFICATE_REFUSED', () => verify(byCa, [leaf.der], beforeMs)],
  ['a time after its own', 'CERTIFICATE_REFUSED', () => verify(byCa, [leaf.der], afterMs)],
  [
    'a certificate for servers',
    'CERTIFICATE_REFUSED',
    () => {
      const extensions = ['basicConstraints=CA:FALSE', 'extendedKeyUsage=serverAuth'];
      return verify(byCa, [root.issue('/C=CN/O=Tax Bureau/CN=tax-1', extensions).der]);
    },
  ],
  ['the CA itself', 'CERTIFICATE_REFUSED', () => verify(byCa, [root.der])],
  ['what is no certificate', 'CERTIFICATE_REFUSED', () => verify(byCa, ['AAAA'])],
  [
    'a chain without end',
    'CERTIFICATE_REFUSED',
    () => verify(byCa, [leaf.der, root.der, root.der, root.der, root.der]),
  ],
  [
    'a credential past its end',
    'CREDENTIAL_EXPIRED',
    () => verify({ ...byCa, untilMs: nowMs }, [leaf.der]),
  ],
];
for (const [what, code, attempt] of refusals) {
  test(`${what} is refused (${code})`, () => assert.throws(attempt, { code }));
}
