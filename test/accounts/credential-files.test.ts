/** Keys of issuers and revocation lists in files beside the policy: taken, changed, refused. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readPolicyFiles } from '@sallyport/inner-node/policy/read.ts';
import {
  certificateHolder,
  verifyClientCertificate,
} from '@sallyport/shared/accounts/certificate.ts';
import type { CertificateCredential } from '@sallyport/shared/accounts/credential.ts';
import { decodePolicy, encodePolicy } from '@sallyport/shared/policy/bundle.ts';
import { checkPolicy } from '@sallyport/shared/policy/check.ts';
import { diffPolicy, formatChange } from '@sallyport/shared/policy/diff.ts';
import { policyWarnings } from '@sallyport/shared/policy/warnings.ts';
import { readRevocationList, serialOf } from '@sallyport/shared/x509/crl.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { newAuthority } from './authority.ts';

const root = newAuthority('/CN=Root');
const other = newAuthority('/CN=Root');
const kept = root.issue('/CN=tax-1');
const lost = root.issue('/CN=tax-1');
const list = root.revoke([lost]);
const dayMs = 86_400_000;
const nowMs = Date.now();

/** A policy of one consumer, its files beside it. */
async function check(credential: object, files: Readonly<Record<string, string>>) {
  const dir = temporaryFolder();
  writeFileSync(
    join(dir, 'policy.yaml'),
    JSON.stringify({ consumers: [{ name: 'tax', credentials: [credential] }] }),
  );
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return checkPolicy(await readPolicyFiles(dir));
}

async function policyOf(credential: object, files: Readonly<Record<string, string>>) {
  const { policy, faults } = await check(credential, files);
  assert.deepEqual(faults, []);
  assert.ok(policy);
  return policy;
}

const byCa = { type: 'certificate', ca: root.certificate, subject: 'CN=tax-1', crl: 'root.crl' };
const token = {
  ...{ type: 'jwt', issuer: 'https://id.example', audience: 'sallyport', subject: 'tax' },
  jwks: 'issuer.json',
};
const jwkOf = (kid: string) => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' };
};

test('a certificate on the list of its CA is refused, another is taken, until the list ends', async () => {
  const policy = await policyOf(byCa, { 'root.crl': list });
  assert.deepEqual(decodePolicy(encodePolicy(policy)), policy);
  const [credential] = policy.consumers[0]?.credentials ?? [];
  const holder = certificateHolder('tax', credential as CertificateCredential);
  const take = (one: typeof kept, atMs: number) =>
    verifyClientCertificate([holder], [one.der], { nowMs: atMs, lateMs: 0 });
  assert.equal(take(kept, nowMs).consumer, 'tax');
  assert.throws(() => take(lost, nowMs), {
    code: 'CERTIFICATE_REFUSED',
    message: /not revoked/,
    hint: /needs another certificate/,
  });
  const late = {
    code: 'CERTIFICATE_REFUSED',
    message: /a revocation list in its time/,
    hint: /fetch the new list/,
  };
  assert.throws(() => take(kept, nowMs + 11 * dayMs), late);
});

test('a CA below that was revoked lets nobody in', async () => {
  const below = newAuthority('/CN=Below', root);
  const leaf = below.issue('/CN=tax-1');
  const chain = [leaf.der, below.der];
  const take = async (revoked: readonly (typeof kept)[]) => {
    const policy = await policyOf(byCa, { 'root.crl': root.revoke(revoked) });
    const [credential] = policy.consumers[0]?.credentials ?? [];
    const holder = certificateHolder('tax', credential as CertificateCredential);
    return verifyClientCertificate([holder], chain, { nowMs: Date.now(), lateMs: 0 });
  };
  assert.equal((await take([lost])).consumer, 'tax');
  await assert.rejects(take([below]), { code: 'CERTIFICATE_REFUSED' });
});

test('a new list is a change of the policy, and the end of one is told in time', async () => {
  const before = await policyOf(byCa, { 'root.crl': list });
  const after = await policyOf(byCa, { 'root.crl': root.revoke([lost, kept]) });
  const changes = diffPolicy(before, after).map(formatChange);
  assert.ok(
    changes.length > 0 && changes.every((line) => line.includes('revoked')),
    changes.join(),
  );
  const warned = (atMs: number) =>
    policyWarnings(before, atMs).filter(({ message }) => /its revocation list/.test(message));
  assert.deepEqual(warned(nowMs), []);
  assert.match(warned(nowMs + 4 * dayMs)[0]?.message ?? '', /list ends on/);
  assert.match(warned(nowMs + 11 * dayMs)[0]?.message ?? '', /list has ended on/);
});

test('what is no list of this CA is a fault of its credential', async () => {
  const pem = (der: Buffer): string =>
    `-----BEGIN X509 CRL-----\n${der.toString('base64')}\n-----END X509 CRL-----\n`;
  const der = Buffer.from(list.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const bit = Buffer.from(der);
  bit[bit.length - 1] = (bit.at(-1) ?? 0) ^ 1;
  for (const [text, credential = byCa] of [
    [other.revoke([])],
    [root.certificate],
    [pem(bit)],
    [pem(Buffer.concat([der, Buffer.of(0)]))],
    [pem(der.subarray(0, -1))],
    ['', byCa],
    [list, { ...byCa, ca: undefined, subject: undefined, spki: `${'A'.repeat(43)}=` }],
    [list, { ...byCa, crl: 'missing.crl' }],
    [list, { ...byCa, crl: '../root.crl' }],
    [list, { ...byCa, crl: 7 }],
  ] as const) {
    const { faults } = await check(credential, { 'root.crl': text });
    assert.equal(faults.length, 1, JSON.stringify(faults));
    assert.match(faults[0]?.path ?? '', /^consumers\[0\]\.credentials\[0\]/);
  }
});

test('every changed byte of a list is refused, or says what the list says', () => {
  const ca = new X509Certificate(root.certificate);
  const der = Buffer.from(list.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const good = readRevocationList(list, ca);
  assert.deepEqual(good?.serials, [serialOf(new X509Certificate(lost.certificate))]);
  for (let at = 0; at < der.length; at += 1) {
    const changed = Buffer.from(der);
    changed[at] = (changed[at] ?? 0) ^ 0x10;
    const text = `-----BEGIN X509 CRL-----\n${changed.toString('base64')}\n-----END X509 CRL-----`;
    assert.equal(readRevocationList(text, ca), undefined, `byte ${at}`);
  }
});

test('the keys of an issuer are those of its file, and a new file changes them', async () => {
  const [first, second] = [jwkOf('k1'), jwkOf('k2')];
  const set = (...keys: object[]) => JSON.stringify({ keys, 'x-note': 'as the issuer has it' });
  const before = await policyOf(token, { 'issuer.json': set(first) });
  const inline = await policyOf({ ...token, jwks: { keys: [first] } }, {});
  assert.deepEqual(diffPolicy(before, inline), []);
  const both = await policyOf(token, { 'issuer.json': set(first, second) });
  const changes = diffPolicy(before, both).map(formatChange);
  assert.equal(changes.length, 1);
  assert.match(changes[0] ?? '', /k2/);
});

test('what is no set of public keys is a fault of its credential', async () => {
  const secret = { kty: 'oct', k: 'AAAA', alg: 'HS256' };
  for (const text of ['', '{', '[]', '{"keys":[]}', JSON.stringify({ keys: [secret] })]) {
    const { faults } = await check(token, { 'issuer.json': text });
    assert.equal(faults.length, 1, JSON.stringify(faults));
    assert.match(faults[0]?.path ?? '', /^consumers\[0\]\.credentials\[0\]\.jwks/);
  }
  const { faults } = await check({ ...token, jwks: 'none.json' }, {});
  assert.match(faults[0]?.message ?? '', /expected a file, got none/);
});
