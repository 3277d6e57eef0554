import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { constraintsOf } from '@sallyport/shared/x509/constraints.ts';
import { selfSigned } from './self-signed.ts';
import { softKey } from './soft-key.ts';

const { privateKey } = softKey();
const rawOf = (...extensions: string[]) =>
  new X509Certificate(selfSigned(privateKey, 'ca', extensions)).raw;

test('what a certificate demands of its path is read', () => {
  const plain = { pathLengthMax: Number.POSITIVE_INFINITY, isKnown: true };
  assert.deepEqual(constraintsOf({ raw: rawOf() }), plain);
  const limited = rawOf('basicConstraints=critical,CA:TRUE,pathlen:3');
  assert.deepEqual(constraintsOf({ raw: limited }), { pathLengthMax: 3, isKnown: true });
});

test('what is critical and not known is that however its TRUE is spelt', () => {
  const raw = rawOf('1.2.3.4.5=critical,DER:0500');
  const at = raw.indexOf(Buffer.from('06042a0304050101ff', 'hex'));
  assert.ok(at > 0);
  for (const spelt of [0xff, 0x01]) {
    raw[at + 8] = spelt;
    assert.equal(constraintsOf({ raw }).isKnown, false);
  }
});

test('what cannot be read is not known', () => {
  assert.equal(constraintsOf({ raw: rawOf().subarray(0, 40) }).isKnown, false);
});
