/** A disk that is full, really: a node's home on a small file system, filled to its last bytes under load. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { eventsOf } from '@sallyport/cli/demo/trace.ts';
import { homePaths, processNames } from '@sallyport/shared/config/home.ts';
import type { Role } from '@sallyport/shared/ports.ts';
import { randomFrom } from '../journey/rig.ts';
import { until } from '../until.ts';
import { startLoad } from './load.ts';
import { assertSound, summary } from './sound.ts';
import {
  isSettled,
  processesOf,
  sleep,
  startWorld,
  statusOf,
  untilReady,
  type World,
} from './world.ts';

const seed = 20261123;
/** Bytes left on the disk while calls come in; a round each. All are less than the reserve. */
const levels = (process.env.SALLYPORT_DISK_LEVELS ?? '0,40000,1000000').split(',').map(Number);
const diskBytes = 64 * 1024 * 1024;
const mounted: string[] = [];
const skip = mountMissing();
let world: World;

before(async () => {
  if (skip !== false) return;
  world = await startWorld();
  for (const role of ['outer', 'inner'] as const) await moveToSmallDisk(role);
  await Promise.all([untilReady(world.pair.outer), untilReady(world.pair.inner)]);
});
after(async () => {
  await world?.close();
  for (const dir of mounted) spawnSync('umount', ['-l', dir]);
});

for (const role of ['outer', 'inner'] as const) {
  test(`the ${role} node's disk is full: it says so, ends nothing, loses nothing, and heals`, {
    skip,
  }, async (t) => {
    const home = world.pair[role];
    const random = randomFrom(seed);
    const restarts = restartsOf(home);
    // So small a disk is never far from full; that it is said leaves the node ready.
    await until(async () => {
      const { ready, warnings } = await statusOf(home);
      return warnings.includes('disk') && Object.values(ready).every(Boolean);
    });
    for (const [round, bytesLeft] of levels.entries()) {
      const load = startLoad(t, world, 8, seed + 1000 * round + (role === 'inner' ? 500 : 0));
      await sleep(300 + random() * 400);
      const empty = fill(home, bytesLeft);
      t.after(empty);
      let reason: string | undefined;
      await until(async () => {
        const { ready, reasons } = await statusOf(home);
        reason = reasons.store;
        return !ready.store;
      });
      assert.equal(reason, 'STORE_FULL');
      await sleep(1_000);
      empty();
      const emptiedMs = performance.now();
      await untilReady(home);
      t.diagnostic(`${bytesLeft} bytes left: well ${ms(emptiedMs)} ms after there was room`);
      await sleep(500);
      const ledger = await load.stop();
      t.diagnostic(summary(ledger));
      assertSound(world, ledger, {
        endings: ['503 STORE_FULL', '503 STORE_FAILED', '503 OVERLOADED'],
        answered: 0,
      });
      const endedMs = performance.now();
      await until(() => isSettled(world.pair));
      t.diagnostic(`settled ${ms(endedMs)} ms after the last call`);
    }
    assert.deepEqual(restartsOf(home), restarts, 'no process ended');
    const { spoolIn, spoolOut, spoolRefused } = homePaths(home);
    // Heartbeats come and go.
    await until(() => [spoolIn, spoolOut].every((dir) => readdirSync(dir).length <= 3));
    assert.deepEqual(readdirSync(spoolRefused), [], 'nothing half written was taken for whole');
    await world.pair.sallyport('audit', 'verify', '--dir', home);
  });
}

for (const role of ['outer', 'inner'] as const) {
  test(`not one byte is left for what the ${role} node is sent: CHANNEL_FULL, told, recorded, healed`, {
    skip,
  }, async (t) => {
    const home = world.pair[role];
    const refusals = async (): Promise<number> => {
      const mover = (await statusOf(home)).processes.find(({ name }) => name === 'mover');
      return (mover?.told?.refusals as Record<string, number> | undefined)?.CHANNEL_FULL ?? 0;
    };
    const before = await refusals();
    const load = startLoad(t, world, 4, seed + 7);
    const ballasts: (() => void)[] = [];
    t.after(() => {
      for (const empty of ballasts) empty();
    });
    // Whatever is removed meanwhile gives room back: it is taken again.
    await until(async () => {
      ballasts.push(fill(home, 0, `ballast-${ballasts.length}`));
      return (await refusals()) > before;
    });
    for (const empty of ballasts) empty();
    await untilReady(home);
    const ledger = await load.stop();
    t.diagnostic(summary(ledger));
    const endings = ['503 STORE_FULL', '503 STORE_FAILED', '503 OVERLOADED'];
    assertSound(world, ledger, { endings, answered: 0 });
    await until(() => isSettled(world.pair));
    await until(async () => {
      const events = await eventsOf(home);
      return events.some(({ event, code }) => event === 'refuse' && code === 'CHANNEL_FULL');
    });
  });
}

const ms = (sinceMs: number): number => Math.round(performance.now() - sinceMs);

function restartsOf(home: string): number[] {
  const { processes } = processesOf(home);
  return processNames.map((name) => processes[name].restarts);
}

/** Uses up the disk but for `bytesLeft`; returns how to give it back. */
function fill(home: string, bytesLeft: number, name = 'ballast'): () => void {
  const ballast = join(home, name);
  const { bavail, bsize } = statfsSync(home);
  const file = openSync(ballast, 'w');
  try {
    const wanted = Math.max(0, bavail * bsize - bytesLeft);
    const chunk = Buffer.alloc(64 * 1024);
    for (let written = 0; written < wanted; ) {
      written += writeSync(file, chunk, 0, Math.min(chunk.length, wanted - written));
    }
  } catch (thrown) {
    assert.equal((thrown as NodeJS.ErrnoException).code, 'ENOSPC');
  } finally {
    closeSync(file);
  }
  return () => rmSync(ballast, { force: true });
}

async function moveToSmallDisk(role: Role): Promise<void> {
  const home = world.pair[role];
  await world.stop(role);
  renameSync(home, `${home}.before`);
  mkdirSync(home, { mode: 0o700 });
  mount(home);
  cpSync(`${home}.before`, home, { recursive: true });
  execFileSync('chmod', ['-R', 'go-rwx', home]);
  world.start(role);
}

function mount(dir: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes},mode=700`, 'tmpfs', dir]);
  mounted.push(dir);
}

/** False, or why no file system can be mounted here. */
function mountMissing(): string | false {
  const dir = '/tmp/sallyport-test-mount';
  mkdirSync(dir, { recursive: true });
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir]);
  if (status !== 0) return 'needs the right to mount a file system';
  spawnSync('umount', [dir]);
  return false;
}
