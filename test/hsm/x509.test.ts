/** Certificates: judged by the openssl command line, and refused by our own check when they are unfit. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkCertificate } from '@sallyport/hsm/check.ts';
import { openHsm } from '@sallyport/hsm/open.ts';
import { createPinFile } from '@sallyport/hsm/pin.ts';
import { type ProfileName, profiles } from '@sallyport/hsm/profiles.ts';
import { createSoftKeystore } from '@sallyport/hsm/soft/keystore.ts';
import { type CertificateRequest, issueCertificate, newSerial } from '@sallyport/hsm/x509.ts';
import type { Hsm } from '@sallyport/shared/ports.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-x509-'));
const nowMs = Date.UTC(2026, 5, 1);
const dayMs = 86_400_000;
const leaves = (Object.keys(profiles) as ProfileName[]).filter((name) => name !== 'ca');
const refused = { code: 'CERTIFICATE_REFUSED' };
let hsm: Hsm;
let caKey: Buffer;
let leafKey: Buffer;
let caDer: Buffer;

const signAs = (label: string) => (digest: Buffer) => hsm.sign(label, digest);
const base = (): Omit<CertificateRequest, 'profile' | 'commonName'> => ({
  subjectPublicKey: leafKey,
  serial: newSerial(),
  notBeforeMs: nowMs - dayMs,
  notAfterMs: nowMs + 365 * dayMs,
  issuer: { commonName: 'outer-1 ca', publicKey: caKey },
  sign: signAs('ca'),
});
const leaf = (profile: ProfileName, part: Partial<CertificateRequest> = {}): Promise<Buffer> =>
  issueCertificate({ ...base(), profile, commonName: `outer-1 ${profile}`, ...part });
const selfSigned = (part: Partial<CertificateRequest> = {}): Promise<Buffer> => {
  const { issuer: _, ...rest } = base();
  const own = { profile: 'ca', commonName: 'outer-1 ca', subjectPublicKey: caKey } as const;
  return issueCertificate({ ...rest, ...own, ...part });
};

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

before(async () => {
  const pinFile = join(directory, 'pin');
  createPinFile(pinFile);
  const config = { kind: 'soft', file: join(directory, 'soft.keystore'), pinFile } as const;
  await createSoftKeystore(config);
  hsm = await openHsm(config);
  for (const label of ['ca', 'leaf', 'stranger']) await hsm.generateKeyPair(label, 'sign');
  caKey = await hsm.publicKey('ca');
  leafKey = await hsm.publicKey('leaf');
  caDer = await selfSigned();
});
after(async () => {
  await hsm.close();
  rmSync(directory, { recursive: true });
});

describe('openssl verify -x509_strict', () => {
  test('accepts the CA as its own root', () => {
    const ca = pemFile('ca', caDer);
    assert.match(opensslVerify('-CAfile', ca, ca), /: OK$/m);
  });

  for (const profile of leaves) {
    test(`accepts a ${profile} certificate`, async () => {
      const ca = pemFile('ca', caDer);
      const der = await leaf(profile, { altNames: ['gate.example', '192.0.2.7', '2001:db8::7'] });
      assert.match(opensslVerify('-CAfile', ca, pemFile(profile, der)), /: OK$/m);
    });
  }

  test('finds the TLS purposes and the names of an edge and a link certificate', async () => {
    const ca = pemFile('ca', caDer);
    const altNames = ['gate.example', '192.0.2.7', '2001:db8::7'];
    const edge = pemFile('edge', await leaf('edge', { altNames }));
    const link = pemFile('link', await leaf('link', { altNames }));
    const verify = (...args: string[]) => opensslVerify('-CAfile', ca, ...args);
    assert.match(verify('-purpose', 'sslserver', '-verify_hostname', 'gate.example', edge), /OK/);
    assert.match(verify('-purpose', 'sslserver', '-verify_ip', '192.0.2.7', link), /OK/);
    assert.match(verify('-purpose', 'sslserver', '-verify_ip', '2001:db8::7', link), /OK/);
    assert.match(verify('-purpose', 'sslclient', link), /OK/);
    assert.throws(() => verify('-purpose', 'sslclient', edge));
    assert.throws(() => verify('-verify_hostname', 'other.example', edge));
  });

  test('refuses a certificate that a leaf has issued', async () => {
    const der = await leaf('sign', {
      issuer: { commonName: 'outer-1 sign', publicKey: leafKey },
      sign: signAs('leaf'),
    });
    const chain = pemFile('middle', await leaf('sign'));
    const ca = pemFile('ca', caDer);
    assert.throws(() => opensslVerify('-CAfile', ca, '-untrusted', chain, pemFile('below', der)));
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
    ["a signature that is not the issuer's", { sign: (digest) => hsm.sign('leaf', digest) }],
  ];
  for (const [what, part] of cases) {
    test(what, () => assert.rejects(leaf('sign', part), refused));
  }
  test('a self-signed certificate that is no CA', () =>
    assert.rejects(selfSigned({ profile: 'sign' }), refused));
  test('a key that is no point on P-256', () =>
    assert.rejects(leaf('sign', { subjectPublicKey: Buffer.alloc(65, 4) }), { code: 'HSM_KEY' }));
});

describe('checkCertificate', () => {
  const check = (der: Buffer, profile: ProfileName, part = {}) =>
    checkCertificate(der, { caDer, profile, nowMs, ...part });

  test('reads what was issued', async () => {
    const der = await leaf('sign');
    assert.deepEqual(check(der, 'sign'), {
      commonName: 'outer-1 sign',
      publicKey: leafKey,
      notBeforeMs: nowMs - dayMs,
      notAfterMs: nowMs + 365 * dayMs,
      fingerprint: createHash('sha256').update(der).digest('hex'),
    });
    assert.deepEqual(check(caDer, 'ca').publicKey, caKey);
  });

  test('accepts each profile as itself and as nothing of another usage', async () => {
    const names = Object.keys(profiles) as ProfileName[];
    for (const issued of names) {
      const der = issued === 'ca' ? caDer : await leaf(issued, { altNames: ['gate.example'] });
      for (const wanted of names) {
        const isSame = JSON.stringify(profiles[issued]) === JSON.stringify(profiles[wanted]);
        if (isSame) check(der, wanted);
        else assert.throws(() => check(der, wanted), refused, `${issued} as ${wanted}`);
      }
    }
  });

  test('refuses a certificate before and after its time, and one of a CA out of time', async () => {
    const der = await leaf('sign');
    for (const at of [nowMs - 2 * dayMs, nowMs + 366 * dayMs]) {
      assert.throws(() => check(der, 'sign', { nowMs: at }), refused);
    }
    const oldCa = await selfSigned({ notAfterMs: nowMs - 1000 });
    assert.throws(() => check(der, 'sign', { caDer: oldCa }), refused);
  });

  test('refuses the signature of another CA of the same name', async () => {
    const strangerKey = await hsm.publicKey('stranger');
    const stranger = { subjectPublicKey: strangerKey, sign: signAs('stranger') };
    const der = await leaf('sign', {
      issuer: { commonName: 'outer-1 ca', publicKey: strangerKey },
      sign: signAs('stranger'),
    });
    assert.throws(() => check(der, 'sign'), refused);
    assert.throws(() => check(caDer, 'ca', { caDer: Buffer.of(1) }), refused);
    const other = await selfSigned(stranger);
    assert.throws(() => checkCertificate(caDer, { caDer: other, profile: 'ca', nowMs }), refused);
  });

  test('refuses a flipped bit anywhere, a cut and an extra byte', async () => {
    const der = await leaf('sign');
    for (let at = 0; at < der.length; at += 1) {
      const flipped = Buffer.from(der);
      flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at);
      assert.throws(() => check(flipped, 'sign'), refused, `byte ${at}`);
    }
    assert.throws(() => check(der.subarray(0, -1), 'sign'), refused);
    assert.throws(() => check(Buffer.concat([der, Buffer.of(0)]), 'sign'), refused);
    assert.throws(() => check(Buffer.alloc(0), 'sign'), refused);
  });

  test('refuses what openssl issues with another curve, another usage or one extension more', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const usage = ['basicConstraints=critical,CA:true,pathlen:0'];
    const exact = [...usage, 'keyUsage=critical,keyCertSign,cRLSign'];
    const own = (key: KeyObject, extensions: string[]) => {
      const der = opensslSelfSigned(key, extensions);
      return checkCertificate(der, { caDer: der, profile: 'ca', nowMs: Date.now() });
    };
    assert.equal(own(privateKey, exact).commonName, 'outer-1 ca');
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    assert.throws(() => own(p384, exact), refused);
    assert.throws(() => own(privateKey, usage), refused);
    assert.throws(() => own(privateKey, [...exact, 'nameConstraints=permitted;DNS:a']), refused);
    const wider = [...usage, 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature'];
    assert.throws(() => own(privateKey, wider), refused);
    const soft = [...usage, 'keyUsage=keyCertSign,cRLSign'];
    assert.throws(() => own(privateKey, soft), refused);
  });
});

test('serial numbers are positive, of one length and all different', () => {
  const serials = Array.from({ length: 200 }, newSerial);
  for (const serial of serials) assert.ok(serial.length === 16 && serial.readInt8(0) > 0);
  assert.equal(new Set(serials.map((one) => one.toString('hex'))).size, 200);
});

function opensslSelfSigned(key: KeyObject, extensions: string[]): Buffer {
  const keyFile = join(directory, 'foreign.key');
  writeFileSync(keyFile, key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const added = extensions.flatMap((extension) => ['-addext', extension]);
  const conf = join(directory, 'openssl.cnf');
  writeFileSync(conf, '[req]\ndistinguished_name = dn\n[dn]\n');
  const args = ['req', '-x509', '-config', conf, '-key', keyFile, '-subj', '/CN=outer-1 ca'];
  return execFileSync('openssl', [...args, ...added, '-outform', 'DER'], { stdio: 'pipe' });
}
