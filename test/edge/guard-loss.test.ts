import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { limits } from '@sallyport/shared/limits.ts';
import { until } from '../until.ts';
import { okReply, pause, startRig, tls } from './rig.ts';

const never = (): Promise<never> => new Promise(() => {});

test('a call under way when the guard dies is told again, same id and same bytes', async (t) => {
  const rig = await startRig(t, { onCall: never });
  const pending = rig.send({ method: 'POST', path: '/a?q=1' }, 'body');
  await until(() => rig.guard.calls.length === 1);
  await rig.guard.kill();
  rig.guard.onCall = () => okReply('late');
  await rig.guard.start();
  const answer = await pending;
  assert.equal(answer.text, 'late');
  const [first, second] = rig.guard.calls;
  assert.equal(rig.guard.calls.length, 2);
  assert.deepEqual(second, first && { ...first, head: { ...first.head, again: true } });
  assert.equal(answer.headers['sallyport-exchange'], first?.head.id);
  assert.equal(rig.guard.joins, 2);
});

test('a call that comes while the guard is away waits for it', async (t) => {
  const rig = await startRig(t, { guardAway: true });
  const pending = rig.send({ path: '/a' });
  await pause(50);
  await rig.guard.start();
  assert.equal((await pending).status, 200);
  assert.equal(rig.guard.calls.length, 1);
});

test('a guard that stays away: NOT_READY with Retry-After', async (t) => {
  const rig = await startRig(t, { guardAway: true, limits: { edgeGuardWaitMs: 50 } });
  const answer = await rig.send({ path: '/a' });
  assert.equal(answer.status, 503);
  assert.equal(answer.problem.code, 'NOT_READY');
  assert.equal(answer.headers['retry-after'], '1');
});

test('a guard that dies in a call and stays away: IN_DOUBT', async (t) => {
  const rig = await startRig(t, { onCall: never, limits: { edgeGuardLossMs: 50 } });
  const pending = rig.send({ path: '/a' });
  await until(() => rig.guard.calls.length === 1);
  await rig.guard.kill();
  const answer = await pending;
  assert.equal(answer.problem.code, 'IN_DOUBT');
  assert.equal(answer.headers['retry-after'], undefined, 'to try again is not harmless');
  await rig.guard.start();
  await pause(100);
  assert.equal(rig.guard.calls.length, 1);
});

test('a stop waits for no guard that is gone: IN_DOUBT at once', async (t) => {
  const rig = await startRig(t, { onCall: never });
  const pending = rig.send({ path: '/a' });
  await until(() => rig.guard.calls.length === 1);
  const closing = rig.edge.close().then(() => 'closed');
  const late = pause(limits.stopGraceMs * 0.9);
  await rig.guard.kill();
  assert.equal(await Promise.race([closing, late]), 'closed');
  assert.equal((await pending).problem.code, 'IN_DOUBT');
});

test('a call that fells every guard is told a limited number of times: IN_DOUBT', async (t) => {
  const rig = await startRig(t, { onCall: never, limits: { edgeResendsMax: 2 } });
  const pending = rig.send({ path: '/a' });
  for (const told of [1, 2, 3]) {
    await until(() => rig.guard.calls.length === told);
    await rig.guard.kill();
    await rig.guard.start();
  }
  assert.equal((await pending).problem.code, 'IN_DOUBT');
  await pause(100);
  assert.equal(rig.guard.calls.length, 3);
});

test('a caller that left while the guard was away is not told to the next one', async (t) => {
  const rig = await startRig(t, { onCall: never });
  const socket = connectTls({ host: '127.0.0.1', port: rig.port, ca: tls.cert });
  socket.write('GET /a HTTP/1.1\r\nHost: h\r\n\r\n');
  await until(() => rig.guard.calls.length === 1);
  await rig.guard.kill();
  socket.destroy();
  await until(() => rig.log.some((line) => line.msg === 'caller left'));
  await rig.guard.start();
  await until(() => rig.guard.joins === 2);
  rig.send({ path: '/b' }).catch(() => {});
  await until(() => rig.guard.calls.length === 2);
  assert.deepEqual(
    rig.guard.calls.map((call) => call.head.path),
    ['/a', '/b'],
  );
});

test('calls kept for a guard that is away count as in flight: OVERLOADED', async (t) => {
  const rig = await startRig(t, { guardAway: true, limits: { edgeCallsInFlightMax: 2 } });
  const kept = [rig.send({ path: '/a' }), rig.send({ path: '/a' })];
  await until(async () => (await rig.counts('sallyport_edge_requests_in_flight'))[''] === 2);
  assert.equal((await rig.send({ path: '/a' })).problem.code, 'OVERLOADED');
  await rig.guard.start();
  for (const answer of await Promise.all(kept)) assert.equal(answer.status, 200);
});
