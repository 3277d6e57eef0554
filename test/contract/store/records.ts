/** What every store must keep beside the exchange: policy, audit log, uses of credentials. */
import assert from 'node:assert/strict';
import { blockAfter } from '@sallyport/shared/audit/chain.ts';
import { newId } from '@sallyport/shared/ids.ts';
import type { OnStore } from '../store.ts';

export function recordsContract(onStore: OnStore): void {
  onStore('a policy version only increases', async (store) => {
    const policy = { bundle: Buffer.from([1, 2]), appliedAtMs: 5, actor: 'li' };
    for (const version of [1, 3]) await store.write((tx) => tx.putPolicy({ version, ...policy }));
    for (const version of [3, 2]) {
      const lower = store.write((tx) => tx.putPolicy({ version, ...policy }));
      await assert.rejects(lower, { code: 'POLICY_VERSION' });
    }
    assert.deepEqual({ ...store.policyBundle() }, { version: 3, ...policy });
    assert.deepEqual(
      store.policyHistory().map(({ version }) => version),
      [3, 1],
    );
  });

  onStore('audit blocks continue the chain or are refused', async (store) => {
    const first = blockAfter(store.auditHead(), 10, ['{"event":"start","atMs":10}']);
    const second = blockAfter(first, 11, ['{"event":"stop","atMs":11}', '{}']);
    await store.write((tx) => tx.appendAudit(first));
    await assert.rejects(
      store.write((tx) => tx.appendAudit(first)),
      { code: 'AUDIT_BROKEN' },
    );
    const other = { ...second, previous: 'f'.repeat(64) };
    await assert.rejects(
      store.write((tx) => tx.appendAudit(other)),
      { code: 'AUDIT_BROKEN' },
    );
    await store.write((tx) => tx.appendAudit(second));
    assert.deepEqual(store.auditHead(), { sequence: 2, hash: second.hash });
    assert.deepEqual(
      store.auditBlocks(1, 10).map((block) => ({ ...block })),
      [first, second],
    );
    assert.deepEqual(store.auditBlocks(2, 1).length, 1);
    assert.equal(store.counts().auditEvents, 3);
  });

  onStore(
    'a signature that was used is remembered until it is too old, as it was used first',
    async (store, again) => {
      const use = { key: 'k1', id: newId(), consumer: 'tax-bureau', untilMs: 2000 };
      await store.write((tx) => {
        tx.recordSignatureUse(use);
        tx.recordSignatureUse({ ...use, id: newId() });
        tx.recordSignatureUse({ ...use, key: 'k2', untilMs: 1000 });
      });
      const reopened = again();
      assert.deepEqual(reopened.signatureUses(1000), [use]);
      await reopened.write((tx) => tx.forget(2000, 10));
      assert.deepEqual(reopened.signatureUses(0), []);
    },
  );

  onStore('of the uses of a credential the last is kept', async (store) => {
    const use = { consumer: 'tax-bureau', credential: 'key 0123456789ab', atMs: 2000 };
    await store.write((tx) => tx.recordCredentialUse(use));
    await store.write((tx) => tx.recordCredentialUse({ ...use, atMs: 1000 }));
    await store.write((tx) => tx.recordCredentialUse({ ...use, atMs: 3000 }));
    assert.deepEqual(store.credentialUses(), [{ ...use, atMs: 3000 }]);
  });
}
