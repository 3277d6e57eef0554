/** What every store must do. `open` opens the store kept under a name, as often as asked, one at a time. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { blockAfter } from '@sallyport/shared/audit/chain.ts';
import { newId } from '@sallyport/shared/ids.ts';
import type {
  InMessage,
  InPackage,
  NewExchange,
  OutPackage,
  Store,
  StoredAnswer,
} from '@sallyport/shared/store/port.ts';

const out = 'outer-1/inner-1/import/interactive';
const back = 'inner-1/outer-1/export/interactive';
const hex = (): string => randomBytes(32).toString('hex');

/** Stands for the sealed bytes of any package. */
export const sealed = Buffer.from('sealed');

export function outPackage(sequence: number, more: Partial<OutPackage> = {}): OutPackage {
  const packageId = newId();
  const times = { createdAtMs: 1000 + sequence, expiresAtMs: 90_000 };
  const size = { bytes: 4096, messages: 2 };
  return {
    lane: out,
    sequence,
    packageId,
    digest: hex(),
    ...size,
    ...times,
    awaitsReceipt: true,
    ...more,
  };
}

export function inPackage(sequence: number, more: Partial<InPackage> = {}): InPackage {
  const place = { lane: back, sequence, packageId: newId(), digest: hex(), previous: hex() };
  return {
    ...place,
    bytes: 4096,
    messages: 1,
    receivedAtMs: 2000 + sequence,
    finished: false,
    ...more,
  };
}

export function newExchange(sequence: number, more: Partial<NewExchange> = {}): NewExchange {
  const about = {
    consumer: 'tax-bureau',
    flow: 'citizen-registry/get-citizen',
    requestDigest: hex(),
  };
  return {
    id: newId(),
    ...about,
    acceptedAtMs: 1000,
    deadlineMs: 6000,
    lane: out,
    sequence,
    ...more,
  };
}

export function inMessage(sequence: number, more: Partial<InMessage> = {}): InMessage {
  const about = { flow: 'citizen-registry/get-citizen', consumer: 'tax-bureau', deadlineMs: 6000 };
  return {
    id: newId(),
    lane: back,
    sequence,
    ...about,
    state: 'RELEASED',
    receivedAtMs: 2000,
    ...more,
  };
}

export const answer: StoredAnswer = {
  state: 'RESPONDED',
  status: 200,
  headers: { 'cache-control': 'no-store' },
  contentType: 'application/json',
  body: Buffer.from('{"name":"王**"}'),
  answeredAtMs: 3000,
};

export function storeContract(kind: string, open: (name: string) => Store): void {
  const names = (function* () {
    for (let n = 0; ; n += 1) yield `${kind}-${n}`;
  })();
  /** Runs a test on a fresh store; `again` closes it and opens it anew. */
  const onStore = (
    title: string,
    work: (store: Store, again: () => Store) => Promise<void>,
  ): Promise<void> =>
    test(`${kind}: ${title}`, async () => {
      const name = names.next().value;
      let store = open(name);
      try {
        await work(store, () => {
          store.close();
          store = open(name);
          return store;
        });
      } finally {
        store.close();
      }
    });

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
