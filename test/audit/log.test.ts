/** The log between its callers and a store whose works and commits fail. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { linesOf, noHash } from '@sallyport/shared/audit/chain.ts';
import { auditEvents } from '@sallyport/shared/audit/events.ts';
import { type AuditLog, createAuditLog } from '@sallyport/shared/audit/log.ts';
import { isErrorCode, SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { AuditEvent } from '@sallyport/shared/ports.ts';
import type { Store } from '@sallyport/shared/store/port.ts';
import { openStore } from '@sallyport/shared/store/sqlite/open.ts';
import fc from 'fast-check';
import { temporaryFolder } from '../temporary-folder.ts';
import { selfSigned } from '../x509/self-signed.ts';
import { softKey } from '../x509/soft-key.ts';
import { verifyAudit } from './verdict.ts';

const dir = temporaryFolder();
let stores = 0;

function open(): { store: Store; log: AuditLog } {
  stores += 1;
  const store = openStore(join(dir, `${stores}.db`));
  return { store, log: createAuditLog({ head: () => store.auditHead(), now: () => 5000 }) };
}

const event = (count: number): AuditEvent => ({ event: 'seal', atMs: 1, count });

/** The `count` field of every stored event, in order. */
const stored = (store: Store): number[] =>
  store
    .auditBlocks(1, 10_000)
    .flatMap(linesOf)
    .map((line) => JSON.parse(line).count);

test('events become one block of the commit that drains them', async () => {
  const { store, log } = open();
  log.append(event(1));
  log.append(event(2));
  assert.equal(log.pending, 2);
  await store.write((tx) => log.drain(tx));
  assert.equal(log.pending, 0);
  await store.write((tx) => log.drain(tx));
  const [block, ...more] = store.auditBlocks(1, 10);
  assert.deepEqual(more, []);
  assert.equal(block?.count, 2);
  assert.equal(block?.atMs, 5000);
  assert.deepEqual(stored(store), [1, 2]);
  store.close();
});

test('events of a work that was undone go into the next block of the same commit', async () => {
  const { store, log } = open();
  log.append(event(1));
  const results = await Promise.allSettled([
    store.write((tx) => {
      log.drain(tx);
      throw new Error('undone');
    }),
    store.write((tx) => {
      log.append(event(2));
      log.drain(tx);
    }),
    store.write((tx) => {
      log.append(event(3));
      log.drain(tx);
    }),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled'],
  );
  assert.deepEqual(stored(store), [1, 2, 3]);
  assert.equal(verifyAudit(store.auditBlocks(1, 10)).ok, true);
  assert.equal(log.pending, 0);
  store.close();
});

test('whatever fails, every event is stored once and in order, and the chain holds', async () => {
  const works = fc.array(
    fc.record({ events: fc.nat(3), drains: fc.boolean(), fails: fc.boolean() }),
    {
      maxLength: 4,
    },
  );
  const property = fc.asyncProperty(fc.array(works, { maxLength: 6 }), async (turns) => {
    const { store, log } = open();
    let appended = 0;
    for (const turn of turns) {
      await Promise.allSettled(
        turn.map(({ events, drains, fails }) =>
          store.write((tx) => {
            for (let n = 0; n < events; n += 1) {
              appended += 1;
              log.append(event(appended));
            }
            if (drains) log.drain(tx);
            if (fails) throw new Error('undone');
          }),
        ),
      );
      assert.equal(log.pending, appended - stored(store).length);
    }
    await store.write((tx) => log.drain(tx));
    const expected = Array.from({ length: appended }, (_, n) => n + 1);
    assert.deepEqual(stored(store), expected);
    assert.equal(verifyAudit(store.auditBlocks(1, 10_000)).ok, true);
    store.close();
  });
  await fc.assert(property, { seed: 1, numRuns: 40 });
});

test('a log drained while its store closes harms nobody', async () => {
  const { store, log } = open();
  log.append(event(1));
  const written = store.write((tx) => log.drain(tx));
  store.close();
  await written;
  await new Promise((resolve) => setImmediate(resolve));
  const again = openStore(join(dir, `${stores}.db`));
  assert.deepEqual(stored(again), [1]);
  again.close();
});

test('an event that is not of the closed form is refused, and the refusal does not repeat it', () => {
  const { store, log } = open();
  const secret = '110101199003070011';
  const wrong: unknown[] = [
    { event: secret, atMs: 1 },
    { event: 'toString', atMs: 1 },
    { event: 'checkpoint', atMs: 1 },
    { event: 'seal', atMs: 1, body: secret },
    { event: 'seal', atMs: 1, [secret]: 1 },
    { event: 'seal', atMs: 1, constructor: secret },
    { event: 'seal', atMs: 1, count: secret },
    { event: 'seal', atMs: 1, code: secret },
    { event: 'seal', atMs: 1, consumer: { secret } },
    { event: 'seal', atMs: 1, rules: { rule: secret } },
    { event: 'seal', atMs: 1, consumer: secret.repeat(20) },
    { event: 'seal', atMs: Number.NaN },
  ];
  for (const one of wrong) {
    assert.throws(
      () => log.append(one as AuditEvent),
      (error: SallyportError) => error.code === 'INTERNAL' && !error.message.includes(secret),
    );
  }
  assert.equal(log.pending, 0);
  store.close();
});

test('every field of an event is kept, absent ones stay absent', async () => {
  const { store, log } = open();
  const full: Required<AuditEvent> = {
    event: 'release',
    atMs: 1,
    exchangeId: 'a',
    packageId: 'b',
    lane: 'outer-1/inner-1/import/interactive',
    sequence: 2,
    consumer: '税务局',
    flow: 'citizen-registry/get-citizen',
    code: 'RESPONSE_REFUSED',
    status: 502,
    count: 3,
    digest: 'ab',
    bytes: 4,
    tookMs: 0.125,
    byMs: -6,
    policyVersion: 5,
    plan: 'c',
    rule: 'night-freeze',
    source: '192.0.2.7',
    risk: 15,
    rules: { '$.name surname': 1 },
    actor: 'li',
  };
  assert.ok(isErrorCode(full.code));
  log.append(full);
  log.append({ event: 'mask', atMs: 1, rules: undefined } as unknown as AuditEvent);
  await store.write((tx) => log.drain(tx));
  const lines = Buffer.from(store.auditBlocks(1, 1)[0]?.events ?? [])
    .toString()
    .split('\n');
  assert.deepEqual(JSON.parse(lines[0] ?? ''), full);
  assert.equal(lines[1], '{"event":"mask","atMs":1}');
  store.close();
});

test('what waits is bounded; room comes back when it is stored', async () => {
  const { store, log } = open();
  for (let n = 0; n < limits.auditEventsPerBlockMax; n += 1) log.append(event(n));
  assert.throws(() => log.append(event(0)), { code: 'OVERLOADED' });
  const undone = store.write((tx) => {
    log.drain(tx);
    throw new Error('undone');
  });
  await assert.rejects(undone, { code: 'STORE_FAILED' });
  assert.throws(() => log.append(event(0)), { code: 'OVERLOADED' });
  await store.write((tx) => log.drain(tx));
  log.append(event(0));
  assert.equal(log.pending, 1);
  store.close();
});

test('what waits is bounded in bytes as well', () => {
  const { store, log } = open();
  const rules = Object.fromEntries(
    Array.from({ length: 200 }, (_, n) => [`${n} ${'r'.repeat(200)}`, n]),
  );
  const large: AuditEvent = { event: 'mask', atMs: 1, rules };
  const fits = Math.floor(limits.auditBlockBytesMax / (JSON.stringify(large).length + 1));
  for (let n = 0; n < fits; n += 1) log.append(large);
  assert.throws(() => log.append(large), { code: 'OVERLOADED' });
  store.close();
});

test('a checkpoint signs the durable head, and verifies with the audit certificate', async () => {
  const { store, log } = open();
  const { privateKey, sign } = softKey();
  await log.checkpoint(sign);
  assert.equal(log.pending, 0, 'nothing to sign before the first block');
  for (const n of [1, 2]) {
    log.append(event(n));
    await store.write((tx) => log.drain(tx));
  }
  log.append(event(3));
  await log.checkpoint(sign);
  await store.write((tx) => log.drain(tx));
  const blocks = store.auditBlocks(1, 10);
  const { checkpoints, signedThrough, ok } = verifyAudit(blocks, {
    auditCertificate: selfSigned(privateKey, 'audit'),
  });
  assert.deepEqual(
    { checkpoints, signedThrough, ok },
    { checkpoints: 1, signedThrough: 2, ok: true },
  );
  store.close();
});

test('a signer that is away makes no checkpoint and harms nothing', async () => {
  const { store, log } = open();
  log.append(event(1));
  await store.write((tx) => log.drain(tx));
  const away = log.checkpoint(() => Promise.reject(new SallyportError('HSM_LOST', 'gone')));
  await assert.rejects(away, { code: 'HSM_LOST' });
  assert.equal(log.pending, 0);
  store.close();
});

test('a checkpoint whose signature took too long for a verifier is dropped', async () => {
  let sequence = 1;
  const log = createAuditLog({ head: () => ({ sequence, hash: noHash }), now: () => 1 });
  const slow = (blocks: number) => async () => {
    sequence += blocks;
    return Buffer.alloc(64);
  };
  await log.checkpoint(slow(limits.auditCheckpointLagMax));
  assert.equal(log.pending, 0);
  await log.checkpoint(slow(limits.auditCheckpointLagMax - 1));
  assert.equal(log.pending, 1);
});

test('every event of the catalogue has a name in kebab case and a meaning', () => {
  for (const [name, meaning] of Object.entries(auditEvents)) {
    assert.match(name, /^[a-z]+(-[a-z]+)*$/);
    assert.ok(meaning.length > 10, name);
  }
});
