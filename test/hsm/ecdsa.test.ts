/** The soft keystore's own ECDSA: OpenSSL and node:crypto are the judges. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createECDH, createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { encode, integer, sequence } from '@sallyport/hsm/der.ts';
import { signDigest } from '@sallyport/hsm/soft/ecdsa.ts';
import fc from 'fast-check';
import { isSignedBy } from '../contract/hsm.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { publicKeyOf } from '../x509/soft-key.ts';

const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
const hex = (text: string): Buffer => Buffer.from(text.padStart(64, '0'), 'hex');
const orderLess = (by: bigint): Buffer => hex((BigInt(`0x${order}`) - by).toString(16));

function pointOf(scalar: Buffer): Buffer {
  const pair = createECDH('prime256v1');
  pair.setPrivateKey(scalar);
  return pair.getPublicKey();
}

test('any key signs any message, the smallest and the largest key too', () => {
  const scalars = fc.oneof(
    fc.constantFrom(hex('1'), hex('2'), orderLess(1n), orderLess(2n)),
    fc.uint8Array({ minLength: 31, maxLength: 31 }).map((bytes) => hex(`01${toHex(bytes)}`)),
  );
  const property = fc.property(scalars, fc.uint8Array(), (scalar, message) => {
    const digest = createHash('sha256').update(message).digest();
    assert.ok(isSignedBy(pointOf(scalar), message, signDigest(scalar, digest)));
  });
  fc.assert(property, { seed: 1, numRuns: 200 });
});

test('openssl verifies digests at the edges: zero, the order and its neighbours, all ones', () => {
  const directory = temporaryFolder();
  const scalar = hex('c0ffee');
  const [key, digestFile, signatureFile] = ['key', 'digest', 'signature'].map((name) =>
    join(directory, name),
  ) as [string, string, string];
  writeFileSync(key, publicKeyOf(pointOf(scalar)).export({ format: 'pem', type: 'spki' }));
  const digests = [hex('0'), hex('1'), hex(order), orderLess(1n), hex('f'.repeat(64))];
  for (const digest of digests) {
    const signature = signDigest(scalar, digest);
    const parts = [signature.subarray(0, 32), signature.subarray(32)];
    writeFileSync(digestFile, digest);
    writeFileSync(signatureFile, encode(sequence(parts.map(integer))));
    const args = ['pkeyutl', '-verify', '-pubin', '-inkey', key];
    execFileSync('openssl', [...args, '-in', digestFile, '-sigfile', signatureFile]);
  }
});

test('the same digest never gets the same nonce twice', () => {
  const firstHalves = Array.from({ length: 200 }, () =>
    signDigest(hex('c0ffee'), hex('1')).toString('hex', 0, 32),
  );
  assert.equal(new Set(firstHalves).size, 200);
});

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
