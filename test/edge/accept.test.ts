import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { isId } from '@sallyport/shared/ids.ts';
import { until } from '../until.ts';
import { okReply, startRig, tls } from './rig.ts';

test('a call reaches the guard whole and its answer comes back', async (t) => {
  const rig = await startRig(t);
  const body = '{"a":1}';
  const answer = await rig.send(
    {
      method: 'POST',
      path: '/citizens/11/notes?q=a%20b&q=c',
      headers: {
        'content-type': 'application/json',
        authorization: 'Bearer sp_secret',
        'idempotency-key': 'once-1',
        prefer: 'respond-async, wait=7',
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        'x-list': ['1', '2'],
      },
    },
    body,
  );
  assert.equal(answer.status, 200);
  assert.equal(answer.text, '{"ok":true}');
  const [call] = rig.guard.calls;
  assert.ok(call && isId(call.head.id));
  assert.equal(answer.headers['sallyport-exchange'], call.head.id);
  assert.equal(call.body.toString(), body);
  const { id, receivedAtMs, headers, ...head } = call.head;
  assert.deepEqual(head, {
    method: 'POST',
    path: '/citizens/11/notes',
    query: [
      ['q', 'a b'],
      ['q', 'c'],
    ],
    apiKey: 'sp_secret',
    idempotencyKey: 'once-1',
    respondAsync: true,
    waitMs: 7000,
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    remote: '127.0.0.1',
  });
  assert.deepEqual(headers, {
    host: `127.0.0.1:${rig.port}`,
    'content-type': 'application/json',
    'x-list': '1, 2',
  });
  assert.ok(Math.abs(Date.now() - receivedAtMs) < 60_000);
});

test('every answer has the security headers', async (t) => {
  const rig = await startRig(t);
  const answer = await rig.send({ path: '/a' });
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.equal(answer.headers['x-content-type-options'], 'nosniff');
  assert.equal(answer.headers.server, undefined);
  assert.equal(answer.headers['x-powered-by'], undefined);
  assert.equal(answer.headers.connection, 'keep-alive');
});

test('an API key may come as X-API-Key and never stays among the headers', async (t) => {
  const rig = await startRig(t);
  await rig.send({ path: '/a', headers: { 'x-api-key': 'sp_other' } });
  const [call] = rig.guard.calls;
  assert.equal(call?.head.apiKey, 'sp_other');
  assert.equal(JSON.stringify(call?.head.headers).includes('sp_other'), false);
});

test('a credential that is no API key of ours stays a header', async (t) => {
  const rig = await startRig(t);
  await rig.send({ path: '/a', headers: { authorization: 'Basic YTpi' } });
  const [call] = rig.guard.calls;
  assert.equal(call?.head.apiKey, undefined);
  assert.equal(call?.head.headers.authorization, 'Basic YTpi');
});

test('connection headers and what Connection names are not told to the guard', async (t) => {
  const rig = await startRig(t);
  const names = 'Connection: close, X-Private\r\nX-Private: 1\r\nTE: trailers\r\nX-Kept: 1';
  await rig.raw(`GET /a HTTP/1.1\r\nHost: h\r\n${names}\r\nKeep-Alive: 5\r\n\r\n`);
  assert.deepEqual(rig.guard.calls[0]?.head.headers, { host: 'h', 'x-kept': '1' });
});

test('preferences and trace contexts that make no sense are dropped', async (t) => {
  const rig = await startRig(t);
  const zeros = '0'.repeat(32);
  const traceparent = `00-${zeros}-00f067aa0ba902b7-01`;
  await rig.send({ path: '/a', headers: { prefer: 'wait=soon, x', traceparent } });
  const [call] = rig.guard.calls;
  assert.equal(call?.head.respondAsync, false);
  assert.equal(call?.head.waitMs, undefined);
  assert.equal(call?.head.traceparent, undefined);
});

test('a chunked body and Expect: 100-continue arrive whole', async (t) => {
  const rig = await startRig(t);
  const body = Buffer.alloc(300_000, 'x');
  await rig.send({ method: 'POST', path: '/a', headers: { 'transfer-encoding': 'chunked' } }, body);
  assert.equal(rig.guard.calls[0]?.body.equals(body), true);
  const head = 'POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n';
  const text = await rig.raw(`${head}Connection: close\r\n\r\nhi`);
  assert.match(text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  assert.equal(rig.guard.calls[1]?.body.toString(), 'hi');
});

test('many calls use one connection', async (t) => {
  const rig = await startRig(t);
  const get = 'GET /a HTTP/1.1\r\nHost: h\r\n\r\n';
  const last = 'GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';
  const text = await rig.raw(get.repeat(4) + last);
  assert.equal(text.match(/HTTP\/1\.1 200 OK/g)?.length, 5);
  assert.equal(new Set(rig.guard.calls.map((call) => call.head.id)).size, 5);
});

test('HEAD, 204 and 304 have no body', async (t) => {
  const statusOf: Record<string, number> = { '/head': 200, '/none': 204, '/same': 304 };
  const rig = await startRig(t, {
    onCall: (head) => ({
      head: { status: statusOf[head.path], headers: {}, contentType: 'text/plain' },
      body: Buffer.from('never'),
    }),
  });
  const end = 'HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';
  const head = await rig.raw(`HEAD /head ${end}`);
  assert.match(head, /content-length: 5\r\n/);
  for (const text of [head, await rig.raw(`GET /none ${end}`), await rig.raw(`GET /same ${end}`)]) {
    assert.match(text, /\r\n\r\n$/);
    assert.doesNotMatch(text, /never/);
  }
});

test('the headers of an answer cannot replace those of the edge', async (t) => {
  const rig = await startRig(t, {
    onCall: () => ({
      head: {
        status: 200,
        headers: {
          server: 'x',
          'cache-control': 'public',
          connection: 'close',
          'content-length': '1',
          'x-good': '1',
          location: '/exchanges/1',
        },
      },
      body: Buffer.from('abc'),
    }),
  });
  const { headers, text } = await rig.send({ path: '/a' });
  assert.equal(text, 'abc');
  assert.equal(headers.server, undefined);
  assert.equal(headers['cache-control'], 'no-store');
  assert.equal(headers['content-type'], 'application/octet-stream');
  assert.equal(headers['x-good'], '1');
  assert.equal(headers.location, '/exchanges/1');
});

test('what goes well is not logged, what is refused is, without path, query, headers or body', async (t) => {
  const rig = await startRig(t);
  const headers = { authorization: 'Bearer sp_sentinel', 'x-a': 'sentinel' };
  await rig.send({ method: 'POST', path: '/sentinel?sentinel=sentinel', headers }, 'sentinel');
  assert.deepEqual(
    rig.log.map((line) => line.msg),
    ['edge started'],
  );
  const refused = await rig.send({ path: '/sentinel/../a' });
  const { level, time, pid, hostname, ...line } = rig.log.at(-1) ?? {};
  assert.deepEqual(line, {
    code: 'PATH_REFUSED',
    exchange: refused.headers['sallyport-exchange'],
    status: 400,
    network: '127.0.0.1',
    msg: 'refused',
  });
  assert.doesNotMatch(JSON.stringify(rig.log), /sentinel/);
});

test('status and metrics are answered to admin', async (t) => {
  const rig = await startRig(t);
  await rig.send({ path: '/a' });
  await rig.send({ path: '/a/../b' });
  const { head: status } = await rig.askAsAdmin('status');
  assert.partialDeepStrictEqual(status, {
    process: 'edge',
    guard: true,
    listening: `https://127.0.0.1:${rig.port}`,
    inFlight: 0,
  });
  const { head: metrics } = await rig.askAsAdmin('metrics');
  const requests = (metrics as { name: string; values: unknown[] }[]).find(
    (one) => one.name === 'sallyport_edge_requests_total',
  );
  assert.deepEqual(requests?.values, [
    { value: 1, labels: { status: '2xx', code: 'none' } },
    { value: 1, labels: { status: '4xx', code: 'PATH_REFUSED' } },
  ]);
});

test('TLS below 1.2 and ciphers without forward secrecy are refused', async (t) => {
  const rig = await startRig(t);
  const attempt = (options: object): Promise<string> =>
    new Promise((done) => {
      const socket = connectTls({ host: '127.0.0.1', port: rig.port, ca: tls.cert, ...options });
      socket.once('secureConnect', () => done(socket.getProtocol() ?? ''));
      socket.once('error', () => done('refused'));
      t.after(() => socket.destroy());
    });
  assert.equal(await attempt({}), 'TLSv1.3');
  assert.equal(await attempt({ maxVersion: 'TLSv1.2' }), 'TLSv1.2');
  const weak = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
  assert.equal(await attempt(weak), 'refused');
  assert.equal(await attempt({ maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' }), 'refused');
});

test('a caller that leaves is forgotten, and the guard’s late answer is dropped', async (t) => {
  const release = Promise.withResolvers<void>();
  const rig = await startRig(t, {
    onCall: async () => {
      await release.promise;
      return okReply();
    },
  });
  const socket = connectTls({ host: '127.0.0.1', port: rig.port, ca: tls.cert });
  socket.write('GET /a HTTP/1.1\r\nHost: h\r\n\r\n');
  await until(() => rig.guard.calls.length === 1);
  socket.destroy();
  await until(() => rig.log.some((line) => line.msg === 'caller left'));
  release.resolve();
  assert.equal((await rig.send({ path: '/b' })).status, 200);
  const counts = await rig.counts('sallyport_edge_requests_total');
  assert.deepEqual(counts, { 'none aborted': 1, '2xx none': 1 });
});

test('a stop finishes what is under way and takes nothing new', async (t) => {
  const release = Promise.withResolvers<void>();
  const rig = await startRig(t, {
    onCall: async () => {
      await release.promise;
      return okReply();
    },
  });
  const pending = rig.send({ path: '/a' });
  await until(() => rig.guard.calls.length === 1);
  const closing = rig.edge.close();
  await assert.rejects(rig.send({ path: '/b', agent: false, ca: tls.cert }), {
    code: 'ECONNREFUSED',
  });
  release.resolve();
  const answer = await pending;
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.connection, 'close');
  await closing;
});
