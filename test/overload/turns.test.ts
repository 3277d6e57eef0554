/** Calls to services in turn: fair between consumers, bounded by connections and by bytes of answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as settled } from 'node:timers/promises';
import { createTurns, type Turn, type Turns } from '@sallyport/inner-node/turns.ts';
import { limits } from '@sallyport/shared/limits.ts';

const service = [{ url: 'http://a' }];
const { upstreamConnectionsMax, upstreamCallsFirst } = limits;

/** Asks `count` times for a turn; what was given, in order. */
function ask(turns: Turns, consumer: string, count: number, targets = service) {
  const given: { consumer: string; turn: Turn }[] = order;
  for (let call = 0; call < count; call += 1) {
    void turns.take(consumer, targets).then((turn) => given.push({ consumer, turn }));
  }
}
let order: { consumer: string; turn: Turn }[] = [];

/** A service that was called before. */
async function warm(turns: Turns, targets = service): Promise<void> {
  for (let call = 0; call < upstreamConnectionsMax * targets.length; call += 1) {
    (await turns.take('warm', targets)).end();
  }
}

test('a service that was not called before gets a few calls at once, and one more with each', async () => {
  order = [];
  const turns = createTurns();
  ask(turns, 'a', upstreamConnectionsMax * 3);
  await settled();
  assert.equal(order.length, upstreamCallsFirst);
  for (let ended = 0; order.length - ended < upstreamConnectionsMax; ended += 1) {
    const before: number = order.length;
    order[ended]?.turn.end();
    await settled();
    assert.equal(order.length, before + 2);
  }
  const before = order.length;
  order.at(-1)?.turn.end();
  await settled();
  assert.equal(order.length, before + 1);
});

test('a service gets as many calls at once as there are connections to its targets', async () => {
  order = [];
  const turns = createTurns();
  const two = [{ url: 'http://a' }, { url: 'http://b' }];
  await warm(turns, two);
  ask(turns, 'a', upstreamConnectionsMax * 2 + 7, two);
  await settled();
  assert.equal(order.length, upstreamConnectionsMax * 2);
  assert.equal(turns.waiting, 7);
  for (const { turn } of [...order]) turn.end();
  await settled();
  assert.equal(order.length, upstreamConnectionsMax * 2 + 7);
  assert.equal(turns.waiting, 0);
});

test('a quiet consumer is next, however long the line of another is', async () => {
  order = [];
  const turns = createTurns();
  await warm(turns);
  ask(turns, 'flood', 5_000);
  ask(turns, 'quiet', 3);
  await settled();
  const first = order.splice(0);
  for (const { turn } of first.slice(0, 6)) turn.end();
  await settled();
  const next = order.map(({ consumer }) => consumer);
  assert.deepEqual(next, ['flood', 'quiet', 'flood', 'quiet', 'flood', 'quiet']);
});

test('a service that hangs holds up no other', async () => {
  order = [];
  const turns = createTurns();
  await warm(turns);
  ask(turns, 'a', upstreamConnectionsMax + 100);
  ask(turns, 'a', 10, [{ url: 'http://other' }]);
  await settled();
  assert.equal(order.length, upstreamConnectionsMax + 10);
});

test('where answers are large fewer calls are made at once, and all of them in the end', async () => {
  order = [];
  const turns = createTurns();
  await warm(turns);
  const bytes = limits.upstreamBodyBytesMax;
  ask(turns, 'a', 1);
  await settled();
  order[0]?.turn.answered(bytes);
  order[0]?.turn.end();
  ask(turns, 'a', 100);
  await settled();
  const atOnce = order.length - 1;
  assert.equal(atOnce, limits.answersBytesMax / bytes);
  for (let at = 1; at < order.length; at += 1) {
    order[at]?.turn.answered(bytes);
    order[at]?.turn.end();
    await settled();
  }
  assert.equal(order.length, 101);
});

test('answers that nobody could expect and that have no room are dropped: OVERLOADED', async () => {
  order = [];
  const turns = createTurns();
  await warm(turns);
  ask(turns, 'a', upstreamConnectionsMax);
  await settled();
  const bytes = limits.upstreamBodyBytesMax;
  let held = 0;
  let dropped = 0;
  for (const { turn } of order) {
    try {
      turn.answered(bytes);
      held += 1;
    } catch (thrown) {
      assert.equal((thrown as { code?: string }).code, 'OVERLOADED');
      dropped += 1;
    }
  }
  assert.ok(held * bytes <= limits.answersBytesMax && held > 20);
  assert.equal(held + dropped, upstreamConnectionsMax);
  for (const { turn } of order.splice(0)) turn.end();
  ask(turns, 'a', 1);
  await settled();
  assert.equal(order.length, 1, 'what was held is given back');
});
