/** Floods of TLS handshakes, finished and not: who sends them is held back, and others are served. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { limits } from '@sallyport/shared/limits.ts';
import { createArrivals } from '@sallyport/shared/processes/edge/arrivals.ts';
import { type Rig, startRig, tls } from '../edge/rig.ts';
import { until } from '../until.ts';

const refused = 'sallyport_edge_connections_refused_total';
const unfinished = async (rig: Rig) => (await rig.counts('sallyport_edge_handshakes'))[''];

/** A connection from an address of 127/8 that says nothing; closed with the test. */
async function silent(t: TestContext, rig: Rig, localAddress: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: rig.port, localAddress });
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

const callFrom = (rig: Rig, localAddress: string) =>
  rig.send({ path: '/a', localAddress, agent: false, ca: tls.cert });

test('new connections of one network that come too fast are closed, and another is served', async (t) => {
  const slow = { edgeConnectionsPerNetworkMax: 5, edgeConnectionsPerSecondPerNetworkMax: 0.01 };
  const rig = await startRig(t, { limits: slow });
  for (let i = 0; i < 5; i += 1) assert.equal((await callFrom(rig, '127.0.0.2')).status, 200);
  await until(async () => (await rig.counts('sallyport_edge_connections'))[''] === 0);
  await assert.rejects(callFrom(rig, '127.0.0.2'), { code: 'ECONNRESET' });
  assert.equal((await rig.counts(refused)).pace, 1);
  assert.equal((await callFrom(rig, '127.0.0.3')).status, 200);
});

test('all together have a pace, which a network that is too fast does not use up', () => {
  const arrivals = createArrivals({
    ...limits,
    edgeConnectionsMax: 4,
    edgeConnectionsPerSecondMax: 2,
    edgeConnectionsPerNetworkMax: 2,
    edgeConnectionsPerSecondPerNetworkMax: 1,
  });
  const from = (network: string, atMs: number) => arrivals.pace(network, atMs);
  assert.deepEqual(
    [0, 0, 0, 0, 0, 0].map((atMs) => from('a', atMs)),
    [true, true, false, false, false, false],
  );
  assert.deepEqual([from('b', 0), from('b', 0), from('c', 0)], [true, true, false]);
  assert.deepEqual([from('c', 499), from('c', 500), from('c', 501)], [false, true, false]);
  assert.deepEqual([from('a', 1_000), from('a', 1_000)], [true, false]);
});

test('handshakes that are begun and not finished have a maximum for each network', async (t) => {
  const rig = await startRig(t, { limits: { edgeHandshakesPerNetworkMax: 4 } });
  const held: Socket[] = [];
  for (let i = 0; i < 4; i += 1) held.push(await silent(t, rig, '127.0.0.2'));
  await until(async () => (await unfinished(rig)) === 4);
  await assert.rejects(callFrom(rig, '127.0.0.2'), { code: 'ECONNRESET' });
  assert.equal((await rig.counts(refused)).unfinished, 1);
  assert.equal((await callFrom(rig, '127.0.0.3')).status, 200);
  held[0]?.destroy();
  await until(async () => (await unfinished(rig)) === 3);
  assert.equal((await callFrom(rig, '127.0.0.2')).status, 200);
});

test('where all places for handshakes are taken, the network that holds most makes room', async (t) => {
  const rig = await startRig(t, { limits: { edgeHandshakesMax: 6 } });
  const greedy: Socket[] = [];
  for (let i = 0; i < 5; i += 1) greedy.push(await silent(t, rig, '127.0.0.2'));
  const modest = await silent(t, rig, '127.0.0.3');
  await until(async () => (await unfinished(rig)) === 6);
  assert.equal((await callFrom(rig, '127.0.0.4')).status, 200);
  await until(() => greedy[0]?.closed === true);
  assert.deepEqual(
    [...greedy.slice(1), modest].map(({ closed }) => closed),
    Array(5).fill(false),
  );
  assert.equal((await rig.counts(refused)).unfinished, 1);
});
