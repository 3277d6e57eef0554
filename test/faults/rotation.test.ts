/**
 * The audit log of two running nodes goes on in files under load: guards are killed while they write one,
 * before it has its name and after, files are moved elsewhere, and the chain is whole all the while.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, renameSync, watch } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type AuditFile, auditFilesOf } from '@sallyport/shared/audit/file.ts';
import type { AuditVerdict } from '@sallyport/shared/audit/verify.ts';
import { homePaths } from '@sallyport/shared/config/home.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { AuditEvent, Role } from '@sallyport/shared/ports.ts';
import { until } from '../until.ts';
import { type Load, startLoad } from './load.ts';
import { assertSound, summary } from './sound.ts';
import { isAlive, isSettled, pidOf, startWorld, untilReady, type World } from './world.ts';

const roles = ['outer', 'inner'] as const;
const storeEventsMax = limits.auditStoreEventsMin;
let world: World;

before(async () => {
  const configure = (text: string): string =>
    `${text}\naudit: ${JSON.stringify({ storeEventsMax })}\n`;
  world = await startWorld({ configure });
  // Made here so that it can be watched; a node makes it when it has something for it.
  for (const role of roles) mkdirSync(folderOf(role), { recursive: true, mode: 0o700 });
});
after(() => world?.close());

const folderOf = (role: Role): string => homePaths(world.pair[role]).auditFiles;
const filesOf = (role: Role): AuditFile[] => auditFilesOf(readdirSync(folderOf(role)));
const lastOf = (role: Role): number => filesOf(role).at(-1)?.last ?? 0;

async function verify(role: Role, ...more: string[]): Promise<AuditVerdict> {
  const { pair } = world;
  return JSON.parse(
    await pair.sallyport('audit', 'verify', '--dir', pair[role], '--json', ...more),
  );
}

/** Each file begins where the one before it ends. */
function assertWhole(role: Role): void {
  const files = filesOf(role);
  for (const [i, { first }] of files.entries()) {
    assert.equal(first, i === 0 ? 1 : (files[i - 1]?.last ?? 0) + 1, JSON.stringify(files));
  }
}

/** Kills the guard when a name of this kind appears in its folder; resolves when another has its place. */
async function killAt(role: Role, wanted: (name: string) => boolean): Promise<void> {
  const home = world.pair[role];
  const pid = pidOf(home, 'guard');
  const watcher = watch(folderOf(role), (_, name) => {
    if (name !== null && wanted(name) && isAlive(pid)) process.kill(pid, 'SIGKILL');
  });
  try {
    await until(() => !isAlive(pid));
  } finally {
    watcher.close();
  }
  await untilReady(home);
}

test('both nodes move the log into files under load, killed while they write one or not', async (t) => {
  const load: Load = startLoad(t, world, 8, 1);
  for (const role of roles) {
    await killAt(role, (name) => name.endsWith('.tmp'));
    await killAt(role, (name) => name.endsWith('.audit'));
    const before = lastOf(role);
    await until(() => lastOf(role) > before);
  }
  const during = await Promise.all(roles.map((role) => verify(role)));
  assert.deepEqual([during[0]?.ok, during[1]?.ok], [true, true]);
  const ledger = await load.stop();
  t.diagnostic(summary(ledger));
  assertSound(world, ledger, { answered: 0.3 });
  await until(() => isSettled(world.pair));
  for (const role of roles) {
    assertWhole(role);
    const verdict = await verify(role);
    t.diagnostic(`${role}: ${filesOf(role).length} files, ${JSON.stringify(verdict)}`);
    assert.equal(verdict.ok, true);
    assert.ok(verdict.events > 2 * storeEventsMax, `${verdict.events}`);
    assert.ok(verdict.blocks > lastOf(role));
    // What a kill left half written goes with the next file.
    await until(() => readdirSync(folderOf(role)).every((name) => !name.endsWith('.tmp')));
  }
});

test('a call whose events went into a file is still told of', async () => {
  const { pair } = world;
  const all = await pair.sallyport(
    'audit',
    'show',
    '--dir',
    pair.inner,
    '--json',
    '--last',
    '999999',
  );
  const events = all
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditEvent);
  const early = events.find(({ event }) => event === 'decide')?.exchangeId ?? '';
  const told = await pair.sallyport(
    'audit',
    'show',
    '--dir',
    pair.inner,
    '--exchange',
    early,
    '--json',
  );
  assert.match(told, /"event":"mask"/);
});

test('files that an operator moves are verified from there, and the log goes on after them', async (t) => {
  const { pair, dir } = world;
  const archive = join(dir, 'archived');
  mkdirSync(archive);
  const moved = filesOf('outer');
  const last = moved.at(-1)?.last ?? 0;
  for (const { name } of moved) renameSync(join(folderOf('outer'), name), join(archive, name));
  await assert.rejects(verify('outer'), { code: 'AUDIT_BROKEN' });
  // The log goes on meanwhile: what is read later has more.
  const young = await verify('outer', '--first', String(last + 1));
  const whole = await verify('outer', '--files', archive);
  assert.deepEqual([whole.ok, young.ok], [true, true]);
  assert.ok(whole.blocks >= last + young.blocks);

  const load = startLoad(t, world, 8, 2);
  await until(() => lastOf('outer') > last);
  assertSound(world, await load.stop());
  assert.equal(filesOf('outer')[0]?.first, last + 1);
  await until(() => isSettled(pair));
  for (const role of roles) await world.stop(role);
  assert.equal((await verify('outer', '--files', archive)).ok, true);
  assert.equal((await verify('inner')).ok, true);
});
