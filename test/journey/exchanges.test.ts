/** The exchanges that wait at the outer node: nobody is told of one before it is durable. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createExchanges, type Pending } from '@sallyport/outer-node/exchanges.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { Store, StoredAnswer } from '@sallyport/shared/store/port.ts';

const store = { waitingExchanges: () => [], exchange: () => undefined } as unknown as Store;
const pendingOf = (changes: Partial<Pending> = {}): Pending => ({
  id: newId(),
  consumer: 'tax-bureau',
  flow: 'a/b',
  acceptedAtMs: 0,
  deadlineMs: 1000,
  requestDigest: '',
  ...changes,
});
/** Time that passes, and how far the clock of the machine was set besides. */
const clock = { ms: 0, setMs: 0 };
const node = { store, now: () => clock.ms + clock.setMs, steady: () => clock.ms };
const answer: StoredAnswer = {
  state: 'RESPONDED',
  status: 200,
  headers: {},
  body: Buffer.alloc(0),
  answeredAtMs: 1,
};

test('who joins a call waits until it is durable, and hears when it could not become so', async () => {
  const exchanges = createExchanges(node);
  const pending = pendingOf({ idempotencyKey: 'k' });
  const { promise, reject } = Promise.withResolvers<void>();
  const opened = exchanges.open(pending, () => promise);
  assert.equal(exchanges.byKey('tax-bureau', 'k')?.id, pending.id);
  const joined = exchanges.wait(pending.id, 0);
  const winner = await Promise.race([
    joined,
    new Promise((done) => setTimeout(done, 30, 'nobody')),
  ]);
  assert.equal(winner, 'nobody');
  reject(new SallyportError('STORE_FULL', 'no room'));
  await assert.rejects(opened, { code: 'STORE_FULL' });
  await assert.rejects(joined, { code: 'STORE_FULL' });
  assert.equal(exchanges.size, 0);
  assert.equal(exchanges.byKey('tax-bureau', 'k'), undefined);
});

test('a durable call is waited for, and its first answer is the one', async () => {
  const exchanges = createExchanges(node);
  const pending = pendingOf();
  await exchanges.open(pending, async () => {});
  assert.equal(await exchanges.wait(pending.id, 1), undefined);
  const waiting = exchanges.wait(pending.id, 1000);
  const [one, two] = [newId(), newId()];
  assert.equal(exchanges.claim(pending.id, one), true);
  assert.equal(exchanges.claim(pending.id, one), true, 'the same message, taken again');
  assert.equal(exchanges.claim(pending.id, two), false);
  exchanges.end(pending.id, answer);
  assert.equal(await waiting, answer);
  assert.equal(exchanges.claim(pending.id, one), false);
});

test('what is past its deadline is told once, and not before it is durable', async () => {
  const exchanges = createExchanges(node);
  const { promise, resolve } = Promise.withResolvers<void>();
  const pending = pendingOf();
  const opened = exchanges.open(pending, () => promise);
  clock.ms = 2000;
  assert.deepEqual(exchanges.overdue(), []);
  resolve();
  await opened;
  clock.setMs = 3_600_000;
  clock.ms = 1000 + limits.deadlineGraceMs;
  assert.deepEqual(exchanges.overdue(), [], 'a clock that was set ends nothing');
  clock.ms += 1;
  assert.deepEqual(exchanges.overdue(), [pending]);
  assert.deepEqual(exchanges.overdue(), []);
});

test('a consumer that holds as many exchanges as are free opens no more, another does', () => {
  const exchanges = createExchanges(node);
  const open = (consumer: string): void => {
    exchanges.expectRoom(consumer, 'flow', 60_000);
    void exchanges.open({ ...pendingOf(), consumer }, async () => {});
  };
  for (let count = 0; count < limits.exchangesInFlightMax / 2; count += 1) open('greedy');
  assert.throws(() => open('greedy'), { code: 'OVERLOADED' });
  assert.doesNotThrow(() => open('quiet'));
  assert.equal(exchanges.size, limits.exchangesInFlightMax / 2 + 1);
});
