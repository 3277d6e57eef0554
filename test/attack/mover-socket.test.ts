/** A hostile mover on its wire to the guard and in the spool: its word is taken for no more than it is. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import { homePaths } from '@sallyport/shared/config/home.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { AuditEvent } from '@sallyport/shared/ports.ts';
import { callHead, clearSky, type Rig, startRig } from '../journey/rig.ts';
import { until } from '../until.ts';

const [citizen] = makePeople(1, 7);
let rig: Rig;
let key: string;

before(async () => {
  rig = await startRig({ seed: 6, upstream: async () => ({ status: 200, body: citizen }) });
  key = await rig.issueKey('tax-bureau');
  await rig.applyPolicy();
  await until(async () => (await outerStatus()).policy !== null);
});
after(() => rig.close());

interface Status {
  readonly policy: unknown;
  readonly lanes: { readonly out: readonly [{ head: number; inFlight: number }] };
  readonly queues: { readonly inbound: number };
}
const outerStatus = async () => (await rig.outer.admin.request('status')).head as Status;
const eventsOf = async (event: string): Promise<AuditEvent[]> =>
  (await rig.outer.events()).filter((one) => one.event === event);
const nothingPasses = () => ({ copies: 0, delayMs: 0 });

async function expectServed(): Promise<void> {
  const { head } = await rig.outer.edge.request('call', callHead(key, 'GET', '/citizens/c-000001'));
  assert.equal((head as { status: number }).status, 200);
}

/** A call whose package lies in spool/out and does not arrive; nothing that was sent before waits with it. */
async function held() {
  await until(async () => (await outerStatus()).lanes.out[0].inFlight === 0);
  const before = new Set(rig.seen.keys());
  rig.weather = nothingPasses;
  const answer = rig.outer.edge.request('call', callHead(key, 'GET', '/citizens/c-000001'));
  const fresh = () =>
    [...rig.seen].find(
      ([name, bytes]) => !before.has(name) && bytes.includes('"sender":"outer-1"'),
    );
  await until(() => fresh() !== undefined);
  const [name = ''] = fresh() ?? [];
  return { name, sequence: Number(name.split('-')[1]), answer };
}

test('that a package was sent is believed once; it is sent again all the same', async (t) => {
  t.after(() => (rig.weather = clearSky));
  const { name, sequence, answer } = await held();
  const { mover } = rig.outer;
  for (const atMs of [0, -1, 2 ** 52]) mover.notify('sent', { files: [name], atMs: [atMs] });
  for (let count = 0; count < 2_000; count += 1) mover.notify('sent', { files: [name] });
  await until(async () => (await eventsOf('resend')).some((one) => one.sequence === sequence));
  rig.weather = clearSky;
  assert.equal(((await answer).head as { status: number }).status, 200);
  const told = (await eventsOf('send')).filter((one) => one.sequence === sequence);
  const again = (await eventsOf('resend')).reduce((sum, { count = 1 }) => sum + count, 0);
  assert.ok(told.length <= 1 + again, `${told.length} ${again}`);
  const nowMs = Date.now();
  assert.ok(told.every(({ atMs }) => atMs <= nowMs && atMs > nowMs - 60_000));
});

test('that anything else was sent or collected changes nothing', async () => {
  const before = (await eventsOf('send')).length;
  const names = Array.from(
    { length: 500 },
    (_, index) => `interactive-${String(index + 1).padStart(12, '0')}-${newId()}.stp`,
  );
  for (let count = 0; count < 20; count += 1) {
    rig.outer.mover.notify('sent', { files: names });
    rig.outer.mover.notify('collected', { files: names });
  }
  for (const files of [null, 'x', [1, {}, '../../data/sallyport.db', '/etc/passwd'], {}]) {
    rig.outer.mover.notify('sent', { files });
    rig.outer.mover.notify('collected', { files });
  }
  await expectServed();
  await until(async () => (await outerStatus()).queues.inbound === 0);
  const told = (await eventsOf('send')).slice(before);
  assert.ok(told.every(({ packageId }) => !names.some((name) => name.includes(String(packageId)))));
});

test('names without end are heard of so many at a time; what nobody told of is found', async () => {
  const { mover } = rig.outer;
  const files = () =>
    Array.from({ length: 1_500 }, () => `interactive-000000000001-${newId()}.stp`);
  for (let count = 0; count < limits.moverNamesMax / 1_500 + 10; count += 1) {
    mover.notify('collected', { files: files() });
  }
  // The answer comes back in a file that no notice can tell of any more.
  const call = callHead(key, 'GET', '/citizens/c-000001', { respondAsync: true });
  await rig.outer.edge.request('call', call);
  await until(async () => {
    const path = `/exchanges/${call.id}`;
    const { head } = await rig.outer.edge.request('call', callHead(key, 'GET', path));
    return (head as { status: number }).status === 200;
  }, 60_000);
  await until(async () => (await outerStatus()).queues.inbound === 0);
});

test('its alarms are counted, and not each of them written down', async () => {
  const count = 5_000;
  for (let sent = 0; sent < count; sent += 1) {
    rig.outer.mover.notify('channel', { up: sent % 2 === 0 });
    const detail = 'x'.repeat(9_999);
    if (sent % 10 === 0) rig.outer.mover.notify('refused', { code: 'CHANNEL_PEER', detail });
  }
  await expectServed();
  await rig.outer.restartGuard();
  for (const [event, times] of [
    ['channel-up', count / 2],
    ['refuse', count / 10],
  ] as const) {
    const told = await eventsOf(event);
    assert.ok(told.length <= limits.sparingEventsMax + 2, `${event} ${told.length}`);
    const counted = told.reduce((sum, one) => sum + (one.count ?? 1), 0);
    assert.ok(counted >= times, `${event} ${counted}`);
  }
});

test('it may ask for nothing', async () => {
  for (const verb of ['call', 'status', 'policy-apply', 'policy-show', 'audit-blocks']) {
    await assert.rejects(rig.outer.mover.request(verb), { code: 'IPC_VERB' });
  }
  await expectServed();
});

test('what is in the spool and no package is refused unread, and nothing behind it is touched', async () => {
  const { spoolIn, database, archiveIn } = homePaths(rig.outer.dir);
  const name = (): string => `interactive-000000000009-${newId()}.stp`;
  const [link, pipe, folder, sparse, pem] = [name(), name(), name(), name(), name()];
  symlinkSync(database, join(spoolIn, link));
  execFileSync('mkfifo', [join(spoolIn, pipe)]);
  mkdirSync(join(spoolIn, folder));
  writeFileSync(join(spoolIn, folder, 'x'), 'x');
  writeFileSync(join(spoolIn, sparse), '');
  truncateSync(join(spoolIn, sparse), 2 ** 40);
  symlinkSync('/etc/passwd', join(spoolIn, pem));
  const size = statSync(database).size;
  rig.outer.mover.notify('collected', { files: [link, pipe, folder, sparse, pem] });
  await expectServed();
  await until(async () => (await outerStatus()).queues.inbound === 0);
  const left = new Set(readdirSync(spoolIn));
  assert.equal(left.has(pipe) || left.has(folder) || left.has(sparse), false);
  assert.ok(statSync(database).size >= size);
  for (const hour of readdirSync(archiveIn)) {
    for (const kept of readdirSync(join(archiveIn, hour))) {
      assert.ok(statSync(join(archiveIn, hour, kept)).size < 2 ** 30);
    }
  }
});

test('a package under another name is taken for what it is, and kept under its own', async () => {
  const before = new Set(rig.seen.keys());
  rig.weather = nothingPasses;
  const answer = rig.outer.edge.request('call', callHead(key, 'GET', '/citizens/c-000001'));
  const fresh = () =>
    [...rig.seen].find(
      ([name, bytes]) => !before.has(name) && bytes.includes('"sender":"outer-1"'),
    );
  await until(() => fresh() !== undefined);
  const [name, bytes] = fresh() ?? ['', Buffer.alloc(0)];
  rig.deliver('inner', `bulk-000000000777-${newId()}.stp`, bytes);
  rig.weather = clearSky;
  assert.equal(((await answer).head as { status: number }).status, 200);
  const { archiveIn } = homePaths(rig.inner.dir);
  const kept = readdirSync(archiveIn).flatMap((hour) => readdirSync(join(archiveIn, hour)));
  assert.ok(kept.includes(name));
  assert.equal(
    kept.some((one) => one.startsWith('bulk-')),
    false,
  );
});

for (const [what, harm] of [
  ['gone', (path: string) => rmSync(path)],
  ['torn', (path: string) => truncateSync(path, 700)],
  ['changed', (path: string) => writeFileSync(path, Buffer.alloc(statSync(path).size, 1))],
] as const) {
  test(`a package that is ${what} in spool/out is put there again, and crosses`, async () => {
    const { name, answer } = await held();
    const path = join(homePaths(rig.outer.dir).spoolOut, name);
    const good = readFileSync(path);
    harm(path);
    rig.weather = clearSky;
    assert.equal(((await answer).head as { status: number }).status, 200);
    assert.deepEqual(rig.seen.get(name), good);
  });
}
