/** What a signature must cover and when it counts; every way in which one is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPem, spkiOf } from '@sallyport/shared/accounts/algorithms.ts';
import type { SignatureCredential } from '@sallyport/shared/accounts/credential.ts';
import { createReplays } from '@sallyport/shared/accounts/replays.ts';
import { type SignatureHolder, verifySignature } from '@sallyport/shared/accounts/signature.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import fc from 'fast-check';
import { newSigningKey, type Signed, type SigningKey, signRequest, type ToSign } from './sign.ts';

const keys = {
  'ecdsa-p256-sha256': newSigningKey('tax-1'),
  ed25519: newSigningKey('tax-1', 'ed25519'),
  'rsa-pss-sha512': newSigningKey('tax-1', 'rsa-pss-sha512'),
};
const p256 = keys['ecdsa-p256-sha256'];
const nowMs = Date.now();
const now = Math.floor(nowMs / 1000);

function holdersOf(key: SigningKey, changes: Partial<SignatureCredential> = {}) {
  const read = readPem(key.publicPem);
  assert.ok(read);
  const credential: SignatureCredential = {
    type: 'http-signature',
    keyid: 'tax-1',
    algorithm: key.algorithm,
    publicKey: spkiOf(read),
    components: [],
    maxAgeMs: 300_000,
    ...changes,
  };
  const holder: SignatureHolder = { consumer: 'tax-bureau', credential, key: read };
  return new Map([[credential.keyid, holder]]);
}

const post: ToSign = { method: 'POST', target: '/a/1?x=1', body: '{"a":1}' };
const verify = (
  signed: Signed,
  { method, body = '' }: ToSign,
  holders = holdersOf(p256),
  atMs = nowMs,
) =>
  verifySignature(
    holders,
    { ...signed, method, body: Buffer.from(body) },
    { nowMs: atMs, lateMs: 0 },
  );

for (const key of Object.values(keys)) {
  test(`${key.algorithm}: what fits its signature is taken, with the consumer of its key`, () => {
    const found = verify(signRequest(key, post), post, holdersOf(key));
    assert.equal(found.holder.consumer, 'tax-bureau');
    assert.deepEqual([...found.covered], ['content-digest', 'content-type']);
  });
}

/** Changes of what is signed, of what comes, and of what the policy says. */
const refusals: [string, string, () => unknown][] = [
  [
    'a keyid of nobody',
    'CREDENTIAL_UNKNOWN',
    () => verify(signRequest({ ...p256, keyid: 'x' }, post), post),
  ],
  [
    'another key',
    'SIGNATURE_REFUSED',
    () => verify(signRequest(newSigningKey('tax-1'), post), post),
  ],
  [
    'an algorithm that is not the one of the key',
    'SIGNATURE_REFUSED',
    () => verify(signRequest(p256, { ...post, alg: 'hmac-sha256' }), post),
  ],
  [
    'a credential past its end',
    'CREDENTIAL_EXPIRED',
    () => verify(signRequest(p256, post), post, holdersOf(p256, { untilMs: nowMs })),
  ],
  [
    'no nonce',
    'SIGNATURE_REFUSED',
    () => verify(signRequest(p256, { ...post, nonce: null }), post),
  ],
  [
    'a short nonce',
    'SIGNATURE_REFUSED',
    () => verify(signRequest(p256, { ...post, nonce: 'a' }), post),
  ],
  [
    'a signature that is too old',
    'SIGNATURE_STALE',
    () => verify(signRequest(p256, { ...post, created: now - 331 }), post),
  ],
  [
    'a signature of the future',
    'SIGNATURE_STALE',
    () => verify(signRequest(p256, { ...post, created: now + 32 }), post),
  ],
  [
    'a signature past the end that its signer gave it',
    'SIGNATURE_STALE',
    () => verify(signRequest(p256, { ...post, created: now - 60, expires: now - 31 }), post),
  ],
  [
    'another method',
    'SIGNATURE_REFUSED',
    () => verify(signRequest(p256, post), { ...post, method: 'PUT' }),
  ],
  [
    'another target',
    'SIGNATURE_REFUSED',
    () => verify({ ...signRequest(p256, post), target: '/a/2?x=1' }, post),
  ],
  [
    'another query',
    'SIGNATURE_REFUSED',
    () => verify({ ...signRequest(p256, post), target: '/a/1?x=2' }, post),
  ],
  [
    'another body',
    'DIGEST_REFUSED',
    () => verify(signRequest(p256, post), { ...post, body: '{"a":2}' }),
  ],
  [
    'another gateway',
    'SIGNATURE_REFUSED',
    () => verify(signRequest(p256, post), post, holdersOf(p256, { authority: 'other.example' })),
  ],
  [
    'a component that the policy wants and is not covered',
    'SIGNATURE_REFUSED',
    () => verify(signRequest(p256, post), post, holdersOf(p256, { components: ['date'] })),
  ],
];
for (const [what, code, attempt] of refusals) {
  test(`${what} is refused (${code})`, () => assert.throws(attempt, { code }));
}

for (const missing of ['@method', '@path', '@query', 'content-digest', 'content-type']) {
  test(`a request whose ${missing} is not covered is refused (SIGNATURE_REFUSED)`, () => {
    const all = ['@method', '@path', '@query', 'content-digest', 'content-type'];
    const components = all.filter((name) => name !== missing);
    const signed = signRequest(p256, { ...post, components });
    assert.throws(() => verify(signed, post), { code: 'SIGNATURE_REFUSED' });
  });
}

const digests: [string, string][] = [
  ['of an algorithm that is broken', 'md5=:AAAAAAAAAAAAAAAAAAAAAA==:'],
  ['that is no dictionary', 'sha-256=:AA'],
  ['that is a text', 'sha-256="AA"'],
  ['of which one does not fit', 'sha-256=:AAAA:, sha-512=:AAAA:'],
];
for (const [what, digest] of digests) {
  test(`a digest ${what} is refused (DIGEST_REFUSED)`, () => {
    const given = { ...post, fields: { 'content-digest': digest } };
    assert.throws(() => verify(signRequest(p256, given), post), { code: 'DIGEST_REFUSED' });
  });
}

const malformed: [string, Record<string, string>][] = [
  ['no signature', { signature: '' }],
  ['an input that is no structured field', { 'signature-input': 'sig1=("@method"' }],
  ['an input without list', { 'signature-input': 'sig1=1' }],
  ['a signature that is a text', { signature: 'sig1="AAAA"' }],
  ['labels that do not meet', { signature: 'sig2=:AAAA:' }],
  [
    'a component twice',
    { 'signature-input': 'sig1=("@method" "@method");created=1;keyid="tax-1"' },
  ],
  ['a component in capitals', { 'signature-input': 'sig1=("Date");created=1;keyid="tax-1"' }],
  ['a parameter of a component', { 'signature-input': 'sig1=("date";bs);created=1;keyid="tax-1"' }],
  ['no keyid', { 'signature-input': 'sig1=("@method");created=1' }],
  ['an unknown parameter', { 'signature-input': 'sig1=("@method");keyid="tax-1";x=1' }],
  ['a time that is a text', { 'signature-input': 'sig1=("@method");created="1";keyid="tax-1"' }],
  ['a time that is broken', { 'signature-input': 'sig1=("@method");created=1.5;keyid="tax-1"' }],
  [
    'five signatures',
    {
      'signature-input': [1, 2, 3, 4, 5].map((n) => `s${n}=();keyid="tax-1"`).join(', '),
      signature: [1, 2, 3, 4, 5].map((n) => `s${n}=:AA==:`).join(', '),
    },
  ],
];
for (const [what, fields] of malformed) {
  test(`${what} is refused (SIGNATURE_REFUSED)`, () => {
    const signed = signRequest(p256, post);
    const changed = { ...signed, fields: { ...signed.fields, ...fields } };
    assert.throws(() => verify(changed, post), { code: 'SIGNATURE_REFUSED' });
  });
}

test('the signature of another party beside ours means nothing; two of ours are refused', () => {
  const ours = signRequest(p256, post);
  const other = signRequest({ ...p256, keyid: 'proxy' }, { ...post, label: 'proxy' });
  const both = (second: Signed): Signed => ({
    ...ours,
    fields: {
      ...ours.fields,
      'signature-input': `${ours.fields['signature-input']}, ${second.fields['signature-input']}`,
      signature: `${ours.fields.signature}, ${second.fields.signature}`,
    },
  });
  assert.equal(verify(both(other), post).holder.consumer, 'tax-bureau');
  const twice = signRequest(p256, { ...post, label: 'again' });
  assert.throws(() => verify(both(twice), post), { code: 'SIGNATURE_REFUSED' });
});

test('whatever is changed in the fields of a signed request, it is refused', () => {
  const signed = signRequest(p256, post);
  const names = ['signature-input', 'signature', 'content-digest', 'content-type'];
  const property = fc.property(
    fc.constantFrom(...names),
    fc.nat(),
    fc.constantFrom('insert', 'delete', 'replace'),
    fc.string({ minLength: 1, maxLength: 1 }),
    (name, place, how, character) => {
      const value = signed.fields[name] ?? '';
      const at = place % value.length;
      const rest = value.slice(how === 'insert' ? at : at + 1);
      const changed = value.slice(0, at) + (how === 'delete' ? '' : character) + rest;
      // The label means nothing, and space around values is not part of them.
      const same = (text: string): string => text.replace(/^[a-z*][a-z0-9_.*-]*=/, '=').trim();
      fc.pre(same(changed) !== same(value) && !/^\s|\s$/.test(character));
      const attempt = { ...signed, fields: { ...signed.fields, [name]: changed } };
      try {
        const { key } = verify(attempt, post).use;
        // Spelled otherwise, and still the same list: base64 and spaces between its parts allow that.
        assert.equal(key, verify(signed, post).use.key);
      } catch (thrown) {
        assert.ok(thrown instanceof SallyportError && thrown.code !== 'INTERNAL');
      }
    },
  );
  fc.assert(property, { seed: 1, numRuns: 2_000 });
});

test('a nonce is used once by one exchange, until its signature is too old', () => {
  const replays = createReplays([]);
  const { use } = verify(signRequest(p256, post), post);
  const first = { ...use, consumer: 'tax-bureau', id: '1' };
  replays.take(first);
  replays.take(first);
  assert.throws(() => replays.take({ ...first, id: '2' }), { code: 'SIGNATURE_REPLAYED' });
  replays.sweep(use.untilMs);
  assert.throws(() => replays.take({ ...first, id: '2' }), { code: 'SIGNATURE_REPLAYED' });
  replays.sweep(use.untilMs + 60_000);
  assert.equal(replays.size, 0);
});

test('what the store remembers counts from the start', () => {
  const known = { key: 'k', untilMs: nowMs, consumer: 'tax-bureau', id: '1' };
  const replays = createReplays([known]);
  assert.throws(() => replays.take({ ...known, id: '2' }), { code: 'SIGNATURE_REPLAYED' });
});

test('who signs without end gets no more than a share of what is remembered (OVERLOADED)', () => {
  const replays = createReplays([]);
  const use = (key: string, consumer: string) => ({ key, consumer, id: key, untilMs: nowMs });
  const half = limits.signatureUsesMax / 2;
  for (let n = 0; n < half; n += 1) replays.take(use(String(n), 'greedy'));
  assert.throws(() => replays.take(use('more', 'greedy')), { code: 'OVERLOADED' });
  replays.take(use('other', 'modest'));
});
