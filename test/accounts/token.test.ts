/** Tokens: one that is right, made by another implementation, and every way in which one is refused. */
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { spkiOf, type TokenAlgorithm } from '@sallyport/shared/accounts/algorithms.ts';
import type { TokenCredential, TokenKey } from '@sallyport/shared/accounts/credential.ts';
import { type TokenHolder, verifyToken } from '@sallyport/shared/accounts/token.ts';
import { SignJWT } from 'jose';

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const nowMs = Date.now();
const now = Math.floor(nowMs / 1000);

function holdersOf(
  keys: readonly [TokenAlgorithm, KeyObject, string?][],
  changes: Partial<TokenCredential> = {},
): TokenHolder[] {
  const tokenKeys = keys.map(([algorithm, key, kid]): TokenKey => {
    return { algorithm, publicKey: spkiOf(key), ...(kid !== undefined && { kid }) };
  });
  const credential: TokenCredential = {
    type: 'jwt',
    issuer: 'https://id.example',
    audience: 'sallyport',
    subject: 'tax',
    keys: tokenKeys,
    ...changes,
  };
  return tokenKeys.map((tokenKey, index) => {
    const key = keys[index]?.[1];
    assert.ok(key);
    return { consumer: 'tax-bureau', credential, tokenKey, key };
  });
}

const known = holdersOf([['ES256', ec.publicKey, 'k1']]);
const claims = { iss: 'https://id.example', aud: 'sallyport', sub: 'tax', exp: now + 60 };
const make = (
  changes: Readonly<Record<string, unknown>> = {},
  header: { alg: string; [name: string]: unknown } = { alg: 'ES256', kid: 'k1', typ: 'JWT' },
  key: KeyObject = ec.privateKey,
): Promise<string> => new SignJWT({ ...claims, ...changes }).setProtectedHeader(header).sign(key);
const verify = (token: string, holders = known, lateMs = 0) =>
  verifyToken(holders, token, { nowMs, lateMs });

const algorithms: [TokenAlgorithm, { publicKey: KeyObject; privateKey: KeyObject }][] = [
  ['ES256', ec],
  ['EdDSA', ed],
  ['PS256', rsa],
  ['RS256', rsa],
];
for (const [alg, pair] of algorithms) {
  test(`${alg}: a token of the issuer opens the account of its subject`, async () => {
    const holders = holdersOf([[alg, pair.publicKey]]);
    const token = await make({}, { alg }, pair.privateKey);
    assert.equal(verify(token, holders).consumer, 'tax-bureau');
  });
}

test('a token may be for several audiences, and say from when on it counts', async () => {
  const token = await make({ aud: ['other', 'sallyport'], nbf: now - 1, iat: now });
  assert.equal(verify(token).consumer, 'tax-bureau');
});

test('a node that hears of it later gives it that time', async () => {
  const token = await make({ exp: now - 40 });
  assert.throws(() => verify(token), { code: 'TOKEN_STALE' });
  assert.equal(verify(token, known, 20_000).consumer, 'tax-bureau');
});

const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const unsigned = (header: object, payload: object = claims): string =>
  `${b64(header)}.${b64(payload)}`;

const refusals: [string, string, () => Promise<string> | string][] = [
  ['no algorithm', 'TOKEN_REFUSED', () => `${unsigned({ alg: 'none' })}.AAAA`],
  ['an empty signature', 'TOKEN_REFUSED', () => `${unsigned({ alg: 'ES256', kid: 'k1' })}.`],
  [
    'the public key used as a secret',
    'TOKEN_REFUSED',
    () => {
      const text = unsigned({ alg: 'HS256', kid: 'k1' });
      const secret = ec.publicKey.export({ type: 'spki', format: 'pem' });
      return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
    },
  ],
  [
    'another algorithm than that of the key',
    'TOKEN_REFUSED',
    () => make({}, { alg: 'RS256', kid: 'k1' }, rsa.privateKey),
  ],
  ['an unknown kid', 'TOKEN_REFUSED', () => make({}, { alg: 'ES256', kid: 'k2' })],
  [
    'the key of another',
    'TOKEN_REFUSED',
    () => make({}, undefined, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
  ],
  [
    'its own key in its header',
    'TOKEN_REFUSED',
    async () => {
      const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const jwk = other.publicKey.export({ format: 'jwk' });
      return make({}, { alg: 'ES256', kid: 'k1', jwk }, other.privateKey);
    },
  ],
  [
    'a critical extension',
    'TOKEN_REFUSED',
    () => {
      const text = unsigned({ alg: 'ES256', kid: 'k1', crit: ['x'], x: 1 });
      return `${text}.AAAA`;
    },
  ],
  ['another type', 'TOKEN_REFUSED', () => make({}, { alg: 'ES256', kid: 'k1', typ: 'dpop+jwt' })],
  [
    'a name twice in its header',
    'TOKEN_REFUSED',
    () => {
      const head = Buffer.from('{"alg":"ES256","alg":"none"}').toString('base64url');
      return `${head}.${b64(claims)}.AAAA`;
    },
  ],
  [
    'changed claims',
    'TOKEN_REFUSED',
    async () => {
      const [head, , signature] = (await make()).split('.');
      return `${head}.${b64({ ...claims, sub: 'admin' })}.${signature}`;
    },
  ],
  ['no end', 'TOKEN_REFUSED', () => make({ exp: undefined })],
  ['an end that is a text', 'TOKEN_REFUSED', () => make({ exp: '9999999999' })],
  ['an end that has passed', 'TOKEN_STALE', () => make({ exp: now - 31 })],
  ['a start that has not come', 'TOKEN_STALE', () => make({ nbf: now + 60 })],
  ['an issue in the future', 'TOKEN_STALE', () => make({ iat: now + 60 })],
  ['another issuer', 'CREDENTIAL_UNKNOWN', () => make({ iss: 'https://evil.example' })],
  ['another audience', 'CREDENTIAL_UNKNOWN', () => make({ aud: 'other' })],
  ['no audience', 'CREDENTIAL_UNKNOWN', () => make({ aud: undefined })],
  ['another subject', 'CREDENTIAL_UNKNOWN', () => make({ sub: 'admin' })],
  ['another form', 'TOKEN_REFUSED', () => 'abc'],
  ['too many bytes', 'TOKEN_REFUSED', () => make({ more: 'x'.repeat(9_000) })],
];
for (const [what, code, token] of refusals) {
  test(`a token with ${what} is refused (${code})`, async () => {
    const text = await token();
    assert.throws(() => verify(text), { code });
  });
}

test('a credential past its end is refused (CREDENTIAL_EXPIRED)', async () => {
  const token = await make();
  const ended = holdersOf([['ES256', ec.publicKey, 'k1']], { untilMs: nowMs });
  assert.throws(() => verify(token, ended), { code: 'CREDENTIAL_EXPIRED' });
});

test('a token without kid is not tried with one key after another (TOKEN_REFUSED)', async () => {
  const many = Array.from({ length: 5 }, (): [TokenAlgorithm, KeyObject, string] => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return ['ES256', publicKey, 'k'];
  });
  const token = await make({}, { alg: 'ES256' });
  const holders = holdersOf([...many, ['ES256', ec.publicKey, 'k1']]);
  assert.throws(() => verify(token, holders), { code: 'TOKEN_REFUSED' });
  assert.equal(verify(await make(), holders).consumer, 'tax-bureau');
});
