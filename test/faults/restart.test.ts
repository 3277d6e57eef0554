/** A node that starts with a hundred thousand exchanges in its store, in every state. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { blockAfter } from '@sallyport/shared/audit/chain.ts';
import { homePaths } from '@sallyport/shared/config/home.ts';
import { zeroDigest } from '@sallyport/shared/exchange/lane.ts';
import { newId } from '@sallyport/shared/ids.ts';
import type { OutPackage, Store } from '@sallyport/shared/store/port.ts';
import { openStore } from '@sallyport/shared/store/sqlite/open.ts';
import { until } from '../until.ts';
import { type Caller, createCaller } from './load.ts';
import { processesOf, startWorld, statusOf, untilReady, type World } from './world.ts';

const count = Number(process.env.SALLYPORT_RESTART_EXCHANGES ?? 10_000);
/** As many messages as a package of a busy lane holds. */
const perPackage = 50;
let world: World;
let caller: Caller;

before(async () => {
  world = await startWorld();
  caller = createCaller(world);
});
after(async () => {
  caller?.close();
  await world?.close();
});

test(`with ${count} exchanges in its store a node answers soon after its start`, async (t) => {
  const { outer } = world.pair;
  assert.equal((await caller.call('GET', '/citizens/c-000001')).status, 200);
  await until(async () => (await statusOf(outer)).ready.channel);
  await world.stop('outer');
  const store = openStore(homePaths(outer).database);
  await fillStore(store);
  const { exchanges } = store.counts();
  store.close();
  t.diagnostic(JSON.stringify(exchanges));
  const startedMs = performance.now();
  world.start('outer');
  let answeredMs = 0;
  let refused = 0;
  await until(async () => {
    const reply = await caller.call('GET', '/citizens/c-000001').catch(() => undefined);
    if (reply && reply.status !== 200) refused += 1;
    answeredMs = performance.now() - startedMs;
    return reply?.status === 200;
  }, 60_000);
  t.diagnostic(
    `first answer ${Math.round(answeredMs)} ms after the start, ${refused} refusals before it`,
  );
  await untilReady(outer);
  const { processes } = processesOf(outer);
  assert.equal(processes.guard.restarts, 0);
  t.diagnostic(`ready ${Math.round(performance.now() - startedMs)} ms after the start`);
  const guard = (await statusOf(outer)).processes.find(({ name }) => name === 'guard');
  t.diagnostic(`guard ${Math.round((guard?.memoryBytes ?? 0) / 2 ** 20)} MiB`);
});

/** Through the store's own port: most ended long ago, some still wait, as after a long day. */
async function fillStore(store: Store): Promise<void> {
  const nowMs = Date.now();
  // A lane of its own: the one in use must go on where the peer knows it to be.
  const lane = 'outer-1/inner-0/import/interactive';
  let head = 0;
  for (let made = 0; made < count; made += perPackage) {
    head += 1;
    const place = packageOf(lane, head, nowMs - 3_600_000);
    const waits = made >= count - 1_000;
    await store.write((tx) => {
      tx.appendOutbound(place, Buffer.alloc(0));
      for (let index = 0; index < perPackage; index += 1) {
        const id = newId(nowMs - 3_600_000);
        tx.acceptExchange({
          ...{ id, consumer: 'tax-bureau', flow: 'citizen-registry/get-citizen', lane },
          ...{ sequence: head, requestDigest: zeroDigest },
          acceptedAtMs: nowMs - 3_600_000,
          deadlineMs: waits ? nowMs + 60_000 : nowMs - 1_800_000,
          ...(index % 5 === 0 && { idempotencyKey: id, callDigest: zeroDigest }),
        });
        if (waits) continue;
        if (index % 10 === 0) tx.endExchange(id, 'EXPIRED', 'DEADLINE_PASSED', nowMs - 60_000);
        else if (index % 10 === 1) tx.endExchange(id, 'IN_DOUBT', 'IN_DOUBT', nowMs - 60_000);
        else {
          tx.recordAnswer(id, {
            ...{ state: index % 10 === 2 ? 'REJECTED' : 'RESPONDED', status: 200, headers: {} },
            ...{ body: Buffer.alloc(1024, 'b'), answeredAtMs: nowMs - 60_000 },
          });
        }
      }
      tx.markSent(lane, head, nowMs - 3_600_000);
      // All crossed: a package of nothing cannot be sent again.
      tx.acknowledgeOutbound(lane, head, [], nowMs - 3_600_000);
      const event = { event: 'accept', atMs: nowMs };
      const lines = Array.from({ length: 2 * perPackage }, () => JSON.stringify(event));
      tx.appendAudit(blockAfter(store.auditHead(), nowMs, lines));
    });
  }
}

function packageOf(lane: string, sequence: number, atMs: number): OutPackage {
  return {
    ...{ lane, sequence, packageId: newId(atMs), digest: zeroDigest, bytes: 1 },
    ...{ messages: perPackage, createdAtMs: atMs, expiresAtMs: atMs + 7_200_000 },
    awaitsReceipt: true,
  };
}
