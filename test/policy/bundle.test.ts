import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeBundle,
  decodePolicy,
  encodeBundle,
  encodePolicy,
} from '@sallyport/shared/policy/bundle.ts';
import { issueApiKey, newHashKey, withCredentials } from '@sallyport/shared/policy/credentials.ts';
import { diffPolicy, formatChange } from '@sallyport/shared/policy/diff.ts';
import type { Policy } from '@sallyport/shared/policy/model.ts';
import { policyOf } from './fixture.ts';

const hashKey = newHashKey();
const issued = issueApiKey({ consumer: 'tax-bureau', hashKey, nowMs: 5 });
const policy = withCredentials(policyOf(), { hashKey, keys: [issued.record] });
const bundle = { policy, version: 3, issuer: 'inner-1', issuedAtMs: 5 };
const bytes = encodeBundle(bundle);
const refused = { code: 'POLICY_INVALID' };

const changed = (from: string, to: string) => {
  const text = Buffer.from(bytes).toString();
  assert.ok(text.includes(from), from);
  return Buffer.from(text.replace(from, to));
};

test('a bundle survives its bytes, and a diff after apply is empty', () => {
  const read = decodeBundle(bytes);
  assert.deepEqual(read, bundle);
  assert.deepEqual(diffPolicy(read.policy, policy), []);
  assert.deepEqual(decodePolicy(encodePolicy(policy)), policy);
});

test('equal policies are equal bytes, however their files were ordered', () => {
  const other = policyOf([
    ['owner: civil-affairs\n    level: important', 'level: important\n    owner: civil-affairs'],
    ['$.idNumber, $.phone', '$.phone, $.idNumber'],
    ['routes: [ citizen-registry/get-citizen, ', "routes: [ 'citizen-registry/get-citizen', "],
  ]);
  assert.deepEqual(Buffer.from(encodePolicy(other)), Buffer.from(encodePolicy(policyOf())));
});

const broken: readonly (readonly [string, Uint8Array])[] = [
  ['no JSON', Buffer.from('x')],
  ['nothing', Buffer.alloc(0)],
  ['a surplus member', changed('"version":3', '"surplus":1,"version":3')],
  ['a missing member', changed('"issuer":"inner-1",', '')],
  ['bytes that are not canonical', changed('"version":3', '"version": 3')],
  ['another format', changed('sallyport-policy-1', 'sallyport-policy-2')],
  ['version 0', changed('"version":3', '"version":0')],
  ['a grant to an unknown consumer', changed('"consumer":"school-board"', '"consumer":"nobody"')],
  [
    'a grant of an unknown route',
    changed('"flow":"citizen-registry/move"', '"flow":"citizen-registry/none"'),
  ],
  [
    'a key of an unknown consumer',
    changed('"consumer":"tax-bureau","createdAtMs"', '"consumer":"nobody","createdAtMs"'),
  ],
  ['two grants for one pair', changed('"consumer":"school-board"', '"consumer":"tax-bureau"')],
  ['an open schema', changed('"additionalProperties":false', '"additionalProperties":true')],
  ['an unknown transform', changed('"transform":"surname"', '"transform":"none"')],
  ['a duplicate name', changed('"version":3', '"version":3,"version":3')],
];
for (const [name, altered] of broken) {
  test(`a bundle with ${name} is refused`, () => {
    assert.throws(() => decodeBundle(altered), refused);
  });
}

test('a policy that is larger than a bundle may be is refused', () => {
  const fields = Array.from({ length: 1000 }, (_, index) => `$.${'f'.repeat(1000)}${index}`);
  const grants = Array.from({ length: 5 }, (_, index) => ({
    consumer: `c${index}`,
    flow: 'a/b',
    fields,
  }));
  assert.throws(() => encodePolicy({ ...policy, grants }), refused);
});

const lines = (before: Policy | undefined, after: Policy) =>
  diffPolicy(before, after).map(formatChange);

test('a first policy is all new', () => {
  assert.ok(lines(undefined, policy).every((line) => line.startsWith('+ ')));
  assert.ok(lines(undefined, policy).includes('+ grants/tax-bureau/citizen-registry/move'));
});

test('changes read as lines', () => {
  const after = policyOf([
    ['$.phone, $.address', '$.email, $.address'],
    ['first: 3, last: 4', 'first: 6, last: 4'],
    ['timeoutMs: 5000', 'timeoutMs: 4000'],
    ['http://127.0.0.1:9100/', 'http://127.0.0.1:9200'],
    ['until: 2027-06-30', 'until: 2027-07-01'],
    ['            - { field: $.email, transform: email }\n', ''],
  ]);
  const until = '2027-07-01T00:00:00.000Z → 2027-07-02T00:00:00.000Z';
  assert.deepEqual(lines(policyOf(), after), [
    '~ grants/tax-bureau/citizen-registry/get-citizen fields - $.phone',
    '~ grants/tax-bureau/citizen-registry/get-citizen fields + $.email',
    `~ grants/tax-bureau/citizen-registry/get-citizen until ${until}`,
    `~ grants/tax-bureau/citizen-registry/list-citizens until ${until}`,
    '~ services/citizen-registry upstream.targets - url http://127.0.0.1:9100, weight 1',
    '~ services/citizen-registry upstream.targets + url http://127.0.0.1:9200, weight 1',
    '~ services/citizen-registry upstream.timeoutMs 5000 → 4000',
    '~ services/citizen-registry/get-citizen response.masks.$.email.transform - email',
    '~ services/citizen-registry/get-citizen response.masks.$.idNumber.first 3 → 6',
  ]);
});

test('issued and revoked keys show, their hashes do not', () => {
  const without = policyOf();
  assert.deepEqual(lines(without, policy), [`+ keys/tax-bureau/${issued.record.prefix}`]);
  assert.deepEqual(lines(policy, without), [`- keys/tax-bureau/${issued.record.prefix}`]);
  assert.ok(!JSON.stringify(diffPolicy(undefined, policy)).includes(issued.record.hash));
});

test('another hash key or hash under a known id is a change', () => {
  const other = { ...policy, credentials: { ...policy.credentials, hashKey: newHashKey() } };
  assert.match(lines(policy, other).join(), /^~ keys\/tax-bureau\/sp_\w+ secret \w{8} → \w{8}$/);
});
