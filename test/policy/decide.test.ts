import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authenticate } from '@sallyport/shared/policy/authenticate.ts';
import { compilePolicy } from '@sallyport/shared/policy/compile.ts';
import { issueApiKey, newHashKey, withCredentials } from '@sallyport/shared/policy/credentials.ts';
import { decide, matchRoute, planFor } from '@sallyport/shared/policy/decide.ts';
import { compileRoutes } from '@sallyport/shared/policy/routes.ts';
import fc from 'fast-check';
import { policyOf } from './fixture.ts';

const nowMs = Date.UTC(2026, 0, 1);
const hashKey = newHashKey();
const tax = issueApiKey({ consumer: 'tax-bureau', hashKey, nowMs });
const brief = issueApiKey({ consumer: 'tax-bureau', hashKey, nowMs, expiresAtMs: nowMs + 1000 });
const stray = issueApiKey({ consumer: 'nobody', hashKey, nowMs });
const keys = [tax.record, brief.record, stray.record];
const policy = withCredentials(policyOf(), { hashKey, keys });
const compiled = compilePolicy(policy, 7);

test('a key opens the account of its consumer', () => {
  assert.deepEqual(authenticate(compiled, { apiKey: tax.key, nowMs }), {
    name: 'tax-bureau',
    type: 'key',
    credential: `key ${tax.record.id}`,
  });
});

test('a key is never kept: only its hash, its visible start and its last four', () => {
  assert.match(tax.key, /^sp_[0-9a-f]{12}_[A-Za-z0-9_-]{43}$/);
  const kept = JSON.stringify(policy);
  assert.ok(!kept.includes(tax.key.slice(16, 40)));
  assert.equal(tax.record.prefix, tax.key.slice(0, 15));
  assert.equal(tax.record.lastFour, tax.key.slice(-4));
});

test('no credential is refused as missing', () => {
  for (const apiKey of [undefined, '']) {
    assert.throws(() => authenticate(compiled, { apiKey, nowMs }), { code: 'CREDENTIAL_MISSING' });
  }
});

test('a key that is not the policy’s own is unknown', () => {
  const changed = `${tax.key.slice(0, -1)}${tax.key.endsWith('A') ? 'B' : 'A'}`;
  const otherSecret = tax.key.slice(0, 16) + brief.key.slice(16);
  const foreign = issueApiKey({ consumer: 'tax-bureau', hashKey: newHashKey(), nowMs });
  for (const apiKey of [
    changed,
    otherSecret,
    foreign.key,
    `${tax.key} `,
    `${tax.key}\n`,
    tax.key.toUpperCase(),
    tax.record.hash,
    'sp_',
    '__proto__',
    'x'.repeat(10_000),
  ]) {
    assert.throws(() => authenticate(compiled, { apiKey, nowMs }), { code: 'CREDENTIAL_UNKNOWN' });
  }
});

test('keys of consumers that the policy does not name do not get into it', () => {
  assert.throws(() => authenticate(compiled, { apiKey: stray.key, nowMs }), {
    code: 'CREDENTIAL_UNKNOWN',
  });
});

test('without issued keys every key is unknown', () => {
  const bare = compilePolicy(policyOf());
  assert.throws(() => authenticate(bare, { apiKey: tax.key, nowMs }), {
    code: 'CREDENTIAL_UNKNOWN',
  });
});

test('a key ends at its expiry', () => {
  assert.equal(
    authenticate(compiled, { apiKey: brief.key, nowMs: nowMs + 999 }).name,
    'tax-bureau',
  );
  assert.throws(() => authenticate(compiled, { apiKey: brief.key, nowMs: nowMs + 1000 }), {
    code: 'CREDENTIAL_EXPIRED',
  });
});

test('no error holds the key', () => {
  const wrong = `${tax.key.slice(0, 16)}${'A'.repeat(43)}`;
  assert.throws(
    () => authenticate(compiled, { apiKey: wrong, nowMs }),
    (error: Error) => !error.message.includes('AAAA'),
  );
});

test('a path finds its route and its parameters', () => {
  const match = matchRoute(compiled, 'GET', '/citizens/c-1');
  assert.equal(match.flow, 'citizen-registry/get-citizen');
  assert.deepEqual(match.params, { id: 'c-1' });
  assert.deepEqual(matchRoute(compiled, 'GET', '/citizens/%E5%BC%A0').params, { id: '张' });
});

test('an unknown path is refused', () => {
  for (const path of ['/', '/citizen', '/Citizens', '/citizens/1/2', '/citizens/1/moves/x']) {
    assert.throws(() => matchRoute(compiled, 'GET', path), { code: 'ROUTE_UNKNOWN' }, path);
  }
});

test('a known path with another method is refused as such', () => {
  for (const [method, path] of [
    ['DELETE', '/citizens/1'],
    ['get', '/citizens'],
    ['GET', '/citizens/1/moves'],
    ['HEAD', '/citizens'],
  ] as const) {
    assert.throws(() => matchRoute(compiled, method, path), { code: 'METHOD_REFUSED' }, path);
  }
});

test('a path that is not in normal form is refused before it is matched', () => {
  for (const path of [
    '/citizens/../citizens',
    '/citizens//1',
    '/citizens/1/',
    'citizens',
    '/%63itizens',
    '/citizens/1?x=1',
  ]) {
    assert.throws(() => matchRoute(compiled, 'GET', path), { code: 'PATH_REFUSED' }, path);
  }
});

const table = compileRoutes(
  ['/', '/a', '/a/{x}', '/a/b', '/a/{x}/c', '/a/b/{y}', '/{z}/b', '/a/b/c/d'].map((path) => ({
    methods: ['GET'],
    path,
    route: path,
  })),
);

test('a literal segment beats a parameter, and the search goes back where it must', () => {
  for (const [path, route, params] of [
    ['/', '/', {}],
    ['/a/b', '/a/b', {}],
    ['/a/q', '/a/{x}', { x: 'q' }],
    ['/a/q/c', '/a/{x}/c', { x: 'q' }],
    ['/a/b/c', '/a/b/{y}', { y: 'c' }],
    ['/a/b/c/d', '/a/b/c/d', {}],
    ['/q/b', '/{z}/b', { z: 'q' }],
  ] as const) {
    assert.deepEqual(table.match('GET', path), { route, params }, path);
  }
  assert.throws(() => table.match('GET', '/a/q/d'), { code: 'ROUTE_UNKNOWN' });
});

test('whatever matches a template is found, and nothing else', () => {
  const segment = fc.constantFrom('a', 'b', 'c', 'q');
  const templates = ['/', '/a', '/a/{x}', '/a/b', '/a/{x}/c', '/a/b/{y}', '/{z}/b', '/a/b/c/d'];
  const fits = (path: string, template: string) =>
    new RegExp(`^${template.replace(/\{.\}/g, '[^/]+')}$`).test(path);
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 5 }), (segments) => {
      const path = `/${segments.join('/')}`;
      const candidates = templates.filter((template) => fits(path, template));
      if (candidates.length === 0)
        assert.throws(() => table.match('GET', path), { code: 'ROUTE_UNKNOWN' });
      else assert.ok(candidates.includes(table.match('GET', path).route));
    }),
    { seed: 1, numRuns: 500 },
  );
});

const consumer = { name: 'tax-bureau' };
const match = matchRoute(compiled, 'GET', '/citizens/c-1');

test('a grant allows exactly its consumer on its route', () => {
  const decision = decide(compiled, { consumer, match, nowMs });
  assert.equal(decision.flow, 'citizen-registry/get-citizen');
  assert.deepEqual(decision.fields, ['$.address.district', '$.idNumber', '$.name', '$.phone']);
  assert.deepEqual(decision.responseHeaders, ['etag']);
  assert.deepEqual(
    [
      decision.policyVersion,
      decision.timeoutMs,
      decision.deadlineMs,
      decision.idempotent,
      decision.sendsIdempotencyKey,
      decision.level,
    ],
    [7, 10_000, 60_000, true, false, 'important'],
  );
  const move = decide(compiled, {
    consumer,
    match: matchRoute(compiled, 'POST', '/citizens/c-1/moves'),
    nowMs,
  });
  assert.deepEqual(
    [move.timeoutMs, move.deadlineMs, move.idempotent, move.sendsIdempotencyKey],
    [6000, 60_000, true, true],
  );
});

test('without a grant everything is refused', () => {
  const list = matchRoute(compiled, 'GET', '/citizens');
  for (const name of ['school-board', 'nobody', '', '__proto__']) {
    assert.throws(() => decide(compiled, { consumer: { name }, match: list, nowMs }), {
      code: 'GRANT_MISSING',
    });
    assert.throws(() => planFor(compiled, name, list.flow, nowMs), { code: 'GRANT_MISSING' });
  }
});

test('a grant ends after its last day', () => {
  const endMs = Date.UTC(2027, 6, 1);
  assert.ok(decide(compiled, { consumer, match, nowMs: endMs - 1 }));
  assert.throws(() => decide(compiled, { consumer, match, nowMs: endMs }), {
    code: 'GRANT_EXPIRED',
  });
  assert.deepEqual(planFor(compiled, 'tax-bureau', match.flow, nowMs).responseHeaders, ['etag']);
});
