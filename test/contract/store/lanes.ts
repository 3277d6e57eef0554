/** What every store must do with lanes: the packages and messages of both ways. */
import assert from 'node:assert/strict';
import { newId } from '@sallyport/shared/ids.ts';
import type { OnStore } from '../store.ts';
import { back, inMessage, inPackage, out, outPackage, sealed } from './samples.ts';

export function lanesContract(onStore: OnStore): void {
  onStore('an outbound lane has no holes and a chain', async (store) => {
    const first = outPackage(1);
    const second = outPackage(2, { awaitsReceipt: false });
    await store.write((tx) => tx.appendOutbound(first, sealed));
    await store.write((tx) => tx.appendOutbound(second, sealed));
    for (const sequence of [2, 4]) {
      const wrong = store.write((tx) => tx.appendOutbound(outPackage(sequence), sealed));
      await assert.rejects(wrong, { code: 'INTERNAL' });
    }
    const head = { lane: out, head: 2, headDigest: second.digest, acknowledged: 0 };
    assert.deepEqual(store.outLanes(), [head]);
    assert.deepEqual(store.outPackage(out, 1), first);
    assert.deepEqual(store.outPackage(out, 2), second);
    assert.equal(store.outPackage(out, 3), undefined);
    assert.deepEqual(store.unacknowledged(), [first, second]);
    assert.equal(store.counts().unacknowledged, 1);
  });

  onStore('receipts settle what arrived, in whatever order they come', async (store) => {
    await store.write((tx) => {
      for (const n of [1, 2, 3, 4, 5, 6]) tx.appendOutbound(outPackage(n), sealed);
    });
    const open = (): number[] => store.unacknowledged().map((one) => one.sequence);
    const acknowledged = (): number | undefined => store.outLanes()[0]?.acknowledged;
    await store.write((tx) => tx.acknowledgeOutbound(out, 1, [3, 5], 2000));
    assert.deepEqual(open(), [2, 4, 6]);
    assert.equal(acknowledged(), 1);
    await store.write((tx) => tx.acknowledgeOutbound(out, 3, [], 3000));
    assert.deepEqual(open(), [4, 6]);
    assert.equal(acknowledged(), 3);
    await store.write((tx) => tx.acknowledgeOutbound(out, 1, [4], 4000));
    assert.equal(acknowledged(), 5);
    await store.write((tx) => tx.acknowledgeOutbound(out, 99, [], 5000));
    assert.equal(acknowledged(), 6);
    assert.equal(store.outPackage(out, 3)?.acknowledgedAtMs, 2000);
    assert.equal(store.counts().unacknowledged, 0);
    await store.write((tx) => tx.acknowledgeOutbound('a/b/import/bulk', 9, [1], 5000));
    assert.equal(store.outLanes().length, 1);
  });

  onStore('an inbound lane keeps its contiguous run and what lies beyond', async (store, again) => {
    for (const n of [1, 2, 5, 4]) await store.write((tx) => tx.recordInbound(inPackage(n), sealed));
    assert.deepEqual(store.inLanes(), [{ lane: back, contiguous: 2, beyond: [4, 5] }]);
    const third = inPackage(3);
    await store.write((tx) => tx.recordInbound(third, sealed));
    const reopened = again();
    assert.deepEqual(reopened.inLanes(), [{ lane: back, contiguous: 5, beyond: [] }]);
    const { digest, previous } = third;
    assert.deepEqual({ ...reopened.inboundPlace(back, 3) }, { digest, previous });
    assert.equal(reopened.inboundPlace(back, 6), undefined);
    assert.equal(reopened.counts().inbound, 5);
  });

  onStore(
    'a sequence is taken once: again is a replay, with other content a fork',
    async (store) => {
      const first = inPackage(2);
      await store.write((tx) => tx.recordInbound(first, sealed));
      await assert.rejects(
        store.write((tx) => tx.recordInbound(first, sealed)),
        { code: 'LANE_REPLAY' },
      );
      const fork = store.write((tx) => tx.recordInbound(inPackage(2), sealed));
      await assert.rejects(fork, { code: 'LANE_FORK' });
    },
  );

  onStore('a package is unfinished until its messages are, oldest first', async (store) => {
    const [old, young] = [inPackage(2, { receivedAtMs: 1 }), inPackage(1, { receivedAtMs: 2 })];
    const messages = [inMessage(2), inMessage(2), inMessage(1)];
    await store.write((tx) => {
      tx.recordInbound(young, sealed);
      tx.recordInbound(old, sealed);
      tx.recordInbound(inPackage(3, { finished: true }), sealed);
      for (const message of messages) tx.recordMessage(message);
    });
    assert.deepEqual(store.unfinishedInbound(), [old, young]);
    const [first, second] = messages;
    assert.ok(first && second);
    const ids = (): string[] => store.unfinishedMessages(back, 2).map((one) => one.id);
    assert.deepEqual(ids(), [first.id, second.id].sort());
    await store.write((tx) => tx.finishMessage(first.id, 'REFUSED', 9, 'SCHEMA_REFUSED'));
    await store.write((tx) => tx.finishMessage(first.id, 'DELIVERED', 10));
    assert.deepEqual(ids(), [second.id]);
    const refused = { ...first, state: 'REFUSED', code: 'SCHEMA_REFUSED' };
    assert.deepEqual(store.inboundMessage(first.id), refused);
    await store.write((tx) => tx.finishInbound(back, 2));
    assert.deepEqual(store.unfinishedInbound(), [old, young], 'not while a message is unfinished');
    assert.deepEqual(store.packageContent(old.packageId), sealed);
    await store.write((tx) => {
      tx.finishMessage(second.id, 'DELIVERED', 10);
      tx.finishInbound(back, 2);
    });
    assert.deepEqual(store.unfinishedInbound(), [young]);
    assert.equal(store.packageContent(old.packageId), undefined);
  });

  onStore('a package under the id of another whose bytes are kept is refused', async (store) => {
    const mine = outPackage(1);
    const first = inPackage(1);
    await store.write((tx) => {
      tx.appendOutbound(mine, sealed);
      tx.recordInbound(first, sealed);
    });
    for (const { packageId } of [mine, first]) {
      const twice = store.write((tx) => tx.recordInbound(inPackage(2, { packageId }), sealed));
      await assert.rejects(twice, { code: 'PACKAGE_MANIFEST' });
    }
  });

  onStore('a message id is recorded once', async (store) => {
    const one = inMessage(1);
    await store.write((tx) => tx.recordMessage(one));
    const twice = store.write((tx) => tx.recordMessage({ ...one, sequence: 2 }));
    await assert.rejects(twice, { code: 'MESSAGE_DUPLICATE' });
    assert.equal(store.inboundMessage(one.id)?.sequence, 1);
    assert.equal(store.inboundMessage(newId()), undefined);
  });
}
