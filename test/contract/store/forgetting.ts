/** What every store must forget, and what it must not. */
import assert from 'node:assert/strict';
import type { OnStore } from '../store.ts';
import {
  answer,
  back,
  inMessage,
  inPackage,
  newExchange,
  out,
  outPackage,
  sealed,
} from './samples.ts';

export function forgettingContract(onStore: OnStore): void {
  onStore(
    'of ended exchanges the oldest go first where there are too many, or too large',
    async (store) => {
      const body = Buffer.alloc(1000);
      const all = [1, 2, 3, 4, 5, 6].map(() => newExchange(1));
      await store.write((tx) => {
        tx.appendOutbound(outPackage(1), sealed);
        for (const [n, one] of all.entries()) {
          tx.acceptExchange(one);
          tx.recordAnswer(one.id, { ...answer, body, answeredAtMs: 1000 + n });
        }
      });
      const left = (): number[] =>
        all.flatMap(({ id }, n) => (store.exchange(id)?.answer === undefined ? [] : [n]));
      await store.write((tx) => tx.forget(0, 100, { answers: 5, bytes: 1e9 }));
      assert.deepEqual(left(), [1, 2, 3, 4, 5]);
      await store.write((tx) => tx.forget(0, 100, { answers: 100, bytes: 3500 }));
      assert.deepEqual(left(), [3, 4, 5]);
      await store.write((tx) => tx.forget(0, 2, { answers: 0, bytes: 0 }));
      assert.deepEqual(left(), [5], 'in steps');
      await store.write((tx) => tx.forget(0, 2, { answers: 1, bytes: 1000 }));
      assert.deepEqual(left(), [5], 'what may be kept is kept');
      assert.equal(store.counts().exchanges.RESPONDED, 1);
    },
  );

  onStore('forgetting takes what ended before a time, in steps', async (store) => {
    const exchanges = [1, 2, 3, 4].map(() => newExchange(1));
    const waits = newExchange(2, { acceptedAtMs: 1002 });
    await store.write((tx) => {
      for (const n of [1, 2, 3]) tx.appendOutbound(outPackage(n), sealed);
      for (const [n, one] of exchanges.entries()) {
        tx.acceptExchange(one);
        tx.recordAnswer(one.id, { ...answer, answeredAtMs: n < 3 ? 3000 : 8000 });
      }
      tx.acceptExchange(waits);
      tx.acknowledgeOutbound(out, 3, [], 1500);
    });
    await store.write((tx) => tx.forget(5000, 2));
    assert.deepEqual(store.counts().exchanges, { RESPONDED: 2, ACKNOWLEDGED: 1 });
    await store.write((tx) => tx.forget(5000, 2));
    assert.deepEqual(store.counts().exchanges, { RESPONDED: 1, ACKNOWLEDGED: 1 });
    assert.equal(store.exchange(exchanges[0]?.id ?? ''), undefined);
    assert.equal(store.exchange(exchanges[3]?.id ?? '')?.state, 'RESPONDED');
    assert.equal(store.outPackage(out, 1), undefined);
    assert.equal(store.exchange(waits.id)?.state, 'ACKNOWLEDGED', 'its package is kept');
    assert.equal(store.outLanes()[0]?.head, 3);
  });

  onStore(
    'forgetting keeps unfinished packages, their messages and the end of a lane',
    async (store) => {
      const messages = [inMessage(1), inMessage(2), inMessage(3)];
      await store.write((tx) => {
        for (const n of [1, 2, 3]) tx.recordInbound(inPackage(n, { finished: n !== 2 }), sealed);
        for (const message of messages) tx.recordMessage(message);
        for (const { id } of messages) tx.finishMessage(id, 'DELIVERED', 2500);
      });
      await store.write((tx) => tx.forget(9000, 100));
      assert.equal(store.inboundPlace(back, 1), undefined);
      assert.ok(store.inboundPlace(back, 2) && store.inboundPlace(back, 3));
      assert.deepEqual(
        messages.map(({ id }) => store.inboundMessage(id)?.sequence),
        [undefined, 2, 3],
      );
      const replay = store.write((tx) => tx.recordInbound(inPackage(1), sealed));
      await assert.rejects(replay, { code: 'LANE_REPLAY' });
    },
  );
}
