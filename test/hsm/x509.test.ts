/** Certificates as they are issued: judged by the openssl command line. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type CertificateRequest, newSerial } from '@sallyport/hsm/x509.ts';
import { type ProfileName, profiles } from '@sallyport/shared/x509/profiles.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { createAuthority, dayMs } from '../x509/authority.ts';
import { softKey } from '../x509/soft-key.ts';

const directory = temporaryFolder();
const nowMs = Date.UTC(2026, 5, 1);
const leaves = (Object.keys(profiles) as ProfileName[]).filter((name) => name !== 'ca');
const refused = { code: 'CERTIFICATE_REFUSED' };
const ca = await createAuthority('outer-1', nowMs);
const key = softKey();

const leaf = (profile: ProfileName, part: Partial<CertificateRequest> = {}): Promise<Buffer> =>
  ca.issue(profile, key, part);
const selfSigned = async (part: Partial<CertificateRequest>): Promise<Buffer> =>
  (await createAuthority('outer-1', nowMs, part)).der;

function pemFile(name: string, der: Buffer): string {
  const path = join(directory, `${name}.pem`);
  writeFileSync(path, new X509Certificate(der).toString());
  return path;
}

/** `openssl verify` in its strictest mode; throws where it is not satisfied. */
function opensslVerify(...args: string[]): string {
  const time = String(nowMs / 1000);
  const strict = ['verify', '-x509_strict', '-check_ss_sig', '-attime', time];
  return execFileSync('openssl', [...strict, ...args], { encoding: 'utf8', stdio: 'pipe' });
}

describe('openssl verify -x509_strict', () => {
  test('accepts the CA as its own root', () => {
    const root = pemFile('ca', ca.der);
    assert.match(opensslVerify('-CAfile', root, root), /: OK$/m);
  });

  for (const profile of leaves) {
    test(`accepts a ${profile} certificate`, async () => {
      const root = pemFile('ca', ca.der);
      const der = await leaf(profile, { altNames: ['gate.example', '192.0.2.7', '2001:db8::7'] });
      assert.match(opensslVerify('-CAfile', root, pemFile(profile, der)), /: OK$/m);
    });
  }

  test('finds the TLS purposes and the names of an edge and a link certificate', async () => {
    const root = pemFile('ca', ca.der);
    const altNames = ['gate.example', '192.0.2.7', '2001:db8::7'];
    const edge = pemFile('edge', await leaf('edge', { altNames }));
    const link = pemFile('link', await leaf('link', { altNames }));
    const verify = (...args: string[]) => opensslVerify('-CAfile', root, ...args);
    assert.match(verify('-purpose', 'sslserver', '-verify_hostname', 'gate.example', edge), /OK/);
    assert.match(verify('-purpose', 'sslserver', '-verify_ip', '192.0.2.7', link), /OK/);
    assert.match(verify('-purpose', 'sslserver', '-verify_ip', '2001:db8::7', link), /OK/);
    assert.match(verify('-purpose', 'sslclient', link), /OK/);
    assert.throws(() => verify('-purpose', 'sslclient', edge));
    assert.throws(() => verify('-verify_hostname', 'other.example', edge));
  });

  test('refuses a certificate that a leaf has issued', async () => {
    const der = await leaf('sign', {
      issuer: { commonName: 'outer-1 sign', publicKey: key.point },
      sign: key.sign,
    });
    const chain = pemFile('middle', await leaf('sign'));
    const root = pemFile('ca', ca.der);
    assert.throws(() => opensslVerify('-CAfile', root, '-untrusted', chain, pemFile('below', der)));
  });

  test('accepts a validity past 2049', async () => {
    const der = await selfSigned({ notAfterMs: Date.UTC(2061, 0, 1) });
    const path = pemFile('late', der);
    assert.match(opensslVerify('-CAfile', path, path), /: OK$/m);
    assert.equal(new X509Certificate(der).validToDate.getTime(), Date.UTC(2061, 0, 1));
  });
});

describe('issueCertificate refuses', () => {
  const cases: [string, Partial<CertificateRequest>][] = [
    ['an empty name', { commonName: '' }],
    ['a name past 64 characters', { commonName: 'n'.repeat(65) }],
    ['a serial number of zero', { serial: Buffer.alloc(4) }],
    ['a serial number past 20 bytes', { serial: Buffer.alloc(21, 1) }],
    ['a validity that ends before it starts', { notAfterMs: nowMs - 2 * dayMs }],
    ['a validity that is no number', { notAfterMs: Number.NaN }],
    ["a signature that is not the issuer's", { sign: key.sign }],
  ];
  for (const [what, part] of cases) {
    test(what, () => assert.rejects(leaf('sign', part), refused));
  }
  test('a self-signed certificate that is no CA', () =>
    assert.rejects(selfSigned({ profile: 'sign' }), refused));
  test('a key that is no point on P-256', () =>
    assert.rejects(leaf('sign', { subjectPublicKey: Buffer.alloc(65, 4) }), { code: 'HSM_KEY' }));
});

test('serial numbers are positive, of one length and all different', () => {
  const serials = Array.from({ length: 200 }, newSerial);
  for (const serial of serials) assert.ok(serial.length === 16 && serial.readInt8(0) > 0);
  assert.equal(new Set(serials.map((one) => one.toString('hex'))).size, 200);
});
