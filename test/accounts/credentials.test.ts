/** Credentials and groups in policy.yaml: their normal form, and every fault in its place. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { decodePolicy, encodePolicy } from '@sallyport/shared/policy/bundle.ts';
import { checkPolicy } from '@sallyport/shared/policy/check.ts';
import { withCredentials } from '@sallyport/shared/policy/credentials.ts';
import { diffPolicy } from '@sallyport/shared/policy/diff.ts';
import { policyOf, sourceOf } from '../policy/fixture.ts';
import { newAuthority } from './authority.ts';
import { newSigningKey } from './sign.ts';

const key = newSigningKey('tax-1');
const ca = newAuthority('/CN=Root');
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = { ...ec.publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256' };

const signature = {
  type: 'http-signature',
  keyid: 'tax-1',
  algorithm: 'ecdsa-p256-sha256',
  publicKey: key.publicPem,
};
const token = {
  ...{ type: 'jwt', issuer: 'https://id.example', audience: 'sallyport', subject: 'tax' },
  jwks: { keys: [jwk] },
};
const certificate = { type: 'certificate', ca: ca.certificate, subject: 'CN=tax-1' };

const fixture = 'name: tax-bureau\n    credentials: [ { type: key } ]';
const withTax = (...credentials: object[]): [string, string] => [
  fixture,
  `name: tax-bureau\n    credentials: ${JSON.stringify(credentials)}`,
];
const faultsOf = (...changes: [string, string][]): string =>
  checkPolicy(sourceOf(changes))
    .faults.map(({ path, message }) => `${path}: ${message}`)
    .join('\n');

test('every kind of credential has one normal form, which a bundle carries', () => {
  const all = [{ type: 'key' }, signature, token, certificate];
  const policy = policyOf([withTax(...all)]);
  const again = policyOf([withTax(...all.toReversed())]);
  assert.deepEqual(decodePolicy(encodePolicy(policy)), again);
  const tax = policy.consumers.find(({ name }) => name === 'tax-bureau');
  const types = tax?.credentials.map(({ type }) => type);
  assert.deepEqual(types, ['certificate', 'http-signature', 'jwt', 'key']);
  assert.equal(diffPolicy(policy, again).length, 0);
});

test('a diff shows that a key changed, by its fingerprint', () => {
  const before = policyOf([withTax(signature)]);
  const after = policyOf([withTax({ ...signature, publicKey: newSigningKey('x').publicPem })]);
  const changes = diffPolicy(before, after).map(({ part, detail }) => `${part} ${detail}`);
  assert.equal(changes.length, 1);
  assert.match(
    changes[0] ?? '',
    /^consumers\/tax-bureau credentials\.http-signature tax-1\.publicKey sha256:[0-9a-f]{16} → sha256/,
  );
});

test('API keys of a consumer that may not have any do not get into the bundle', () => {
  const policy = policyOf([withTax(signature)]);
  const record = {
    ...({ id: '0123456789ab', type: 'key', consumer: 'tax-bureau' } as const),
    ...{ prefix: 'sp_', lastFour: 'abcd' },
    ...{ hash: 'A'.repeat(43), createdAtMs: 0 },
  } as const;
  const merged = withCredentials(policy, { hashKey: 'A'.repeat(43), keys: [record] });
  assert.deepEqual(merged.credentials.keys, []);
});

const privatePem = String(key.privateKey.export({ type: 'pkcs8', format: 'pem' }));
const faults: [string, object, RegExp][] = [
  [
    'a shared secret',
    { ...signature, algorithm: 'hmac-sha256' },
    /outer node would hold the secret/,
  ],
  [
    'an unknown algorithm',
    { ...signature, algorithm: 'rsa-v1_5-sha256' },
    /expected ecdsa-p256-sha256/,
  ],
  ['a private key', { ...signature, publicKey: privatePem }, /expected a public key/],
  ['a key for another algorithm', { ...signature, algorithm: 'ed25519' }, /public key for ed25519/],
  ['an age without end', { ...signature, maxAgeMs: 3_600_001 }, /expected at most 3600000/],
  ['a date that is none', { ...signature, until: '2027-02-30' }, /expected a date/],
  ['no keyid', { ...signature, keyid: undefined }, /keyid/],
  ['a private JWK', { ...token, jwks: { keys: [{ ...jwk, d: 'AA' }] } }, /public JWK/],
  [
    'a shared JWK',
    { ...token, jwks: { keys: [{ kty: 'oct', k: 'AA', alg: 'HS256' }] } },
    /public JWK/,
  ],
  ['a JWK without algorithm', { ...token, jwks: { keys: [{ ...jwk, alg: undefined }] } }, /"alg"/],
  ['a JWK for encryption', { ...token, jwks: { keys: [{ ...jwk, use: 'enc' }] } }, /public JWK/],
  [
    'a JWK of another algorithm',
    { ...token, jwks: { keys: [{ ...jwk, alg: 'RS256' }] } },
    /public JWK/,
  ],
  ['no subject of a token', { ...token, subject: undefined }, /subject/],
  ['a CA alone', { ...certificate, subject: undefined }, /expected spki, or ca and subject/],
  [
    'a certificate that is no CA',
    { ...certificate, ca: ca.issue('/CN=tax-1').certificate },
    /expected one CA certificate/,
  ],
  ['an unknown key', { type: 'key', secret: 'x' }, /unknown key "secret"/],
  [
    'an unknown kind',
    { type: 'password' },
    /expected key, http-signature, jwt, certificate or plugin/,
  ],
];
for (const [what, credential, message] of faults) {
  test(`${what} is a fault of its credential`, () => {
    const found = faultsOf(withTax(credential));
    assert.match(found, /consumers\[0\]\.credentials\[0\]/);
    assert.match(found, message);
  });
}

test('two consumers cannot have one credential', () => {
  const school = 'name: school-board\n    credentials: [ { type: key } ]';
  for (const credential of [signature, token, certificate]) {
    const second = `name: school-board\n    credentials: ${JSON.stringify([credential])}`;
    const found = faultsOf(withTax(credential), [school, second]);
    assert.match(
      found,
      /consumers\[1\]\.credentials\[0\]: expected a credential that no other is like/,
    );
  }
});

const groups = (text: string): [string, string] => [
  'grants:\n',
  `consumerGroups: ${text}\ngrants:\n`,
];
const toGroup: [string, string] = [
  '- consumer: school-board\n    routes',
  '- group: offices\n    routes',
];

test('a grant to a group is one for each of its consumers', () => {
  const one = policyOf([groups('[{ name: offices, consumers: [school-board] }]'), toGroup]);
  assert.deepEqual(one, policyOf());
});

const groupFaults: [string, [string, string][], RegExp][] = [
  ['a group that is not there', [toGroup], /group: expected a group of the policy, got "offices"/],
  [
    'a consumer that is not there',
    [groups('[{ name: offices, consumers: [nobody] }]'), toGroup],
    /consumerGroups\[0\]\.consumers\[0\]: expected a consumer of the policy/,
  ],
  [
    'a consumer twice in a group',
    [groups('[{ name: offices, consumers: [school-board, school-board] }]')],
    /expected each consumer once/,
  ],
  [
    'a group twice',
    [
      groups(
        '[{ name: offices, consumers: [school-board] }, { name: offices, consumers: [school-board] }]',
      ),
    ],
    /expected a name of its own, got "offices" again/,
  ],
  [
    'a route that a consumer gets in two ways',
    [groups('[{ name: offices, consumers: [school-board, tax-bureau] }]'), toGroup],
    /expected one grant for tax-bureau on "citizen-registry\/get-citizen"/,
  ],
  [
    'both a consumer and a group',
    [['- consumer: school-board\n', '- consumer: school-board\n    group: offices\n']],
    /expected a consumer or a group, one of the two/,
  ],
];
for (const [what, changes, message] of groupFaults) {
  test(`${what} is a fault`, () => assert.match(faultsOf(...changes), message));
}
