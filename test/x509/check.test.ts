/** What a certificate must be before a key in it is believed; everything else is refused. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import type { CertificateRequest } from '@sallyport/hsm/x509.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { der, sequence } from '@sallyport/shared/package/der.ts';
import { checkCertificate, type ExpectedCertificate } from '@sallyport/shared/x509/check.ts';
import {
  extension,
  extensionIds,
  hasExtensionsOf,
  usageExtensions,
} from '@sallyport/shared/x509/extensions.ts';
import { type ProfileName, profiles } from '@sallyport/shared/x509/profiles.ts';
import { createAuthority, dayMs } from './authority.ts';
import { selfSigned } from './self-signed.ts';
import { softKey } from './soft-key.ts';

const nowMs = Date.UTC(2026, 5, 1);
const node = 'outer-1';
const names = Object.keys(profiles) as ProfileName[];
const ca = await createAuthority(node, nowMs);
const key = softKey();

const issue = (profile: ProfileName, part: Partial<CertificateRequest> = {}): Promise<Buffer> =>
  profile === 'ca' ? Promise.resolve(ca.der) : ca.issue(profile, key, part);
const check = (der: Buffer, profile: ProfileName, part: Partial<ExpectedCertificate> = {}): void =>
  checkCertificate(der, { node, profile, caDer: ca.der, nowMs, ...part });
const refuses = (message: RegExp, ...args: Parameters<typeof check>): void =>
  assert.throws(() => check(...args), { code: 'CERTIFICATE_REFUSED', message });

test('each profile is accepted as itself, and as no other', async () => {
  for (const issued of names) {
    const der = await issue(issued, { altNames: ['gate.example'] });
    for (const wanted of names) {
      if (issued === wanted) check(der, wanted);
      else refuses(/expected/, der, wanted);
    }
  }
});

test('the name alone does not make another usage fit, nor the usage another name', async () => {
  const usage = /expected the usage extensions of its name/;
  refuses(usage, await issue('sign', { commonName: 'outer-1 decrypt' }), 'decrypt');
  refuses(usage, await issue('decrypt', { commonName: 'outer-1 sign' }), 'sign');
  refuses(usage, await issue('edge'), 'link');
  refuses(usage, await issue('link'), 'edge');
  refuses(/sign certificate: expected the subject outer-1 sign/, await issue('audit'), 'sign');
  refuses(/expected the subject outer-2 sign/, await issue('sign'), 'sign', { node: 'outer-2' });
});

test('a certificate is refused before and after its time, and with it one of a CA out of time', async () => {
  const der = await issue('sign');
  const startMs = nowMs - dayMs;
  check(der, 'sign', { nowMs: startMs - limits.clockSkewMs });
  refuses(/a start before now/, der, 'sign', { nowMs: startMs - limits.clockSkewMs - 1000 });
  check(der, 'sign', { nowMs: nowMs + 365 * dayMs });
  refuses(/an end after now/, der, 'sign', { nowMs: nowMs + 365 * dayMs + 1000 });
  const short = await createAuthority(node, nowMs, { notAfterMs: nowMs - 1000 });
  const below = await short.issue('sign', key);
  refuses(/ca certificate: expected an end after now/, below, 'sign', { caDer: short.der });
});

test('the signature of another CA of the same name is refused', async () => {
  const other = await createAuthority(node, nowMs);
  const signature = /expected a signature of the node's own CA/;
  refuses(signature, await other.issue('sign', key), 'sign');
  refuses(signature, other.der, 'ca');
  refuses(signature, await other.issue('ca', other.key), 'ca');
  refuses(/ca certificate: expected/, await issue('sign'), 'sign', { caDer: Buffer.of(1) });
  const sign = await issue('sign');
  refuses(/expected the subject outer-1 ca/, await issue('sign'), 'sign', { caDer: sign });
});

test('a flipped bit anywhere, a cut and an extra byte are refused', async () => {
  const der = await issue('sign');
  for (let at = 0; at < der.length; at += 1) {
    const flipped = Buffer.from(der);
    flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at);
    refuses(/expected/, flipped, 'sign');
  }
  refuses(/expected/, der.subarray(0, -1), 'sign');
  refuses(/nothing after its end/, Buffer.concat([der, Buffer.of(0)]), 'sign');
  refuses(/expected/, Buffer.alloc(0), 'sign');
});

test('what openssl issues with another curve, another usage or one extension more is refused', () => {
  const constraints = 'basicConstraints=critical,CA:true,pathlen:0';
  const usage = 'keyUsage=critical,keyCertSign,cRLSign';
  const own = (extensions: string[], privateKey: KeyObject = key.privateKey): void => {
    const der = new X509Certificate(selfSigned(privateKey, 'outer-1 ca', extensions)).raw;
    check(der, 'ca', { caDer: der, nowMs: Date.now() });
  };
  own([constraints, usage]);
  own([constraints, usage, 'subjectAltName=DNS:a']);
  const wrong = [
    [constraints],
    [usage],
    ['basicConstraints=critical,CA:true', usage],
    ['basicConstraints=CA:true,pathlen:0', usage],
    [constraints, 'keyUsage=keyCertSign,cRLSign'],
    [constraints, 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature'],
    [constraints, usage, 'extendedKeyUsage=serverAuth'],
    [constraints, usage, 'nameConstraints=permitted;DNS:a'],
    [constraints, usage, 'subjectAltName=critical,DNS:a'],
  ];
  for (const extensions of wrong) {
    const refused = { code: 'CERTIFICATE_REFUSED', message: /the usage extensions of its name/ };
    assert.throws(() => own(extensions), refused, extensions.join());
  }
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const refused = { code: 'CERTIFICATE_REFUSED', message: /with a P-256 key/ };
  assert.throws(() => own([constraints, usage], privateKey), refused);
  assert.throws(() => own([]), refused, 'a certificate of version 1');
});

test('extensions count where they belong, each once', () => {
  const usage = usageExtensions(profiles.sign);
  const member = sequence();
  const certificate = (list: Buffer[], tag = 0xa3, after: Buffer[] = []): Buffer => {
    const before = Array.from({ length: 7 }, () => member);
    return sequence(sequence(...before, der(tag, sequence(...list)), ...after));
  };
  const isSign = (bytes: Buffer): boolean => hasExtensionsOf(profiles.sign, bytes);
  const name = extension(extensionIds.subjectAltName, false, sequence());
  assert.equal(isSign(certificate([name, ...usage])), true);
  assert.equal(isSign(certificate([...usage, ...usage])), false);
  assert.equal(isSign(certificate([...usage, name, name])), false);
  assert.equal(isSign(certificate(usage.slice(1))), false);
  assert.equal(isSign(certificate(usage, 0xa1)), false);
  assert.equal(isSign(certificate(usage, 0xa3, [member])), false);
  assert.equal(isSign(certificate([...usage, Buffer.of(0x30, 0x80, 0, 0)])), false);
  assert.equal(isSign(Buffer.from('no certificate')), false);
});
