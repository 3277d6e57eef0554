import assert from 'node:assert/strict';
import { verify } from 'node:crypto';
import { test } from 'node:test';
import { readSigned, signData, verifySigned } from '@sallyport/shared/package/cms-signed.ts';
import { sender, stranger } from './parties.ts';

const content = Buffer.from('{"any":"content"}');

test('signed data gives its content back to whoever pins the certificate', async () => {
  const file = await signData(content, sender);
  assert.deepEqual(verifySigned(file, sender.certificate), content);
  assert.deepEqual(readSigned(file).certificate, sender.certificate);
});

test('content may be empty, and may be large', async () => {
  for (const bytes of [0, 1, 127, 128, 255, 256, 65535, 65536, 1 << 20]) {
    const file = await signData(Buffer.alloc(bytes, 7), sender);
    assert.equal(verifySigned(file, sender.certificate).length, bytes);
  }
});

test('another certificate is refused, and the code is the one that the caller names', async () => {
  const file = await signData(content, stranger);
  assert.throws(() => verifySigned(file, sender.certificate), { code: 'PACKAGE_SENDER' });
  const asTrustFile = () => verifySigned(file, sender.certificate, 'TRUST_FILE_INVALID');
  assert.throws(asTrustFile, { code: 'TRUST_FILE_INVALID' });
  const garbage = () => verifySigned(Buffer.from('0'), sender.certificate, 'POLICY_SIGNATURE');
  assert.throws(garbage, { code: 'POLICY_SIGNATURE' });
});

test('a signer that answers with another length is refused', async () => {
  const broken = { certificate: sender.certificate, sign: async () => Buffer.alloc(63) };
  await assert.rejects(signData(content, broken), { code: 'HSM_KEY' });
});

test('signatures are written with the low s, whichever the signer gave', async () => {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const digests: Buffer[] = [];
  const raws: Buffer[] = [];
  const recording = {
    certificate: sender.certificate,
    sign: async (digest: Uint8Array) => {
      const raw = await sender.sign(digest);
      digests.push(Buffer.from(digest));
      raws.push(raw);
      return raw;
    },
  };
  const mirrored = {
    certificate: sender.certificate,
    sign: async () => {
      const raw = raws[0] ?? Buffer.alloc(64);
      const s = order - BigInt(`0x${raw.toString('hex', 32)}`);
      return Buffer.from(raw.toString('hex', 0, 32) + s.toString(16).padStart(64, '0'), 'hex');
    },
  };
  const one = await signData(content, recording);
  const other = await signData(content, mirrored);
  assert.deepEqual(other, one);
  assert.deepEqual(verifySigned(one, sender.certificate), content);
  assert.equal(digests[0]?.length, 32);
});

test('the signature is over the attributes as a SET', async () => {
  const file = await signData(content, sender);
  const { signature } = readSigned(file);
  const start = file.indexOf(Buffer.from('a04b3018', 'hex'));
  assert.ok(start > 0);
  const attributes = Buffer.from(file.subarray(start, start + 2 + 0x4b));
  attributes[0] = 0x31;
  assert.ok(verify('sha256', attributes, sender.certificatePem, signature));
});
