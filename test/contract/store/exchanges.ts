/** What every store must do with exchanges: their states, their answers, their order. */
import assert from 'node:assert/strict';
import { newId } from '@sallyport/shared/ids.ts';
import type { OnStore } from '../store.ts';
import { answer, hex, newExchange, out, outPackage, sealed } from './samples.ts';

export function exchangesContract(onStore: OnStore): void {
  onStore('a new store remembers nothing', async (store) => {
    assert.deepEqual(store.outLanes(), []);
    assert.deepEqual(store.inLanes(), []);
    assert.deepEqual(store.auditHead(), { sequence: 0, hash: '0'.repeat(64) });
    assert.equal(store.policyBundle(), undefined);
    const none = { outbound: 0, inbound: 0, unacknowledged: 0, auditEvents: 0 };
    assert.deepEqual(store.counts(), { exchanges: {}, ...none });
  });

  onStore('an exchange takes its state from its package until it is answered', async (store) => {
    const one = newExchange(1, { idempotencyKey: 'k-1', callDigest: hex() });
    const state = (): string | undefined => store.exchange(one.id)?.state;
    await store.write((tx) => {
      tx.appendOutbound(outPackage(1), sealed);
      tx.acceptExchange(one);
    });
    assert.deepEqual(store.exchange(one.id), { ...one, state: 'SEALED' });
    await store.write((tx) => tx.markSent(out, 1, 1100));
    assert.equal(state(), 'SENT');
    assert.deepEqual(store.counts().exchanges, { SENT: 1 });
    await store.write((tx) => tx.acknowledgeOutbound(out, 1, [], 1200));
    assert.equal(state(), 'ACKNOWLEDGED');
    await store.write((tx) => tx.recordAnswer(one.id, answer));
    assert.deepEqual(store.exchange(one.id), { ...one, state: 'RESPONDED', answer });
    assert.deepEqual(store.idempotent('tax-bureau', 'k-1'), store.exchange(one.id));
    assert.deepEqual(store.counts().exchanges, { RESPONDED: 1 });
  });

  onStore('an exchange ends once; what comes later changes nothing', async (store) => {
    const [first, second] = [newExchange(1), newExchange(1)];
    await store.write((tx) => {
      tx.acceptExchange(first);
      tx.acceptExchange(second);
      tx.endExchange(first.id, 'EXPIRED', 'DEADLINE_PASSED', 7000);
      tx.recordAnswer(first.id, answer);
      tx.recordAnswer(second.id, { ...answer, state: 'REJECTED', code: 'PEER_REFUSED' });
      tx.endExchange(second.id, 'IN_DOUBT', 'IN_DOUBT', 7000);
      tx.recordAnswer(newId(), answer);
    });
    assert.deepEqual(store.exchange(first.id), { ...first, state: 'EXPIRED' });
    assert.equal(store.exchange(second.id)?.answer?.code, 'PEER_REFUSED');
    assert.deepEqual(store.counts().exchanges, { EXPIRED: 1, REJECTED: 1 });
  });

  onStore('an empty answer body stays an empty body', async (store) => {
    const one = newExchange(1);
    const { contentType: _, ...bare } = { ...answer, status: 204, body: Buffer.alloc(0) };
    await store.write((tx) => {
      tx.acceptExchange(one);
      tx.recordAnswer(one.id, bare);
    });
    assert.deepEqual(store.exchange(one.id)?.answer, bare);
  });

  onStore('an idempotency key belongs to its consumer and to one exchange', async (store) => {
    const one = newExchange(1, { idempotencyKey: 'k' });
    const other = newExchange(1, { idempotencyKey: 'k', consumer: 'health-bureau' });
    await store.write((tx) => {
      tx.acceptExchange(one);
      tx.acceptExchange(other);
      tx.acceptExchange(newExchange(1));
      tx.acceptExchange(newExchange(1));
    });
    assert.equal(store.idempotent('tax-bureau', 'k')?.id, one.id);
    assert.equal(store.idempotent('health-bureau', 'k')?.id, other.id);
    assert.equal(store.idempotent('tax-bureau', 'other'), undefined);
    const twice = store.write((tx) => tx.acceptExchange(newExchange(1, { idempotencyKey: 'k' })));
    await assert.rejects(twice, { code: 'STORE_FAILED' });
  });

  onStore(
    'waiting exchanges come by deadline, recent ones newest first and bare',
    async (store) => {
      const all = [3000, 1000, 2000, 9000].map((deadlineMs, n) =>
        newExchange(1, { id: newId(1_700_000_000_000 + n), deadlineMs }),
      );
      await store.write((tx) => {
        for (const one of all) tx.acceptExchange(one);
        tx.recordAnswer(all[1]?.id ?? '', answer);
      });
      const deadlines = (before: number, count: number): number[] =>
        store.waitingExchanges(before, count).map((one) => one.deadlineMs);
      assert.deepEqual(deadlines(9000, 10), [2000, 3000]);
      assert.deepEqual(deadlines(Number.MAX_SAFE_INTEGER, 2), [2000, 3000]);
      const recent = store.recentExchanges(3);
      assert.deepEqual(
        recent.map((one) => one.id),
        [all[3]?.id, all[2]?.id, all[1]?.id],
      );
      assert.equal(recent[2]?.answer?.status, 200);
      assert.equal(recent[2]?.answer?.body.length, 0);
    },
  );
}
