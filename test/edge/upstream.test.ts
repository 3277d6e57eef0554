import assert from 'node:assert/strict';
import { createServer as createHttp, type RequestListener, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { encodeQuery, normalisePath } from '@sallyport/shared/content/path.ts';
import type { ErrorCode, SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { EdgeOptions } from '@sallyport/shared/processes/edge/run.ts';
import type { UpstreamHead } from '@sallyport/shared/processes/edge/upstream.ts';
import * as fc from 'fast-check';
import { until } from '../until.ts';
import { pause, type Rig, startRig, tls } from './rig.ts';

const startInner = (t: TestContext, options: Partial<EdgeOptions> = {}): Promise<Rig> =>
  startRig(t, { accept: undefined, upstream: {}, ...options } as Partial<EdgeOptions>);

async function serve(t: TestContext, server: Server | ReturnType<typeof createTcp>) {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { port, sockets, url: `http://127.0.0.1:${port}` };
}

const http = (t: TestContext, listener: RequestListener) => serve(t, createHttp(listener));
/** A server that answers any request with these bytes, or with what the function does. */
const tcp = (t: TestContext, act: string | ((socket: Socket) => void)) =>
  serve(
    t,
    createTcp((socket) =>
      socket.once('data', () => (typeof act === 'string' ? socket.write(act) : act(socket))),
    ),
  );

const head = (url: string, change: Partial<UpstreamHead> = {}): UpstreamHead => ({
  id: '0198c0ffee007000800000000000abcd',
  targets: [{ url, weight: 1 }],
  method: 'GET',
  path: '/citizens/11',
  query: [],
  headers: {},
  timeoutMs: 2_000,
  ...change,
});

async function refusal(rig: Rig, given: unknown): Promise<SallyportError> {
  return await rig.guard.ask('upstream', given).then(
    () => assert.fail('expected a refusal'),
    (error) => error,
  );
}

test('a call reaches the service and its answer comes back', async (t) => {
  const seen: unknown[] = [];
  const service = await http(t, async (req, res) => {
    let body = '';
    for await (const chunk of req) body += chunk;
    seen.push({ method: req.method, url: req.url, headers: req.headers, body });
    res.writeHead(201, [
      ['Content-Type', 'application/json'],
      ['X-A', '1'],
      ['X-A', '2'],
      ['Set-Cookie', 'a=b'],
      ['Connection', 'keep-alive, X-Private'],
      ['X-Private', '1'],
      ['Trailer', 'X-T'],
    ]);
    res.end('{"b":2}');
  });
  const rig = await startInner(t);
  const answer = await rig.guard.ask(
    'upstream',
    head(`${service.url}/base/`, {
      method: 'POST',
      path: '/citizens/%E5%BC%A0',
      query: [
        ['q', 'a b&c=d'],
        ['q', '张'],
      ],
      headers: { 'x-b': 'c', host: 'evil', connection: 'x-b', 'content-length': '1', te: 'x' },
      contentType: 'application/json',
      idempotencyKey: 'key-1',
    }),
    Buffer.from('{"a":1}'),
  );
  assert.deepEqual(seen, [
    {
      method: 'POST',
      url: '/base/citizens/%E5%BC%A0?q=a%20b%26c%3Dd&q=%E5%BC%A0',
      headers: {
        host: `127.0.0.1:${service.port}`,
        connection: 'keep-alive',
        'accept-encoding': 'identity',
        'x-b': 'c',
        'content-type': 'application/json',
        'idempotency-key': 'key-1',
        'content-length': '7',
      },
      body: '{"a":1}',
    },
  ]);
  assert.equal(answer.body.toString(), '{"b":2}');
  const { status, contentType, headers } = answer.head as Record<string, unknown>;
  assert.equal(status, 201);
  assert.equal(contentType, 'application/json');
  const { date, ...rest } = headers as Record<string, string>;
  assert.ok(date);
  assert.deepEqual(rest, { 'x-a': '1, 2' });
  assert.deepEqual(await rig.counts('sallyport_edge_upstream_requests_total'), { '2xx': 1 });
  assert.deepEqual(
    rig.log.map((one) => one.msg),
    ['edge started'],
  );
});

test('path and query that leave read the same as those that came', async (t) => {
  let got = '';
  const service = await http(t, (req, res) => {
    got = req.url ?? '';
    res.end();
  });
  const rig = await startInner(t);
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 });
  const raw = fc.record({
    segments: fc.array(text, { maxLength: 4 }),
    query: fc.array(fc.tuple(text, text), { maxLength: 4 }),
  });
  const property = fc.asyncProperty(raw, async ({ segments, query }) => {
    const target = normalOrNone(
      `/${segments.map(encodeURIComponent).join('/')}?${encodeQuery(query)}`,
    );
    fc.pre(target !== undefined);
    await rig.guard.ask('upstream', head(service.url, { path: target.path, query: target.query }));
    assert.deepEqual(normalisePath(got), target);
  });
  await fc.assert(property, { seed: 1, numRuns: 200 });
});

function normalOrNone(raw: string) {
  try {
    return normalisePath(raw);
  } catch {
    return undefined;
  }
}

test('ten calls, one after the other, use one connection', async (t) => {
  const service = await http(t, (_req, res) => res.end('ok'));
  const rig = await startInner(t);
  for (let i = 0; i < 10; i++) await rig.guard.ask('upstream', head(service.url));
  assert.equal(service.sockets.size, 1);
});

test('redirects are answers, not orders', async (t) => {
  let calls = 0;
  const service = await http(t, (_req, res) => {
    calls += 1;
    res.writeHead(302, { location: '/elsewhere' }).end();
  });
  const rig = await startInner(t);
  const answer = await rig.guard.ask('upstream', head(service.url));
  assert.partialDeepStrictEqual(answer.head, { status: 302, headers: { location: '/elsewhere' } });
  assert.equal(calls, 1);
});

test('an answer to HEAD may state a length without a body', async (t) => {
  const service = await http(t, (_req, res) => res.writeHead(200, { 'content-length': 99 }).end());
  const rig = await startInner(t, { limits: { upstreamBodyBytesMax: 10 } });
  const answer = await rig.guard.ask('upstream', head(service.url, { method: 'HEAD' }));
  assert.equal(answer.body.length, 0);
});

const answerText = (...headers: string[]): string =>
  `HTTP/1.1 200 OK\r\n${headers.map((one) => `${one}\r\n`).join('')}\r\n`;

/** Every answer here came after the request was sent: none may be UPSTREAM_UNREACHABLE. */
const bad: [what: string, act: string | ((socket: Socket) => void), code: ErrorCode][] = [
  ['no answer', () => {}, 'UPSTREAM_TIMEOUT'],
  ['half a head', 'HTTP/1.1 200 OK\r\n', 'UPSTREAM_TIMEOUT'],
  ['half a body', `${answerText('content-length: 9')}half`, 'UPSTREAM_TIMEOUT'],
  ['a reset', (socket) => socket.resetAndDestroy(), 'UPSTREAM_REFUSED'],
  ['an end before the answer', (socket) => socket.end(), 'UPSTREAM_REFUSED'],
  ['an end in the body', (s) => s.end(`${answerText('content-length: 9')}a`), 'UPSTREAM_REFUSED'],
  ['garbage', 'garbage\r\n\r\n', 'UPSTREAM_REFUSED'],
  [
    'a length and chunks',
    answerText('content-length: 3', 'transfer-encoding: chunked'),
    'UPSTREAM_REFUSED',
  ],
  ['two lengths', answerText('content-length: 3', 'content-length: 4'), 'UPSTREAM_REFUSED'],
  ['a bad chunk', `${answerText('transfer-encoding: chunked')}zz\r\n`, 'UPSTREAM_REFUSED'],
  [
    'two content types',
    answerText('content-type: a/a', 'content-type: b/b', 'content-length: 0'),
    'UPSTREAM_REFUSED',
  ],
  ['a status above 599', 'HTTP/1.1 600 X\r\ncontent-length: 0\r\n\r\n', 'UPSTREAM_REFUSED'],
  [
    'an upgrade that nobody asked for',
    'HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
    'UPSTREAM_REFUSED',
  ],
  ['gzip', `${answerText('content-encoding: gzip', 'content-length: 3')}abc`, 'UPSTREAM_REFUSED'],
  ['a large stated length', answerText('content-length: 5000'), 'UPSTREAM_TOO_LARGE'],
  ['a large body', `${answerText('connection: close')}${'x'.repeat(5000)}`, 'UPSTREAM_TOO_LARGE'],
  ['large headers', answerText(`x-a: ${'x'.repeat(3000)}`), 'UPSTREAM_TOO_LARGE'],
];
const small = { upstreamBodyBytesMax: 4096, upstreamHeaderBytesMax: 2048 };

for (const [what, act, code] of bad) {
  test(`${what} from the service: ${code}, which may have been reached`, async (t) => {
    const service = await tcp(t, act);
    const rig = await startInner(t, { limits: small });
    const timeoutMs = code === 'UPSTREAM_TIMEOUT' ? 150 : 30_000;
    const error = await refusal(rig, head(service.url, { method: 'POST', timeoutMs }));
    assert.equal(error.code, code);
    assert.equal(error.hint, 'the request may have reached the service');
    assert.equal(service.sockets.size, 1);
  });
}

test('a compressed answer is refused, not unpacked', async (t) => {
  const service = await http(t, (_req, res) =>
    res.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('secret')),
  );
  const rig = await startInner(t);
  assert.equal((await refusal(rig, head(service.url))).code, 'UPSTREAM_REFUSED');
});

test('a service that falls silent in its body: UPSTREAM_TIMEOUT before the deadline', async (t) => {
  const service = await tcp(t, `${answerText('content-length: 9')}half`);
  const rig = await startInner(t, { limits: { upstreamBodyIdleMs: 100 } });
  const startMs = Date.now();
  const error = await refusal(rig, head(service.url, { timeoutMs: 300_000 }));
  assert.equal(error.code, 'UPSTREAM_TIMEOUT');
  assert.ok(Date.now() - startMs < 60_000);
});

async function freePort(): Promise<number> {
  const server = createTcp();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

const dead = async (): Promise<string> => `http://127.0.0.1:${await freePort()}`;

test('a service that is down: UPSTREAM_UNREACHABLE, certainly not reached', async (t) => {
  const rig = await startInner(t);
  const targets = ['http://nowhere.invalid', await dead(), 'ftp://127.0.0.1/', 'not a url'];
  for (const url of targets) {
    const error = await refusal(rig, head(url));
    assert.equal(error.code, 'UPSTREAM_UNREACHABLE', url);
    assert.match(error.hint ?? '', /nothing was sent/);
  }
});

test('no connection free until the deadline: UPSTREAM_UNREACHABLE, never sent later', async (t) => {
  const paths: (string | undefined)[] = [];
  const service = await http(t, (req, res) => {
    paths.push(req.url);
    setTimeout(() => res.end('ok'), 200);
  });
  const rig = await startInner(t, { limits: { upstreamConnectionsMax: 1 } });
  const first = rig.guard.ask('upstream', head(service.url, { path: '/first' }));
  const error = await refusal(rig, head(service.url, { path: '/second', timeoutMs: 50 }));
  assert.equal(error.code, 'UPSTREAM_UNREACHABLE');
  await first;
  await rig.guard.ask('upstream', head(service.url, { path: '/third' }));
  assert.deepEqual(paths, ['/first', '/third']);
});

test('targets take turns by weight', async (t) => {
  const counts = [0, 0];
  const listener =
    (i: 0 | 1): RequestListener =>
    (_req, res) => {
      counts[i] = (counts[i] ?? 0) + 1;
      res.end();
    };
  const services = [await http(t, listener(0)), await http(t, listener(1))];
  const targets = services.map(({ url }, i) => ({ url, weight: i === 0 ? 3 : 1 }));
  const rig = await startInner(t);
  for (let i = 0; i < 8; i++) await rig.guard.ask('upstream', head('', { targets }));
  assert.deepEqual(counts, [6, 2]);
});

test('a target that cannot be reached is passed over and left aside for a while', async (t) => {
  const service = await http(t, (_req, res) => res.end('ok'));
  const gone = await dead();
  const targets = [
    { url: gone, weight: 100 },
    { url: service.url, weight: 1 },
  ];
  const rig = await startInner(t, { limits: { upstreamAsideMs: 150 } });
  for (let i = 0; i < 5; i++) {
    const answer = await rig.guard.ask('upstream', head('', { targets, method: 'POST' }));
    assert.equal(answer.body.toString(), 'ok');
  }
  await pause(200);
  const back = createHttp((_req, res) => res.end('back'));
  await new Promise<void>((done) => back.listen(Number(new URL(gone).port), '127.0.0.1', done));
  t.after(() => back.close().closeAllConnections());
  const answer = await rig.guard.ask('upstream', head('', { targets }));
  assert.equal(answer.body.toString(), 'back');
});

test('a request that may have arrived goes to no second target', async (t) => {
  const first = await tcp(t, (socket) => socket.resetAndDestroy());
  let calls = 0;
  const second = await http(t, (_req, res) => {
    calls += 1;
    res.end();
  });
  const targets = [
    { url: first.url, weight: 2 },
    { url: second.url, weight: 1 },
  ];
  const rig = await startInner(t);
  assert.equal((await refusal(rig, head('', { targets }))).code, 'UPSTREAM_REFUSED');
  assert.equal(calls, 0);
});

test('more upstream calls than allowed: OVERLOADED', async (t) => {
  const service = await tcp(t, () => {});
  const rig = await startInner(t, { limits: { upstreamCallsInFlightMax: 1 } });
  const held = refusal(rig, head(service.url, { timeoutMs: 200 }));
  await until(() => service.sockets.size === 1);
  assert.equal((await refusal(rig, head(service.url))).code, 'OVERLOADED');
  assert.equal((await held).code, 'UPSTREAM_TIMEOUT');
});

const url = 'http://127.0.0.1:9';
const badHeads: [what: string, given: unknown, code: ErrorCode][] = [
  ['nothing', null, 'IPC_FRAME'],
  ['no time', head(url, { timeoutMs: 0 }), 'IPC_FRAME'],
  ['a header that is no text', head(url, { headers: { a: 1 } as never }), 'IPC_FRAME'],
  ['a query that is no pair', head(url, { query: [['a']] as never }), 'IPC_FRAME'],
  ['a target without weight', head(url, { targets: [{ url }] as never }), 'IPC_FRAME'],
  ['no target', head(url, { targets: [] }), 'UPSTREAM_UNREACHABLE'],
  ['dots in the path', head(url, { path: '/a/../b' }), 'PATH_REFUSED'],
  ['a path in another encoding', head(url, { path: '/%61' }), 'PATH_REFUSED'],
  ['a query in the path', head(url, { path: '/a?b=c' }), 'PATH_REFUSED'],
  ['a line break in the path', head(url, { path: '/a\r\nX: y' }), 'PATH_REFUSED'],
  ['a line break in a header', head(url, { headers: { a: 'b\r\nc: d' } }), 'UPSTREAM_UNREACHABLE'],
  ['a line break in the method', head(url, { method: 'GET /\r\n' }), 'UPSTREAM_UNREACHABLE'],
];
for (const [what, given, code] of badHeads) {
  test(`an order with ${what} is not carried out: ${code}`, async (t) => {
    const rig = await startInner(t);
    assert.equal((await refusal(rig, given)).code, code);
  });
}

test('https upstreams must be vouched for by the given authority', async (t) => {
  const service = await serve(
    t,
    createHttps(tls, (_req, res) => res.end('ok')),
  );
  const target = `https://127.0.0.1:${service.port}`;
  const trusting = await startInner(t, { upstream: { ca: tls.cert } });
  const answer = await trusting.guard.ask('upstream', head(target));
  assert.equal(answer.body.toString(), 'ok');
  const strict = await startInner(t);
  assert.equal((await refusal(strict, head(target))).code, 'UPSTREAM_UNREACHABLE');
});

test('an edge that only accepts calls makes none: IPC_VERB', async (t) => {
  const rig = await startRig(t);
  assert.equal((await refusal(rig, head(url))).code, 'IPC_VERB');
});

test('a stop waits for no upstream whose guard is gone', async (t) => {
  const service = await http(t, () => {});
  const rig = await startInner(t);
  const pending = assert.rejects(rig.guard.ask('upstream', head(service.url)));
  await until(() => service.sockets.size === 1);
  const closing = rig.edge.close().then(() => 'closed');
  const late = pause(limits.stopGraceMs * 0.9);
  await rig.guard.kill();
  assert.equal(await Promise.race([closing, late]), 'closed');
  await pending;
});

test('a stop lets an upstream call finish and takes no new one: NOT_READY', async (t) => {
  const refused = Promise.withResolvers<void>();
  const service = await http(t, (_req, res) => {
    refused.promise.then(() => res.end('ok'));
  });
  const rig = await startInner(t);
  const pending = rig.guard.ask('upstream', head(service.url));
  await until(() => service.sockets.size === 1);
  const closing = rig.edge.close();
  assert.equal((await refusal(rig, head(service.url))).code, 'NOT_READY');
  refused.resolve();
  await closing;
  assert.equal((await pending).body.toString(), 'ok');
});
