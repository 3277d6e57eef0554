/** Clocks of nodes that jump by an hour, forward and back, under load. Needs libfaketime. */
import assert from 'node:assert/strict';
import { globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Role } from '@sallyport/shared/ports.ts';
import { createClock } from '@sallyport/shared/processes/guard/clock.ts';
import { until } from '../until.ts';
import { startLoad } from './load.ts';
import { assertSound, summary } from './sound.ts';
import { isSettled, run, sleep, startWorld, statusOf, untilReady, type World } from './world.ts';

const library = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')[0];
const skip = library === undefined ? 'libfaketime is not installed' : false;
const rounds = Number(process.env.SALLYPORT_CLOCK_ROUNDS ?? 1);
const hourMs = 3_600_000;
const seed = 20261123;
const everyEvent = ['audit', 'show', '--last', '1000000'];

let world: World;
let made = 0;
const dials = new Map<Role, string>();

before(async () => {
  if (skip !== false) return;
  world = await startWorld();
  for (const role of ['outer', 'inner'] as const) {
    const dial = join(world.dir, `${role}.clock`);
    dials.set(role, dial);
    setClock(role, 0);
    await world.stop(role);
    run(world.pair[role], {
      ...process.env,
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: dial,
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    });
  }
  await Promise.all([untilReady(world.pair.outer), untilReady(world.pair.inner)]);
});
after(() => world?.close());

/** All processes of a node see it within a second. */
function setClock(role: Role, hours: number): void {
  writeFileSync(dials.get(role) ?? '', `${hours < 0 ? '-' : '+'}${Math.abs(hours)}h\n`);
}

const clockHolds = async (role: Role): Promise<boolean> =>
  (await statusOf(world.pair[role])).ready.clock;

for (const role of ['outer', 'inner'] as const) {
  for (const hours of [1, -1]) {
    test(`the ${role} node's clock jumps by ${hours} h and back: no call is lost or done twice`, {
      skip,
    }, async (t) => {
      for (let round = 0; round < rounds; round += 1) {
        made += 1;
        const load = startLoad(t, world, 6, seed + made);
        await sleep(700);
        setClock(role, hours);
        await until(async () => !(await clockHolds('outer')) || !(await clockHolds('inner')));
        await sleep(700);
        const backMs = performance.now();
        setClock(role, 0);
        await until(async () => (await clockHolds('outer')) && (await clockHolds('inner')));
        t.diagnostic(`clocks agree ${Math.round(performance.now() - backMs)} ms after it was back`);
        const before = load.ledger.endings.get('200') ?? 0;
        await until(() => (load.ledger.endings.get('200') ?? 0) > before + 40);
        const ledger = await load.stop();
        await until(() => isSettled(world.pair), 60_000);
        t.diagnostic(summary(ledger));
        assertSound(world, ledger, { endings: ['504 DEADLINE_PASSED'], answered: 0.3 });
      }
      const shown = await world.pair.sallyport(...everyEvent, '--dir', world.pair[role]);
      const jumps = [...shown.matchAll(/clock-set.*/g)].map(([line]) => line);
      assert.ok(jumps.length >= 2 * rounds, `the audit log tells of the jumps: ${jumps}`);
      await world.pair.sallyport('audit', 'verify', '--dir', world.pair[role]);
    });
  }
}

test('a clock that was set is told once, by how much; one that runs on is not', () => {
  const time = { ms: 0, setMs: 0 };
  const { clock, told } = clockAt(time);
  time.ms += 86_400_000;
  clock.look();
  time.setMs -= hourMs;
  clock.look();
  clock.look();
  time.setMs += hourMs + 500;
  clock.look();
  assert.deepEqual(told, [`set ${-hourMs}`, `set ${hourMs + 500}`]);
});

test('a chain that ends later than now tells that the clock went back while nothing ran', () => {
  const { told } = clockAt({ ms: 5_000, setMs: 0 }, { lastKnownMs: 65_000 });
  assert.deepEqual(told, ['set -60000']);
});

test('a peer ahead is told at once; one behind only by the youngest of its packages', () => {
  const time = { ms: 1_000_000, setMs: 0 };
  const { clock, told } = clockAt(time);
  clock.heard(time.ms - 40_000);
  assert.deepEqual(clock.status(), { peerAheadMs: -40_000, apart: true });
  clock.heard(time.ms - 5);
  assert.deepEqual(clock.status(), { peerAheadMs: -5, apart: false });
  clock.heard(time.ms + 31_000);
  assert.deepEqual(told, ['apart -40000', 'together -5', 'apart 31000']);
  time.ms += 61_000;
  clock.look();
  assert.deepEqual(clock.status(), { apart: false }, 'what was long ago says nothing');
});

test('where packages lie on their way for long, a peer is never called behind', () => {
  const { clock, told } = clockAt({ ms: hourMs, setMs: 0 }, { slow: true });
  clock.heard(1);
  assert.deepEqual(clock.status(), { peerAheadMs: 0, apart: false });
  clock.heard(2 * hourMs);
  assert.deepEqual(told, [`apart ${hourMs}`]);
});

function clockAt(
  time: { ms: number; setMs: number },
  more: { lastKnownMs?: number; slow?: boolean } = {},
) {
  const told: string[] = [];
  const clock = createClock({
    now: () => time.ms + time.setMs,
    steady: () => time.ms,
    slow: more.slow ?? false,
    lastKnownMs: more.lastKnownMs,
    wasSet: (byMs) => told.push(`set ${byMs}`),
    changed: (apart, byMs) => told.push(`${apart ? 'apart' : 'together'} ${byMs}`),
  });
  return { clock, told };
}
