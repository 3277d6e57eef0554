/** Many connections, many calls, many bytes: who sends too much is held back, and others are served. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { networkOf } from '@sallyport/shared/processes/edge/connections.ts';
import { addPiece, joinPieces, startPieces } from '@sallyport/shared/processes/edge/pieces.ts';
import { okReply, pause, type Rig, startRig, tls } from '../edge/rig.ts';
import { until } from '../until.ts';

const get = (path: string, ...headers: string[]): string =>
  `${[`GET ${path} HTTP/1.1`, 'Host: h', ...headers].join('\r\n')}\r\n\r\n`;
const slowBody = (bytes: number, sent: string): string =>
  `POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: ${bytes}\r\n\r\n${sent}`;
const refusedConnections = 'sallyport_edge_connections_refused_total';
const requests = 'sallyport_edge_requests_total';

/** A connection from an address of 127/8; closed with the test. */
function bare(t: TestContext, rig: Rig, localAddress: string): Socket {
  const socket = connect({ host: '127.0.0.1', port: rig.port, localAddress });
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  return socket;
}

async function secure(t: TestContext, rig: Rig, localAddress: string): Promise<TLSSocket> {
  const socket = connectTls({ socket: bare(t, rig, localAddress), ca: tls.cert });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

const sendFrom = (rig: Rig, localAddress: string, body?: string | Buffer) =>
  rig.send({ method: 'POST', path: '/a', localAddress, agent: false, ca: tls.cert }, body);

test('one network has its share of the connections, and another is served beside it', async (t) => {
  const rig = await startRig(t, { limits: { edgeConnectionsPerNetworkMax: 20 } });
  for (let i = 0; i < 60; i++) bare(t, rig, '127.0.0.2');
  await until(async () => (await rig.counts(refusedConnections)).network === 40);
  assert.equal((await sendFrom(rig, '127.0.0.3')).status, 200);
  assert.equal((await rig.counts('sallyport_edge_connections'))[''], 20);
});

test('where all connections are taken, who holds few displaces the idle one of who holds most', async (t) => {
  const rig = await startRig(t, { limits: { edgeConnectionsMax: 12 } });
  const greedy = Array.from({ length: 10 }, () => bare(t, rig, '127.0.0.2'));
  await until(async () => (await rig.counts('sallyport_edge_connections'))[''] === 10);
  const modest = [await secure(t, rig, '127.0.0.3'), await secure(t, rig, '127.0.0.3')];
  assert.equal((await sendFrom(rig, '127.0.0.4')).status, 200);
  assert.equal((await rig.counts(refusedConnections)).displaced, 1);
  await until(() => greedy.filter((socket) => socket.closed).length === 1);
  assert.equal(
    modest.some((socket) => socket.closed),
    false,
  );
  bare(t, rig, '127.0.0.4');
  await until(async () => (await rig.counts('sallyport_edge_connections'))[''] === 12);
  bare(t, rig, '127.0.0.2');
  await until(async () => (await rig.counts(refusedConnections)).total === 1);
});

test('a connection whose call the guard has is displaced by nobody', async (t) => {
  const release = Promise.withResolvers<void>();
  const rig = await startRig(t, {
    limits: { edgeConnectionsMax: 2 },
    onCall: () => release.promise.then(() => okReply()),
  });
  const held = [sendFrom(rig, '127.0.0.2'), sendFrom(rig, '127.0.0.2')];
  await until(() => rig.guard.calls.length === 2);
  await assert.rejects(sendFrom(rig, '127.0.0.3'), { code: 'ECONNRESET' });
  release.resolve();
  for (const answer of await Promise.all(held)) assert.equal(answer.status, 200);
});

test('an IPv6 subscriber is one network, however many addresses it has', () => {
  assert.equal(networkOf('192.0.2.1'), '192.0.2.1');
  assert.equal(networkOf('::1'), '0:0:0:0::/64');
  assert.equal(networkOf('2001:db8::1'), '2001:db8:0:0::/64');
  assert.equal(networkOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  assert.equal(networkOf('2001:db8:1:2::9'), networkOf('2001:db8:1:2:ffff::'));
  assert.equal(networkOf('fe80::1%eth0'), 'fe80:0:0:0::/64');
});

test('calls sent ahead are answered in order, whatever the guard answers first', async (t) => {
  const rig = await startRig(t, {
    onCall: async (head) => {
      await pause(60 - 10 * Number(head.path.slice(1)));
      return okReply(`<${head.path}>`);
    },
  });
  const ahead = [0, 1, 2, 3].map((i) => get(`/${i}`)).join('');
  const text = await rig.raw(ahead + get('/4', 'Connection: close'));
  assert.deepEqual(text.match(/<.*?>/g), ['</0>', '</1>', '</2>', '</3>', '</4>']);
});

test('more calls ahead than allowed: the others are answered, then OVERLOADED ends it', async (t) => {
  const release = Promise.withResolvers<void>();
  const rig = await startRig(t, {
    limits: { edgePipelinedMax: 4 },
    onCall: () => release.promise.then(() => okReply()),
  });
  const reading = rig.raw(get('/a').repeat(500), 5_000);
  await until(() => rig.guard.calls.length === 4);
  release.resolve();
  const text = await reading;
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), [
    ...Array(4).fill('HTTP/1.1 200'),
    'HTTP/1.1 503',
  ]);
  assert.equal(rig.guard.calls.length, 4);
  assert.equal((await rig.counts(requests))['5xx OVERLOADED'], 1);
});

test('bodies that come slowly take no place of calls', async (t) => {
  const rig = await startRig(t, { limits: { edgeCallsInFlightMax: 2 } });
  for (let i = 0; i < 6; i++) (await secure(t, rig, '127.0.0.2')).write(slowBody(100, 'x'));
  await until(async () => (await rig.counts('sallyport_edge_requests_in_flight'))[''] === 6);
  assert.equal((await sendFrom(rig, '127.0.0.3', 'whole')).status, 200);
});

test('bodies that fill the room give way to small ones, the largest first', async (t) => {
  const rig = await startRig(t, { limits: { edgeBodiesBytesMax: 100_000 } });
  const large = await secure(t, rig, '127.0.0.2');
  const medium = await secure(t, rig, '127.0.0.2');
  large.resume();
  large.write(slowBody(99_000, 'x'.repeat(60_000)));
  medium.write(slowBody(99_000, 'x'.repeat(39_000)));
  await until(async () => (await rig.counts('sallyport_edge_held_bytes'))[''] === 99_000);
  const [answer] = await Promise.all([
    sendFrom(rig, '127.0.0.3', 'y'.repeat(2_000)),
    once(large, 'close'),
  ]);
  assert.equal(answer.status, 200);
  assert.equal((await rig.counts(requests))['5xx OVERLOADED'], 1);
  assert.equal(medium.closed, false);
});

test('answers that nobody takes have a room too: the largest is cut off', async (t) => {
  const rig = await startRig(t, {
    limits: { edgeAnswersBytesMax: 24 * 1024 * 1024 },
    onCall: () => okReply('x'.repeat(15 * 1024 * 1024)),
  });
  const sockets = [await secure(t, rig, '127.0.0.2'), await secure(t, rig, '127.0.0.2')];
  for (const socket of sockets) socket.pause().write(get('/a'));
  await until(async () => (await rig.counts(refusedConnections)).unread === 1);
  const held = (await rig.counts('sallyport_edge_held_bytes'))[''] ?? 0;
  assert.ok(held <= 24 * 1024 * 1024, `${held}`);
});

test('an answer that is read a little now and then is cut off all the same', async (t) => {
  const rig = await startRig(t, {
    limits: {
      edgeHeadersTimeoutMs: 150,
      edgeRequestTimeoutMs: 150,
      edgeTimeoutsCheckMs: 20,
      edgeAnswerBytesPerSecondMin: 64 << 20,
    },
    onCall: () => okReply('x'.repeat(15 * 1024 * 1024)),
  });
  const socket = await secure(t, rig, '127.0.0.2');
  socket.pause().write(get('/a'));
  const sip = setInterval(() => socket.read(16 * 1024), 20);
  t.after(() => clearInterval(sip));
  await until(async () => (await rig.counts(refusedConnections)).unread === 1);
});

test('a body sent byte by byte costs memory by its bytes, and arrives whole', () => {
  const pieces = startPieces();
  const block = Buffer.from('0123456789abcdef');
  for (let i = 0; i < 200_000; i++) addPiece(pieces, block.subarray(i % 16, (i % 16) + 1));
  assert.ok(pieces.whole.length <= 200_000 / (16 * 1024) + 2, `${pieces.whole.length} pieces`);
  const body = joinPieces(pieces);
  assert.equal(body.length, 200_000);
  assert.equal(body.toString('latin1'), '0123456789abcdef'.repeat(12_500));
});

test('small and large pieces keep their order', () => {
  const pieces = startPieces();
  const sizes = [10, 5_000, 3, 4_096, 4_097, 1, 16_384, 0, 7];
  for (const [at, size] of sizes.entries()) addPiece(pieces, Buffer.alloc(size, `${at}`));
  const expected = sizes.map((size, at) => `${at}`.repeat(size)).join('');
  assert.equal(joinPieces(pieces).toString(), expected);
  assert.equal(joinPieces(startPieces()).length, 0);
});

test('a flood of refusals leaves some lines and one sum in the log, and is counted whole', async (t) => {
  const rig = await startRig(t, { limits: { edgeNotesMax: 5, edgeNotesWindowMs: 600 } });
  await rig.send({ path: '/a' });
  const socket = await secure(t, rig, '127.0.0.2');
  socket.resume();
  for (let i = 0; i < 300; i += 10) {
    socket.write(get('/a/../b').repeat(10));
    await pause(1);
  }
  await until(async () => (await rig.counts(requests))['4xx PATH_REFUSED'] === 300);
  await until(() => rig.log.some((line) => line.more !== undefined));
  const lines = rig.log.filter((line) => line.msg === 'refused');
  const sums = rig.log
    .map((line) => line.more as Record<string, number> | undefined)
    .filter((more) => more !== undefined);
  const told = sums.reduce((sum, more) => sum + (more.PATH_REFUSED ?? 0), lines.length);
  assert.ok(lines.length <= 5 * (sums.length + 1), `${lines.length} lines, ${sums.length} sums`);
  assert.ok(told <= 300 && told >= 6, `${told}`);
});
