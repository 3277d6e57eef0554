import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { zeroDigest } from '@sallyport/shared/exchange/lane.ts';
import {
  createOutbox,
  type OutboxPorts,
  type Outgoing,
} from '@sallyport/shared/exchange/outbox.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { encodeMessage } from '@sallyport/shared/package/message.ts';
import type { OutPackage, StoreWrites } from '@sallyport/shared/store/port.ts';
import { until } from '../until.ts';

const lane = 'o/i/import/interactive';

function outgoing(bodyBytes = 10, record?: Outgoing['record']): Outgoing {
  const header = { type: 'policy', id: newId(), version: 1 } as const;
  return {
    message: encodeMessage({ header, body: Buffer.alloc(bodyBytes) }),
    awaitsReceipt: true,
    ...(record && { record }),
  };
}

const sealed = {
  packageId: newId(),
  digest: 'd',
  bytes: new Uint8Array(1),
  createdAtMs: 1,
  expiresAtMs: 2,
};

/** An outbox on fakes that write down what was asked of them, in order. */
function rig(overrides: Partial<OutboxPorts> = {}) {
  const log: string[] = [];
  const batches: number[] = [];
  const links: string[] = [];
  const tx = { appendOutbound: () => log.push('append') } as unknown as StoreWrites;
  const ports: OutboxPorts = {
    messagesMax: limits.batchMessagesMax,
    async seal(sequence, previous, messages) {
      batches.push(messages.length);
      links.push(previous);
      log.push(`seal ${sequence}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      return { ...sealed, packageId: newId(), digest: `d${sequence}` };
    },
    async commit(work) {
      log.push('commit');
      work(tx);
    },
    publish: async (place) => void log.push(`publish ${place.sequence}`),
    riders: () => [],
    ...overrides,
  };
  const empty = { lane, head: 0, headDigest: zeroDigest, acknowledged: 0 };
  return { outbox: createOutbox(empty, ports), log, batches, links };
}

test('a package is committed with its bytes and only then published', async () => {
  const { outbox, log } = rig();
  await outbox.enqueue(outgoing(1, () => log.push('record')));
  assert.deepEqual(log, ['seal 1', 'commit', 'append', 'record', 'publish 1']);
});

test('what queues while a package is sealed leaves in one package', async () => {
  const { outbox, batches, links } = rig();
  const first = outbox.enqueue(outgoing());
  await new Promise((resolve) => setTimeout(resolve, 2));
  const rest = Array.from({ length: 300 }, () => outbox.enqueue(outgoing()));
  const places = await Promise.all([first, ...rest]);
  assert.deepEqual(batches, [1, 300]);
  assert.deepEqual(links, [zeroDigest, 'd1']);
  assert.equal(new Set(places.map((place: OutPackage) => place.sequence)).size, 2);
});

test('a lane that carried several rests, so that what comes meanwhile leaves together', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const batches: number[] = [];
    const { outbox } = rig({
      async seal(_sequence, _previous, messages) {
        batches.push(messages.length);
        return sealed;
      },
    });
    await Promise.all([outbox.enqueue(outgoing()), outbox.enqueue(outgoing())]);
    const one = outbox.enqueue(outgoing());
    for (let turns = 0; turns < 5; turns += 1) await turn();
    assert.deepEqual(batches, [2]);
    const other = outbox.enqueue(outgoing());
    mock.timers.tick(limits.packageRestMsMax);
    await Promise.all([one, other]);
    assert.deepEqual(batches, [2, 2]);
  } finally {
    mock.timers.reset();
  }
});

test('a package that left some behind is followed at once', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const { outbox } = rig({ messagesMax: 2, seal: async () => sealed });
    const places = await Promise.all([1, 2, 3, 4].map(() => outbox.enqueue(outgoing())));
    assert.deepEqual(new Set(places.map(({ sequence }) => sequence)), new Set([1, 2]));
  } finally {
    mock.timers.reset();
  }
});

test('a batch stays in its limits of bytes and of messages', async () => {
  const { outbox, batches } = rig();
  const big = limits.batchBytesMax / 2 + 1;
  await Promise.all([big, big, big].map((bytes) => outbox.enqueue(outgoing(bytes))));
  assert.deepEqual(batches, [1, 1, 1]);
  const many = Array.from({ length: limits.messagesPerPackageMax }, () => outgoing(1));
  await Promise.all(many.map((one) => outbox.enqueue(one)));
  assert.deepEqual(batches.slice(3), [limits.messagesPerPackageMax - 2, 2]);
});

test('a batch holds as many messages as the operator allows, and riders besides', async () => {
  const { outbox, batches } = rig({ messagesMax: 2, riders: () => [outgoing()] });
  await Promise.all(Array.from({ length: 5 }, () => outbox.enqueue(outgoing())));
  assert.deepEqual(batches, [3, 3, 2]);
});

test('a failed commit refuses the batch and gives the sequence back', async () => {
  let fail = true;
  const { outbox, log } = rig({
    async commit() {
      if (fail) throw new SallyportError('STORE_FULL', 'no room');
    },
  });
  await assert.rejects(outbox.enqueue(outgoing()), { code: 'STORE_FULL' });
  fail = false;
  const place = await outbox.enqueue(outgoing());
  assert.equal(place.sequence, 1);
  assert.deepEqual(log, ['seal 1', 'seal 1', 'publish 1']);
});

test('a signer that is away refuses the batch and nothing is kept', async () => {
  const { outbox, log } = rig({
    async seal() {
      throw new SallyportError('HSM_LOST', 'gone');
    },
  });
  await assert.rejects(outbox.enqueue(outgoing()), { code: 'HSM_LOST' });
  assert.deepEqual(log, []);
  assert.equal(outbox.head, 0);
});

test('a due receipt leaves alone when nudged, and with whatever leaves', async () => {
  let due = 1;
  const rider = { ...outgoing(), awaitsReceipt: false };
  const { outbox, batches, log } = rig({ riders: () => (due-- > 0 ? [rider] : []) });
  outbox.nudge();
  await until(() => log.includes('publish 1'));
  assert.deepEqual(batches, [1]);
  outbox.nudge();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(batches, [1], 'without anything to say no package leaves');
  due = 1;
  const place = await outbox.enqueue(outgoing());
  assert.deepEqual(batches, [1, 2]);
  assert.equal(place.awaitsReceipt, true);
  assert.ok(log.includes('publish 2'));
});
