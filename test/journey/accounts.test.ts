/**
 * Consumers that sign or bring a token, from the call to the service; and an outer node that fell
 * between them.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type ErrorCode, SallyportError } from '@sallyport/shared/errors.ts';
import type { RequestHeader } from '@sallyport/shared/exchange/message.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { encodeCredentials } from '@sallyport/shared/policy/bundle.ts';
import { newHashKey } from '@sallyport/shared/policy/credentials.ts';
import { newAuthority } from '../accounts/authority.ts';
import { until } from '../until.ts';
import { type Fallen, fell } from './fallen.ts';
import { type Rig, startRig } from './rig.ts';
import { certified, newToken, revoked, signedCall, stranger, writePolicy } from './signing.ts';

const reached: { path: string; query: unknown; body: string; headers: object }[] = [];
let rig: Rig;
let key: string;

before(async () => {
  rig = await startRig({
    seed: 4,
    async upstream(call) {
      const { path, headers, body } = call;
      reached.push({ path, headers, body: body.toString(), query: Reflect.get(call, 'query') });
      return { status: 200, body: { ok: true } };
    },
  });
  const dir = await writePolicy();
  key = await rig.issueKey('keyed');
  await rig.applyPolicy(dir);
  await until(async () => {
    const { head } = await rig.outer.admin.request('status');
    return (head as { policy: unknown }).policy !== null;
  });
});
after(() => rig.close());

const ask = (call: object, body = ''): Promise<{ head: unknown; body: Buffer }> =>
  rig.outer.edge.request('call', call, Buffer.from(body));

async function codeOf(call: object, body = ''): Promise<ErrorCode | undefined> {
  try {
    const { head } = await ask(call, body);
    return (head as { code?: ErrorCode }).code;
  } catch (thrown) {
    assert.ok(thrown instanceof SallyportError);
    return thrown.code;
  }
}

const get = { method: 'GET', target: '/people/7?part=name&page=2' } as const;
const text = '{ "b": "\\u4e09", "a": "x" }';
const change = { method: 'POST', target: '/people/7', body: text } as const;

test('a signed request without a body reaches the service', async () => {
  reached.length = 0;
  const { head, body } = await ask(signedCall(get));
  assert.equal((head as { status: number }).status, 200);
  assert.equal(body.toString(), '{"ok":true}');
  const query = [
    ['page', '2'],
    ['part', 'name'],
  ];
  assert.deepEqual(reached, [{ path: '/people/7', query, body: '', headers: {} }]);
});

test('the body that was signed is verified on both sides, and the service gets it written anew', async () => {
  reached.length = 0;
  const { head } = await ask(signedCall(change), text);
  assert.equal((head as { status: number }).status, 200);
  assert.equal(reached[0]?.body, '{"a":"x","b":"三"}');
});

test('a header that crosses must be covered', async () => {
  reached.length = 0;
  const fields = { 'x-case': '42' };
  assert.equal(await codeOf(signedCall({ ...get, fields })), 'SIGNATURE_REFUSED');
  const components = ['@method', '@path', '@query', 'x-case'];
  assert.equal(await codeOf(signedCall({ ...get, fields, components })), undefined);
  assert.deepEqual(reached[0]?.headers, fields);
});

test('a signature is used once, also when the guard was restarted meanwhile', async () => {
  const call = signedCall(get);
  assert.equal(await codeOf(call), undefined);
  assert.equal(await codeOf({ ...call, id: newId() }), 'SIGNATURE_REPLAYED');
  await rig.outer.restartGuard();
  assert.equal(await codeOf({ ...call, id: newId() }), 'SIGNATURE_REPLAYED');
});

test('a call that is told again by the edge is the same exchange', async () => {
  const call = signedCall(get);
  assert.equal(await codeOf(call), undefined);
  const again = { ...call, again: true };
  assert.equal(await codeOf(again), undefined);
});

test('a token opens the account of its subject, at both nodes', async () => {
  reached.length = 0;
  const call = { ...signedCall(get), id: newId(), headers: {} };
  const { signed: _signed, ...plain } = call;
  const authorization = `Bearer ${await newToken()}`;
  assert.equal(await codeOf({ ...plain, headers: { authorization } }), undefined);
  assert.equal(reached.length, 1);
  const other = `Bearer ${await newToken({ sub: 'bearer-2' })}`;
  const refused = await codeOf({ ...plain, id: newId(), headers: { authorization: other } });
  assert.equal(refused, 'CREDENTIAL_UNKNOWN');
});

test('a certificate opens the account of its subject, at both nodes', async () => {
  reached.length = 0;
  const { signed: _signed, ...plain } = signedCall(get);
  const by = (der: string) => codeOf({ ...plain, id: newId(), headers: {}, certificates: [der] });
  assert.equal(await by(certified.der), undefined);
  assert.equal(reached.length, 1);
  assert.equal(await by(revoked.der), 'CERTIFICATE_REFUSED');
});

test('two credentials at once are refused', async () => {
  assert.equal(await codeOf({ ...signedCall(get), apiKey: key }), 'CREDENTIAL_TWICE');
});

test('when a credential was used last is kept once in a while, and survives', async () => {
  await until(async () => {
    const { head } = await rig.inner.admin.request('credentials-used');
    const used = (head as { consumer: string; credential: string; atMs: number }[]).toSorted(
      (a, b) => (a.consumer < b.consumer ? -1 : 1),
    );
    assert.ok(used.every(({ atMs }) => atMs > Date.now() - 60_000));
    return (
      used.map(({ credential }) => credential).join() ===
      'jwt bearer-1,certificate CN=tax-1,http-signature tax-1'
    );
  });
});

test('a revoked key is refused at the boundary once the inner node sees that it is obeyed', async () => {
  const { signed: _signed, ...plain } = signedCall(get);
  const callWith = (apiKey: string) => codeOf({ ...plain, id: newId(), headers: {}, apiKey });
  assert.equal(await callWith(key), undefined);
  const none = encodeCredentials({ hashKey: newHashKey(), keys: [] });
  const { head } = await rig.inner.admin.request('credentials-apply', { actor: 'test' }, none);
  const { version } = head as { version: number };
  await until(async () => {
    const status = (await rig.inner.admin.request('status')).head;
    return (status as { policy: { peerVersion?: number } }).policy.peerVersion === version;
  });
  assert.equal(await callWith(key), 'CREDENTIAL_UNKNOWN');
});

let outer: Fallen;

function request(changes: Partial<RequestHeader>): RequestHeader {
  return {
    type: 'request',
    id: newId(),
    flow: 'register/get',
    consumer: 'signer',
    deadlineMs: Date.now() + 10_000,
    method: 'GET',
    path: '/people/7',
    query: [],
    headers: {},
    ...changes,
  };
}

/** What a caller signed, as a fallen node saw it. */
function seen(given: Parameters<typeof signedCall>[0], signer?: typeof stranger) {
  const { signed, query, path, method } = signedCall(given, signer);
  const flow = method === 'GET' ? 'register/get' : 'register/change';
  const contentType = given.body === undefined ? {} : { contentType: 'application/json' };
  return request({ flow, method, path, query, signed, ...contentType });
}

const inventions: [
  string,
  () => Promise<[RequestHeader, string?]> | [RequestHeader, string?],
  ErrorCode,
][] = [
  ['a request that nobody signed', () => [request({})], 'CREDENTIAL_MISSING'],
  ['a request that another key signed', () => [seen(get, stranger)], 'SIGNATURE_REFUSED'],
  ['another body under the signed digest', () => [seen(change), '{"a":"y"}'], 'DIGEST_REFUSED'],
  ['another path', () => [{ ...seen(get), path: '/people/8' }], 'SIGNATURE_REFUSED'],
  [
    'another method',
    () => [{ ...seen(get), method: 'POST', flow: 'register/change' }],
    'SIGNATURE_REFUSED',
  ],
  [
    'another target',
    () => {
      const header = seen(get);
      const signed = { ...header.signed, target: '/people/8' } as typeof header.signed;
      return [{ ...header, path: '/people/8', ...(signed && { signed }) }];
    },
    'SIGNATURE_REFUSED',
  ],
  [
    'a header that was not signed',
    () => [{ ...seen(get), headers: { 'x-case': '42' } }],
    'SIGNATURE_REFUSED',
  ],
  [
    'a signature of long ago',
    () => [seen({ ...get, created: Math.floor(Date.now() / 1000) - 3600 })],
    'SIGNATURE_STALE',
  ],
  [
    'a signature of another consumer',
    () => [{ ...seen(get), consumer: 'bearer' }],
    'SIGNATURE_REFUSED',
  ],
  [
    'a request of a consumer with tokens, without one',
    () => [request({ consumer: 'bearer' })],
    'CREDENTIAL_MISSING',
  ],
  [
    'a token that nobody issued',
    async () => {
      const token = await newToken();
      return [request({ consumer: 'bearer', token: `${token.slice(0, -8)}AAAAAAAA` })];
    },
    'TOKEN_REFUSED',
  ],
  [
    'a request of a consumer with certificates, without one',
    () => [request({ consumer: 'certified' })],
    'CREDENTIAL_MISSING',
  ],
  [
    'a certificate that its CA has taken back',
    () => [request({ consumer: 'certified', certificates: [revoked.der] })],
    'CERTIFICATE_REFUSED',
  ],
  [
    'a certificate that nobody of the policy issued',
    () => {
      const own = newAuthority('/CN=Root').issue('/CN=tax-1');
      return [request({ consumer: 'certified', certificates: [own.der] })];
    },
    'CREDENTIAL_UNKNOWN',
  ],
  [
    'a certificate of another consumer',
    () => [request({ consumer: 'keyed', certificates: [certified.der] })],
    'SIGNATURE_REFUSED',
  ],
  [
    'a key that was never issued',
    () => [request({ consumer: 'keyed', credential: 'key 0123456789ab' })],
    'CREDENTIAL_UNKNOWN',
  ],
];

test('a fallen outer node', async (t) => {
  const used = signedCall(get);
  assert.equal(await codeOf(used), undefined);
  outer = await fell(rig, 'outer');
  reached.length = 0;
  for (const [what, make, code] of inventions) {
    await t.test(`${what} is refused (${code}) and reaches no service`, async () => {
      const [header, body = header.method === 'POST' ? text : ''] = await make();
      await outer.send({ header, body });
      assert.equal(await outer.refusal(header.id), code);
      assert.deepEqual(reached, []);
    });
  }
  await t.test('what was used before is not used again (SIGNATURE_REPLAYED)', async () => {
    const { signed, query } = used;
    const header = request({ query, signed });
    await outer.send({ header });
    assert.equal(await outer.refusal(header.id), 'SIGNATURE_REPLAYED');
    await rig.inner.restartGuard();
    const later = { ...header, id: newId() };
    await outer.send({ header: later });
    assert.equal(await outer.refusal(later.id), 'SIGNATURE_REPLAYED');
    assert.deepEqual(reached, []);
  });
  await t.test('the query it makes up counts for nothing: what was signed is asked', async () => {
    const header = { ...seen(get), query: [['part', 'all']] as const };
    await outer.send({ header });
    await until(() => reached.length === 1);
    const query = [
      ['page', '2'],
      ['part', 'name'],
    ];
    assert.deepEqual(reached[0]?.query, query);
  });
});
