/** What every store must promise of a work: it commits whole, or not at all. */
import assert from 'node:assert/strict';
import type { Store } from '@sallyport/shared/store/port.ts';
import type { OnStore } from '../store.ts';
import { answer, inPackage, newExchange, sealed } from './samples.ts';

export function worksContract(onStore: OnStore): void {
  onStore(
    'works of one turn commit together; one that throws undoes itself alone',
    async (store) => {
      const kept = [newExchange(1), newExchange(1)];
      const lost = newExchange(1);
      let runs = 0;
      const results = await Promise.allSettled([
        store.write((tx) => tx.acceptExchange(kept[0] ?? lost)),
        store.write((tx) => {
          runs += 1;
          tx.acceptExchange(lost);
          tx.recordAnswer(lost.id, answer);
          tx.acceptExchange(lost);
        }),
        store.write((tx) => tx.acceptExchange(kept[1] ?? lost)),
      ]);
      assert.deepEqual(
        results.map((result) => result.status),
        ['fulfilled', 'rejected', 'fulfilled'],
      );
      assert.equal(runs, 1, 'a work runs once');
      assert.equal(store.exchange(lost.id), undefined);
      assert.deepEqual(store.counts().exchanges, { SEALED: 2 });
    },
  );

  onStore(
    'a work alone that throws leaves nothing, and its error comes as it is',
    async (store) => {
      const one = newExchange(1);
      const refused = store.write((tx) => {
        tx.acceptExchange(one);
        tx.recordAnswer(one.id, answer);
        throw new RangeError('no');
      });
      await assert.rejects(refused, { code: 'STORE_FAILED' });
      assert.equal(store.exchange(one.id), undefined);
      await store.write((tx) => tx.recordInbound(inPackage(1), sealed));
      assert.deepEqual(store.counts().exchanges, {});
    },
  );

  onStore('a work that is not synchronous is refused and undone', async (store) => {
    const one = newExchange(1);
    const late = store.write((async (tx) => {
      tx.acceptExchange(one);
    }) as Parameters<Store['write']>[0]);
    await assert.rejects(late, { code: 'INTERNAL' });
    assert.equal(store.exchange(one.id), undefined);
  });

  onStore('nothing can be changed outside a work', async (store) => {
    let leaked: Parameters<Parameters<Store['write']>[0]>[0] | undefined;
    await store.write((tx) => {
      leaked = tx;
    });
    assert.throws(() => leaked?.acceptExchange(newExchange(1)), { code: 'INTERNAL' });
  });

  onStore(
    'what was handed over before closing is durable, what comes after is refused',
    async (store, again) => {
      const one = newExchange(1);
      const handed = store.write((tx) => tx.acceptExchange(one));
      const reopened = again();
      await handed;
      assert.equal(reopened.exchange(one.id)?.state, 'SEALED');
      await assert.rejects(
        store.write(() => {}),
        { code: 'STORE_FAILED' },
      );
      assert.throws(() => store.exchange(one.id), { code: 'STORE_FAILED' });
    },
  );
}
