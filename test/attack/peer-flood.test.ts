/**
 * A peer with a valid key that floods: whatever it sends, what is written about it is bounded and counted,
 * what is held in memory has a limit, and a sound request beside it is served.
 */
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { after, before, test } from 'node:test';
import { homePaths } from '@sallyport/shared/config/home.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { AuditEvent } from '@sallyport/shared/ports.ts';
import { pino } from 'pino';
import { until } from '../until.ts';
import { type Attacked, attacked, exportLane, importLane, request, said } from './outer-peer.ts';

let at: Attacked;
let logLines = 0;
let silent = false;

before(async () => {
  const lines = new Writable({
    write(_chunk, _encoding, done) {
      logLines += 1;
      done();
    },
  });
  const upstream = () => (silent ? new Promise<never>(() => {}) : answer);
  const answer = Promise.resolve({ status: 404, body: {} });
  at = await attacked({ log: pino(lines), upstream });
  await at.expectServed();
});
after(() => at.rig.close());

/** Events of a kind, each as often as it counts, once what was counted has been told. */
async function told(matches: Partial<AuditEvent>): Promise<{ events: number; counted: number }> {
  await at.rig.inner.restartGuard();
  const events = await at.events(matches);
  const counted = events.reduce((sum, { count = 1 }) => sum + count, 0);
  return { events: events.length, counted };
}

test('refused messages are counted, and not each of them written down', async () => {
  const before = logLines;
  const perPackage = limits.messagesPerPackageMax;
  const stray = () => said({ type: 'policy', version: 1 });
  await at.outer.send(...Array.from({ length: perPackage }, stray));
  await at.expectServed();
  const { events, counted } = await told({ event: 'refuse', code: 'PACKAGE_MESSAGE' });
  assert.equal(counted, perPackage);
  assert.ok(events <= limits.sparingEventsMax + 3, `${events}`);
  assert.ok(logLines - before < 2 * limits.sparingEventsMax, `${logLines - before}`);
});

test('requests that the policy refuses are answered, and counted likewise', async () => {
  const count = 1_000;
  await at.outer.received();
  await at.outer.send(...Array.from({ length: count }, () => request({ consumer: 'nobody' })));
  let answers = 0;
  await until(async () => {
    for (const { header } of await at.outer.received()) {
      if (header.type === 'response' && header.error === 'PEER_REFUSED') answers += 1;
    }
    return answers === count;
  });
  await at.expectServed();
  const { events, counted } = await told({ event: 'refuse', code: 'GRANT_MISSING' });
  assert.equal(counted, count);
  assert.ok(events <= limits.sparingEventsMax + 2, `${events}`);
});

test('copies without end are counted; forks without end fill neither log nor disk', async () => {
  const duplicates = (await told({ event: 'duplicate' })).counted;
  const copy = await at.outer.sendAs({}, request());
  await until(async () => (await at.lane()).contiguous === at.outer.head);
  const forks = await Promise.all(
    Array.from({ length: 20 }, () => at.outer.seal({ sequence: at.outer.head }, request())),
  );
  const count = 600;
  for (let sent = 0; sent < count; sent += 1) {
    const { bytes } = sent % 2 === 0 ? copy : (forks[sent % forks.length] ?? copy);
    const name = `interactive-${String(sent + 1).padStart(12, '0')}-${newId()}.stp`;
    at.outer.deliver({ name, bytes });
  }
  const { spoolIn, spoolRefused } = homePaths(at.rig.inner.dir);
  await until(() => readdirSync(spoolIn).length === 0);
  await at.expectServed();
  const copies = await told({ event: 'duplicate' });
  assert.equal(copies.counted - duplicates, count / 2);
  const forked = await told({ event: 'refuse', code: 'LANE_FORK' });
  assert.equal(forked.counted, count / 2);
  for (const { events } of [copies, forked]) {
    assert.ok(events <= limits.sparingEventsMax + 10, `${events}`);
  }
  const kept = readdirSync(spoolRefused);
  assert.ok(kept.length <= limits.refusedPackagesMax);
});

test('what is set aside has a bound in bytes too', async () => {
  const large = Buffer.alloc(limits.batchFileBytesMax);
  const count = limits.refusedBytesMax / large.length + 4;
  for (let sent = 0; sent < count; sent += 1) {
    const name = `interactive-${String(sent + 1).padStart(12, '0')}-${newId()}.stp`;
    at.outer.deliver({ name, bytes: large });
  }
  const { spoolIn, spoolRefused } = homePaths(at.rig.inner.dir);
  await until(() => readdirSync(spoolIn).length === 0);
  const bytes = readdirSync(spoolRefused).reduce(
    (sum, name) => sum + statSync(join(spoolRefused, name)).size,
    0,
  );
  assert.ok(bytes <= limits.refusedBytesMax, `${bytes}`);
  await at.expectServed();
});

test('requests to send again, without end, are answered as those of a sound peer', async () => {
  const before = (await at.events({ event: 'resend' })).length;
  const startedMs = performance.now();
  const receipt = { type: 'receipt', lane: exportLane, contiguous: 0, beyond: [], missing: [1] };
  // Long enough for a sound peer to have asked more than once.
  while (performance.now() - startedMs < 3 * limits.receiptDelayMs) {
    await at.outer.send(...Array.from({ length: 1_000 }, () => said(receipt)));
  }
  await at.expectServed();
  const asked = Math.ceil((performance.now() - startedMs) / limits.receiptDelayMs);
  const late = 2 * asked;
  const resends = (await at.events({ event: 'resend' })).length - before;
  assert.ok(resends > 0 && resends <= asked + late, `${resends}`);
});

test('however far the stated head, no more is asked for than the window', async () => {
  const startedMs = performance.now();
  const before = (await at.events({ event: 'gap' })).length;
  const beat = () => said({ type: 'heartbeat', lane: importLane, head: Number.MAX_SAFE_INTEGER });
  for (let sent = 0; sent < 5; sent += 1) {
    await at.outer.send(...Array.from({ length: 1_000 }, beat));
  }
  await until(async () => (await at.events({ event: 'gap' })).length > before);
  const { head, contiguous } = await at.lane();
  assert.ok(head <= contiguous + limits.laneWindowMax);
  const gaps = (await at.events({ event: 'gap' })).slice(before);
  const asked = Math.ceil((performance.now() - startedMs) / limits.resendFirstMs);
  assert.ok(gaps.length <= 1 + asked, `${gaps.length} in the time of ${asked}`);
  assert.ok(gaps.every(({ count = 0 }) => count <= limits.resendRequestMax));
  await at.expectServed();
});

/** Seals tens of thousands of requests: for the long form. */
const runs = Number(process.env.SALLYPORT_ATTACK_RUNS ?? 0);

async function overfill(): Promise<void> {
  silent = true;
  const perPackage = limits.messagesPerPackageMax;
  const packages = limits.requestsServingMax / perPackage + 2;
  for (let sent = 0; sent < packages; sent += 1) {
    await at.outer.send(...Array.from({ length: perPackage }, () => request()));
  }
  await until(async () => (await at.lane()).contiguous === at.outer.head);
  const { serving } = (await at.status()).queues;
  assert.ok(serving <= limits.requestsServingMax + perPackage, `${serving}`);
  const refused = await at.events({ event: 'refuse', code: 'OVERLOADED' });
  assert.ok(refused.length > 0 && refused.length <= limits.sparingEventsMax + 1);
}

if (runs > 0) test('requests beyond what a sound peer can have waiting are not taken up', overfill);
