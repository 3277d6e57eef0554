import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type CertificateRequest, issueCertificate, newSerial } from '@sallyport/hsm/x509.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { signData } from '@sallyport/shared/package/cms-signed.ts';
import {
  readTrustFile,
  type TrustFile,
  writeTrustFile,
} from '@sallyport/shared/pairing/trust-file.ts';
import { makeNode, type TestNode } from './homes.ts';

let inner: TestNode;
let other: TestNode;
let good: Buffer;
const dayMs = 24 * 3_600_000;

before(async () => {
  [inner, other] = await Promise.all([makeNode('inner', 'inner-1'), makeNode('inner', 'inner-2')]);
  good = await writeTrustFile(inner.trust, inner.signCa);
});

function refused(file: Buffer, message: RegExp, nowMs = Date.now()): void {
  assert.throws(
    () => readTrustFile(file, nowMs),
    (e) => {
      assert.ok(e instanceof SallyportError, String(e));
      assert.equal(e.code, 'TRUST_FILE_INVALID', e.message);
      assert.match(e.message, message);
      assert.ok(e.hint, `${e.message}: expected a hint`);
      return true;
    },
  );
}

const write = (change: Partial<TrustFile>): Promise<Buffer> =>
  writeTrustFile({ ...inner.trust, ...change }, inner.signCa);
const withCertificate = (change: Partial<TrustFile['certificates']>): Promise<Buffer> =>
  write({ certificates: { ...inner.trust.certificates, ...change } });

/** A certificate of the inner node's CA that is wrong in one thing. */
async function issue(change: Partial<CertificateRequest>): Promise<Buffer> {
  return issueCertificate({
    profile: 'sign',
    commonName: 'inner-1 sign',
    subjectPublicKey: await inner.hsm.publicKey(inner.labels.sign),
    serial: newSerial(),
    notBeforeMs: Date.now() - dayMs,
    notAfterMs: Date.now() + dayMs,
    issuer: {
      commonName: 'inner-1 ca',
      publicKey: await inner.hsm.publicKey(inner.labels.ca),
    },
    sign: inner.signCa,
    ...change,
  });
}

test('a trust file reads back as it was written, with the fingerprint of its CA', () => {
  const read = readTrustFile(good, Date.now());
  assert.deepEqual({ ...read, fingerprint: undefined }, { ...inner.trust, fingerprint: undefined });
  assert.match(read.fingerprint, /^[0-9a-f]{64}$/);
});

test('a flipped bit anywhere in a trust file is refused', () => {
  for (let at = 0; at < good.length; at += 7) {
    const bad = Buffer.from(good);
    bad.writeUInt8(bad.readUInt8(at) ^ (1 << (at % 8)), at);
    refused(bad, /./);
  }
});

test('what is cut, longer, huge or no CMS is refused', () => {
  refused(good.subarray(0, -1), /./);
  refused(Buffer.concat([good, Buffer.of(0)]), /./);
  refused(Buffer.alloc(0), /./);
  refused(Buffer.from('{"node":"inner-1"}'), /./);
  refused(Buffer.alloc(100_000), /expected a small file/);
});

test('a file signed by a CA that is not the one inside is refused', async () => {
  const signer = { certificate: other.trust.certificates.ca, sign: other.signCa };
  const content = await contentOf(inner.trust);
  refused(await signData(content, signer), /the signature of its own CA/);
});

test('a file signed by another key of the node is refused', async () => {
  const bySign = writeTrustFile(inner.trust, (d) => inner.hsm.sign(inner.labels.sign, d));
  refused(await bySign, /signature/);
});

test('content that is not in its one form is refused', async () => {
  const signer = { certificate: inner.trust.certificates.ca, sign: inner.signCa };
  const text = (await contentOf(inner.trust)).toString();
  const bad = [
    ` ${text}`,
    text.replace('{', '{"extra":1,'),
    text.replace('"role":"inner"', '"role":"inner","role":"inner"'),
    text.replace('"role":"inner"', '"role":"middle"'),
    text.replace('"node":"inner-1"', '"node":"INNER"'),
    text.replace('"node":"inner-1"', '"node":["inner-1"]'),
    text.replace('"version":1', '"version":2'),
    text.replace(/"createdAt":"[^"]*"/, '"createdAt":"yesterday"'),
    'null',
    '{',
  ];
  for (const one of bad) {
    refused(await signData(Buffer.from(one), signer), /canonical form/);
  }
});

test('a certificate in the place of another is refused', async () => {
  const { audit, sign, decrypt, ca } = inner.trust.certificates;
  refused(await withCertificate({ sign: audit }), /sign certificate: expected the subject/);
  refused(await withCertificate({ decrypt: sign }), /decrypt certificate: expected the subject/);
  refused(await withCertificate({ sign: ca }), /sign certificate: expected the subject/);
  refused(
    await withCertificate({ audit: Buffer.from('x') }),
    /audit certificate: expected an X\.509/,
  );
  refused(await withCertificate({ sign: Buffer.concat([sign, decrypt]) }), /sign certificate/);
  refused(
    await withCertificate({ sign: other.trust.certificates.sign }),
    /the subject inner-1 sign/,
  );
});

test('a certificate of another CA, another usage or another time is refused', async () => {
  const sign = async (change: Partial<CertificateRequest>): Promise<Buffer> =>
    withCertificate({ sign: await issue(change) });
  readTrustFile(await sign({}), Date.now());
  const otherKey = await other.hsm.publicKey(other.labels.ca);
  const byOther = {
    sign: other.signCa,
    issuer: { commonName: 'inner-1 ca', publicKey: otherKey },
  };
  refused(await sign(byOther), /sign certificate: expected a signature of the node's own CA/);
  for (const profile of ['decrypt', 'ca', 'link'] as const) {
    refused(await sign({ profile }), /sign certificate: expected the usage extensions of its name/);
  }
  const past = { notBeforeMs: Date.now() - 2 * dayMs, notAfterMs: Date.now() - dayMs };
  refused(await sign(past), /sign certificate: expected an end after now/);
  refused(await sign({ notBeforeMs: Date.now() + dayMs / 2 }), /expected a start before now/);
});

test('a trust file whose certificates ran out is refused from then on', () => {
  refused(good, /expected an end after now/, Date.now() + 10 * 365 * dayMs);
});

async function contentOf(trust: TrustFile): Promise<Buffer> {
  const file = await writeTrustFile(trust, inner.signCa);
  const from = file.indexOf('{"certificates"');
  return file.subarray(from, file.indexOf('"version":1}') + '"version":1}'.length);
}
