/** The store takes nothing for a while, as on a full disk: nobody falls, nothing is lost or done twice. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { until } from '../until.ts';
import { callHead, type Rig, startRig } from './rig.ts';

const [citizen] = makePeople(1, 7);
const reached: string[] = [];
let rig: Rig;
let key: string;
let gate: Promise<void> | undefined;

before(async () => {
  rig = await startRig({
    seed: 5,
    async upstream({ id }) {
      reached.push(id);
      await gate;
      return { status: 200, body: citizen };
    },
  });
  key = await rig.issueKey('tax-bureau');
  await rig.applyPolicy();
  await until(() => get().promise.then(Boolean, () => false));
  reached.length = 0;
});
after(() => rig.close());

function get(more: object = {}) {
  const head = callHead(key, 'GET', '/citizens/c-000001', more);
  return { id: head.id, promise: rig.outer.edge.request('call', head) };
}
const count = async (side: 'outer' | 'inner', id: string, event: string): Promise<number> =>
  (await rig[side].events()).filter((one) => one.exchangeId === id && one.event === event).length;

test('a request that the inner node cannot record is decided once and called once, later', async () => {
  rig.storeFault.inner = 'STORE_FULL';
  const call = get();
  await sleep(3 * limits.signerRetryMs);
  assert.deepEqual(reached, [], 'not before it is recorded');
  delete rig.storeFault.inner;
  assert.equal(((await call.promise).head as { status: number }).status, 200);
  assert.deepEqual(reached, [call.id]);
  assert.equal(await count('inner', call.id, 'decide'), 1);
});

test('an answer that cannot be recorded is sent later, and the service is not called again', async () => {
  reached.length = 0;
  let open = (): void => {};
  gate = new Promise((done) => {
    open = done;
  });
  const call = get();
  await until(() => reached.length === 1);
  rig.storeFault.inner = 'STORE_FULL';
  open();
  gate = undefined;
  await sleep(2 * limits.answerRetryMs);
  delete rig.storeFault.inner;
  assert.equal(((await call.promise).head as { status: number }).status, 200);
  assert.deepEqual(reached, [call.id]);
});

test('an answer that the outer node cannot record reaches its caller later', async () => {
  let open = (): void => {};
  gate = new Promise((done) => {
    open = done;
  });
  reached.length = 0;
  const call = get();
  await until(() => reached.length === 1);
  rig.storeFault.outer = 'STORE_FULL';
  open();
  gate = undefined;
  await sleep(3 * limits.signerRetryMs);
  delete rig.storeFault.outer;
  assert.equal(((await call.promise).head as { status: number }).status, 200);
  assert.equal(await count('outer', call.id, 'release'), 1);
});

test('a call that cannot be recorded is refused, and whoever joined it hears the same', async () => {
  rig.storeFault.outer = 'STORE_FULL';
  const same = { idempotencyKey: 'k-1', respondAsync: true };
  const [one, two] = [get(same), get(same)];
  await assert.rejects(one.promise, { code: 'STORE_FULL' });
  await assert.rejects(two.promise, { code: 'STORE_FULL' });
  delete rig.storeFault.outer;
  const { head } = await get(same).promise;
  assert.equal((head as { status: number }).status, 202);
});

test('an exchange that ends while nothing can be stored ends once, later', async () => {
  let open = (): void => {};
  gate = new Promise((done) => {
    open = done;
  });
  const call = get();
  // The call before was answered with 202: it may reach the service only now.
  await until(() => reached.includes(call.id));
  rig.storeFault.outer = 'STORE_FAILED';
  rig.clock.offsetMs += 10 * 60_000;
  await sleep(3 * limits.answerRetryMs);
  delete rig.storeFault.outer;
  await assert.rejects(call.promise, { code: 'DEADLINE_PASSED' });
  assert.equal(await count('outer', call.id, 'expire'), 1);
  open();
  gate = undefined;
});

test('a call comes again under the id of another consumer: there is no such exchange', async () => {
  const call = get();
  await call.promise;
  const other = await rig.issueKey('health-office');
  await rig.applyPolicy();
  const steal = () =>
    rig.outer.edge.request('call', {
      ...callHead(other, 'GET', '/citizens/c-000001', { again: true }),
      id: call.id,
    });
  await until(() =>
    steal().then(
      () => assert.fail('the answer of another consumer was given'),
      ({ code }) => code === 'EXCHANGE_UNKNOWN',
    ),
  );
});
