import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type ErrorCode, errorTable, SallyportError } from '@sallyport/shared/errors.ts';
import { isId } from '@sallyport/shared/ids.ts';
import { runEdge } from '@sallyport/shared/processes/edge/run.ts';
import { pino } from 'pino';
import { until } from '../until.ts';
import { openBoard } from '../wires.ts';
import { okReply, pause, type Rig, startRig, tls } from './rig.ts';

/** The raw answer must be that problem, and the guard must not have been asked. */
function assertProblem(rig: Rig, text: string, code: ErrorCode): void {
  const [head = '', body = ''] = text.split('\r\n\r\n');
  const { status, text: title } = errorTable[code];
  assert.equal(head.startsWith(`HTTP/1.1 ${status} `), true, `${code}: ${head}`);
  const problem = JSON.parse(body);
  const id: string = problem.exchange;
  assert.equal(isId(id), true);
  assert.deepEqual(problem, {
    type: `urn:sallyport:error:${code}`,
    title,
    status,
    code,
    instance: `urn:sallyport:exchange:${id}`,
    exchange: id,
  });
  assert.match(head, new RegExp(`^sallyport-exchange: ${id}$`, 'im'));
  assert.match(head, /^content-type: application\/problem\+json$/im);
  assert.match(head, /^cache-control: no-store$/im);
  assert.equal(rig.guard.calls.length, 0);
  assert.equal(rig.log.at(-1)?.code, code);
}

const get = (target: string, ...headers: string[]): string =>
  `${['GET', target, 'HTTP/1.1'].join(' ')}\r\n${['Host: h', ...headers].join('\r\n')}\r\n\r\n`;
const post = (body: string, ...headers: string[]): string =>
  `POST /a HTTP/1.1\r\n${['Host: h', ...headers].join('\r\n')}\r\n\r\n${body}`;

const last = 'Connection: close';

/** What arrives on the wire, by what is wrong with it. */
const refusals: [what: string, text: string, code: ErrorCode][] = [
  ['no Host', 'GET /a HTTP/1.1\r\n\r\n', 'REQUEST_MALFORMED'],
  ['no Host in HTTP/1.0', 'GET /a HTTP/1.0\r\n\r\n', 'REQUEST_MALFORMED'],
  ['two Hosts', get('/a', 'Host: other'), 'REQUEST_MALFORMED'],
  ['two Authorizations', get('/a', 'Authorization: a', 'authorization: b'), 'REQUEST_MALFORMED'],
  ['two content types', get('/a', 'Content-Type: a/a', 'Content-Type: b/b'), 'REQUEST_MALFORMED'],
  ['two API keys of one kind', get('/a', 'X-API-Key: a', 'X-API-Key: b'), 'REQUEST_MALFORMED'],
  ['two API keys', get('/a', 'X-API-Key: sp_a', 'Authorization: Bearer sp_b'), 'REQUEST_MALFORMED'],
  ['an API key with a space', get('/a', 'X-API-Key: a b'), 'REQUEST_MALFORMED'],
  ['an empty API key', get('/a', 'X-API-Key:'), 'REQUEST_MALFORMED'],
  [
    'two Idempotency-Keys',
    get('/a', 'Idempotency-Key: a', 'Idempotency-Key: b'),
    'REQUEST_MALFORMED',
  ],
  ['an empty Idempotency-Key', get('/a', 'Idempotency-Key:'), 'REQUEST_MALFORMED'],
  ['a long Idempotency-Key', get('/a', `Idempotency-Key: ${'k'.repeat(256)}`), 'REQUEST_MALFORMED'],
  ['an Idempotency-Key with a space', get('/a', 'Idempotency-Key: a b'), 'REQUEST_MALFORMED'],
  ['an absolute-form target', get('http://h/a'), 'REQUEST_MALFORMED'],
  ['an asterisk-form target', get('*').replace('GET', 'OPTIONS'), 'REQUEST_MALFORMED'],
  ['CONNECT', 'CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n', 'REQUEST_MALFORMED'],
  ['an Upgrade', get('/a', 'Connection: Upgrade', 'Upgrade: websocket'), 'REQUEST_MALFORMED'],
  ['another expectation', get('/a', 'Expect: 200-ok'), 'REQUEST_MALFORMED'],
  [
    'a length and chunks',
    post('0\r\n\r\n', 'Content-Length: 3', 'Transfer-Encoding: chunked'),
    'REQUEST_MALFORMED',
  ],
  [
    'chunks and a length',
    post('0\r\n\r\n', 'Transfer-Encoding: chunked', 'Content-Length: 3'),
    'REQUEST_MALFORMED',
  ],
  ['two lengths', post('abc', 'Content-Length: 3', 'Content-Length: 4'), 'REQUEST_MALFORMED'],
  ['a list of lengths', post('abc', 'Content-Length: 3, 3'), 'REQUEST_MALFORMED'],
  ['a signed length', post('abc', 'Content-Length: +3'), 'REQUEST_MALFORMED'],
  [
    'gzip before chunked',
    post('0\r\n\r\n', 'Transfer-Encoding: gzip, chunked'),
    'REQUEST_MALFORMED',
  ],
  ['identity as transfer coding', post('', 'Transfer-Encoding: identity'), 'REQUEST_MALFORMED'],
  [
    'chunked twice',
    post('0\r\n\r\n', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'),
    'REQUEST_MALFORMED',
  ],
  [
    'a bad chunk size',
    post('zz\r\nab\r\n0\r\n\r\n', 'Transfer-Encoding: chunked'),
    'REQUEST_MALFORMED',
  ],
  [
    'a chunk size ended by LF alone',
    post('2\nab\r\n0\r\n\r\n', 'Transfer-Encoding: chunked'),
    'REQUEST_MALFORMED',
  ],
  ['an obsolete folded header', get('/a', 'X-A: 1\r\n folded'), 'REQUEST_MALFORMED'],
  ['bare LF between headers', 'GET /a HTTP/1.1\nHost: h\n\n', 'REQUEST_MALFORMED'],
  ['a bare CR in a header', get('/a', 'X-A: 1\rX-B: 2'), 'REQUEST_MALFORMED'],
  ['a space before the colon', get('/a', 'X-A : 1'), 'REQUEST_MALFORMED'],
  ['NUL in a header', get('/a', 'X-A: a\x00b'), 'REQUEST_MALFORMED'],
  ['a space in the target', get('/a b'), 'REQUEST_MALFORMED'],
  ['another protocol', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'REQUEST_MALFORMED'],
  ['no HTTP at all', 'hello\r\n\r\n', 'REQUEST_MALFORMED'],
  ['dot segments', get('/a/../b', last), 'PATH_REFUSED'],
  ['encoded dots', get('/a/%2e%2e/b', last), 'PATH_REFUSED'],
  ['an empty segment', get('//a', last), 'PATH_REFUSED'],
  ['NUL in the path', get('/a%00', last), 'PATH_REFUSED'],
  ['an encoded slash', get('/a%2fb', last), 'PATH_REFUSED'],
  ['a long target', get(`/${'a'.repeat(5000)}`, last), 'PATH_REFUSED'],
  ['a target longer than all headers may be', get(`/${'a'.repeat(20_000)}`), 'HEADERS_TOO_LARGE'],
  ['a large header', get('/a', `X-A: ${'a'.repeat(20_000)}`), 'HEADERS_TOO_LARGE'],
  ['too many headers', get('/a', last, ...Array(100).fill('X-A: 1')), 'HEADERS_TOO_LARGE'],
  [
    'a content coding',
    post('abc', 'Content-Length: 3', 'Content-Encoding: gzip'),
    'CONTENT_TYPE_REFUSED',
  ],
  ['a large stated length', post('', 'Content-Length: 99999999'), 'REQUEST_TOO_LARGE'],
  [
    'large chunk extensions',
    post(`2;${'x'.repeat(20_000)}\r\nab\r\n0\r\n\r\n`, 'Transfer-Encoding: chunked'),
    'REQUEST_TOO_LARGE',
  ],
];

for (const [what, text, code] of refusals) {
  test(`${what}: ${code}`, async (t) => {
    const rig = await startRig(t);
    assertProblem(rig, await rig.raw(text), code);
  });
}

test('exactly as many headers as allowed pass', async (t) => {
  const rig = await startRig(t);
  const text = get('/a', 'Connection: close', ...Array(98).fill('X-A: 1'));
  assert.match(await rig.raw(text), /^HTTP\/1\.1 200 /);
});

test('nothing that follows a malformed request on its connection is read', async (t) => {
  const rig = await startRig(t);
  const text = await rig.raw(get('/a', 'Upgrade: x') + get('/b'));
  assert.equal(text.match(/HTTP\/1\.1/g)?.length, 1);
  assert.equal(rig.guard.calls.length, 0);
});

test('garbage behind a call under way is not answered in its place', async (t) => {
  const rig = await startRig(t, { onCall: () => pause(50).then(() => okReply()) });
  assert.equal(await rig.raw(`${get('/a')}garbage\r\n\r\n`), '');
});

test('a body that grows beyond its limit: REQUEST_TOO_LARGE', async (t) => {
  const rig = await startRig(t, { limits: { edgeBodyBytesMax: 100_000 } });
  const chunk = `8000\r\n${'x'.repeat(0x8000)}\r\n`;
  const text = await rig.raw(post(chunk.repeat(4), 'Transfer-Encoding: chunked'));
  assertProblem(rig, text, 'REQUEST_TOO_LARGE');
});

test('a body as large as the limit passes', async (t) => {
  const rig = await startRig(t, { limits: { edgeBodyBytesMax: 100_000 } });
  const answer = await rig.send({ method: 'POST', path: '/a' }, Buffer.alloc(100_000));
  assert.equal(answer.status, 200);
});

test('more bodies than there is room for: OVERLOADED, and the room comes back', async (t) => {
  const release = Promise.withResolvers<void>();
  const rig = await startRig(t, {
    limits: { edgeBodiesBytesMax: 1000 },
    onCall: async () => {
      await release.promise;
      return okReply();
    },
  });
  const options = { method: 'POST', path: '/a' };
  const first = rig.send(options, Buffer.alloc(600));
  await until(() => rig.guard.calls.length === 1);
  const second = await rig.send(options, Buffer.alloc(600));
  assert.equal(second.problem.code, 'OVERLOADED');
  assert.equal(second.headers['retry-after'], '1');
  release.resolve();
  assert.equal((await first).status, 200);
  assert.equal((await rig.send(options, Buffer.alloc(600))).status, 200);
});

test('more calls than allowed: OVERLOADED with Retry-After', async (t) => {
  const release = Promise.withResolvers<void>();
  const rig = await startRig(t, {
    limits: { edgeCallsInFlightMax: 2 },
    onCall: async () => {
      await release.promise;
      return okReply();
    },
  });
  const held = [rig.send({ path: '/a' }), rig.send({ path: '/a' })];
  await until(() => rig.guard.calls.length === 2);
  const third = await rig.send({ path: '/a' });
  assert.equal(third.status, 503);
  assert.equal(third.problem.code, 'OVERLOADED');
  assert.equal(third.headers['retry-after'], '1');
  release.resolve();
  for (const answer of await Promise.all(held)) assert.equal(answer.status, 200);
  assert.equal((await rig.send({ path: '/a' })).status, 200);
});

const quick = {
  edgeHeadersTimeoutMs: 100,
  edgeRequestTimeoutMs: 200,
  edgeTimeoutsCheckMs: 20,
};

test('headers that do not end: REQUEST_TIMEOUT', async (t) => {
  const rig = await startRig(t, { limits: quick });
  const text = await rig.raw('GET /a HTTP/1.1\r\nHost: h\r\n');
  assertProblem(rig, text, 'REQUEST_TIMEOUT');
});

test('a body that does not end: REQUEST_TIMEOUT', async (t) => {
  const rig = await startRig(t, { limits: quick });
  assertProblem(rig, await rig.raw(post('ab', 'Content-Length: 3')), 'REQUEST_TIMEOUT');
});

test('a connection that says nothing is closed', async (t) => {
  const rig = await startRig(t, { limits: quick });
  const startMs = Date.now();
  assertProblem(rig, await rig.raw('', 90_000), 'REQUEST_TIMEOUT');
  assert.ok(Date.now() - startMs < 60_000);
});

test('a TLS handshake that does not come is closed', async (t) => {
  const rig = await startRig(t, { limits: quick });
  const socket = connect({ host: '127.0.0.1', port: rig.port });
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  await once(socket, 'close');
  assert.deepEqual(await rig.counts('sallyport_edge_requests_total'), {});
  assert.deepEqual(await rig.counts('sallyport_edge_connections_refused_total'), { handshake: 1 });
});

test('an idle connection is closed after the keep-alive time', async (t) => {
  const rig = await startRig(t, { limits: { edgeKeepAliveTimeoutMs: 50 } });
  const startMs = Date.now();
  assert.match(await rig.raw(get('/a'), 90_000), /^HTTP\/1\.1 200 /);
  assert.ok(Date.now() - startMs < 60_000);
});

test('a caller that does not read its answer is cut off', async (t) => {
  const rig = await startRig(t, {
    limits: quick,
    onCall: () => okReply('x'.repeat(16 * 1024 * 1024)),
  });
  const socket = connectTls({ host: '127.0.0.1', port: rig.port, ca: tls.cert });
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  socket.pause().write(get('/a'));
  const counts = () => rig.counts('sallyport_edge_connections_refused_total');
  await until(async () => (await counts()).unread === 1);
  let bytes = 0;
  socket.on('data', (chunk) => {
    bytes += chunk.length;
  });
  socket.resume();
  await once(socket, 'close');
  assert.ok(bytes < 16 * 1024 * 1024, `${bytes}`);
});

test('more connections than allowed are closed at once', async (t) => {
  const rig = await startRig(t, { limits: { edgeConnectionsMax: 1 } });
  assert.equal((await rig.send({ path: '/a' })).status, 200);
  await assert.rejects(rig.raw(get('/a')), { code: 'ECONNRESET' });
});

const guardAnswers: [code: ErrorCode, header: string, value: string | undefined][] = [
  ['CREDENTIAL_MISSING', 'www-authenticate', 'Bearer realm="sallyport"'],
  ['OVERLOADED', 'retry-after', '1'],
  ['POLICY_MISSING', 'retry-after', '1'],
  ['GRANT_MISSING', 'retry-after', undefined],
  ['IPC_LOST', 'retry-after', '1'],
];
for (const [code, header, value] of guardAnswers) {
  test(`the guard refuses with ${code}: only the text of the table crosses`, async (t) => {
    const rig = await startRig(t, {
      onCall: () => {
        throw new SallyportError(code, 'local detail', { hint: 'local hint' });
      },
    });
    const answer = await rig.send({ path: '/a' });
    assert.equal(answer.status, errorTable[code].status);
    assert.equal(answer.problem.code, code);
    assert.equal(answer.problem.title, errorTable[code].text);
    assert.equal(answer.headers[header], value);
    assert.doesNotMatch(answer.text + JSON.stringify(rig.log), /local/);
  });
}

test('METHOD_REFUSED tells the methods that the guard names', async (t: TestContext) => {
  const rig = await startRig(t, {
    onCall: () => ({ head: { status: 405, headers: { allow: 'GET' }, code: 'METHOD_REFUSED' } }),
  });
  const answer = await rig.send({ method: 'DELETE', path: '/a' });
  assert.equal(answer.status, 405);
  assert.equal(answer.problem.code, 'METHOD_REFUSED');
  assert.equal(answer.headers.allow, 'GET');
});

for (const head of [null, {}, { status: '200' }, { status: 101 }, { status: 999 }]) {
  test(`an answer of the guard that is none is INTERNAL: ${JSON.stringify(head)}`, async (t) => {
    const rig = await startRig(t, { onCall: () => ({ head }) });
    assert.equal((await rig.send({ path: '/a' })).problem.code, 'INTERNAL');
  });
}

test('a header that would split the answer is INTERNAL', async (t) => {
  const headers = { 'x-a': 'b\r\nx-c: d' };
  const rig = await startRig(t, { onCall: () => ({ head: { status: 200, headers } }) });
  const answer = await rig.send({ path: '/a' });
  assert.equal(answer.problem.code, 'INTERNAL');
  assert.equal(answer.headers['x-c'], undefined);
});

const silent = pino({ level: 'silent' });
const { wires } = openBoard().join('edge');
const wiring = () => ({ guard: wires('guard'), admin: wires('admin') });

test('without TLS only a loopback address may listen: CONFIG_INVALID', async (t) => {
  for (const host of ['0.0.0.0', '::', '192.0.2.1', '::ffff:192.0.2.1']) {
    const starting = runEdge({ ...wiring(), accept: { host, port: 0 }, log: silent });
    await assert.rejects(starting, { code: 'CONFIG_INVALID' }, host);
  }
  const rig = await startRig(t, { accept: { host: 'localhost', port: 0 } });
  assert.match(rig.edge.address?.url ?? '', /^http:\/\/(127\.0\.0\.1|\[::1\]):\d+$/);
});

test('a port that is taken: ADDRESS_IN_USE with a hint', async (t) => {
  const rig = await startRig(t);
  const accept = { host: '127.0.0.1', port: rig.port, tls };
  await assert.rejects(runEdge({ ...wiring(), accept, log: silent }), (error: SallyportError) => {
    assert.equal(error.code, 'ADDRESS_IN_USE');
    assert.match(error.hint ?? '', new RegExp(`${rig.port}`));
    return true;
  });
});

test('an address that is not of this machine: CONFIG_INVALID', async () => {
  const accept = { host: '192.0.2.1', port: 0, tls };
  await assert.rejects(runEdge({ ...wiring(), accept, log: silent }), { code: 'CONFIG_INVALID' });
});

test('a key that is none: CONFIG_INVALID, and it is not in the message', async () => {
  const accept = { host: '127.0.0.1', port: 0, tls: { key: 'sentinel', cert: tls.cert } };
  await assert.rejects(runEdge({ ...wiring(), accept, log: silent }), (error: SallyportError) => {
    assert.equal(error.code, 'CONFIG_INVALID');
    assert.doesNotMatch(error.message, /sentinel/);
    return true;
  });
});

/** Some machines have no such address; nothing that could be installed gives them one. */
const skip = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
)
  ? false
  : 'this machine has no IPv6';

test('an IPv6 address listens, names itself in brackets and sees plain addresses', {
  skip,
}, async (t) => {
  const rig = await startRig(t, { accept: { host: '::1', port: 0, tls } });
  assert.equal(rig.edge.address?.url, `https://[::1]:${rig.port}`);
  assert.equal((await rig.send({ host: '::1', path: '/a' })).status, 200);
  assert.equal(rig.guard.calls[0]?.head.remote, '::1');
});

test('a dual-stack listener reports IPv4 callers as IPv4', { skip }, async (t) => {
  const rig = await startRig(t, { accept: { host: '::', port: 0, tls } });
  assert.equal((await rig.send({ path: '/a' })).status, 200);
  assert.equal(rig.guard.calls[0]?.head.remote, '127.0.0.1');
});
