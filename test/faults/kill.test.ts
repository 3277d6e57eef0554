/**
 * kill -9 of every process of two nodes under load, aimed at every step of a call, and of whole nodes.
 * SALLYPORT_FAULT_ROUNDS is how often each process is killed (2 where not given), SALLYPORT_SEED
 * the schedule.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { processNames } from '@sallyport/shared/config/home.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { randomFrom } from '../journey/rig.ts';
import { until } from '../until.ts';
import {
  distribution,
  everyProcess,
  nextAnswer,
  offsetOf,
  type Struck,
  shuffled,
  stepsStruck,
  untilReplaced,
  volleyMs,
  waitExactly,
} from './blows.ts';
import { createCaller, startLoad } from './load.ts';
import { watchProcessor } from './processor.ts';
import { assertSound, type Blow, summary } from './sound.ts';
import {
  isAlive,
  isSettled,
  pidOf,
  processesOf,
  sleep,
  startWorld,
  untilReady,
  type World,
} from './world.ts';

const seed = Number(process.env.SALLYPORT_SEED ?? 20261123);
const rounds = Number(process.env.SALLYPORT_FAULT_ROUNDS ?? 2);
const random = randomFrom(seed);
let world: World;

before(async () => {
  world = await startWorld();
});
after(() => world?.close());

test('each process killed at every step of a call comes back; no call is lost or done twice', async (t) => {
  const load = startLoad(t, world, 6, seed);
  const caller = createCaller(world);
  const spanMs = (await volleyMs(load)) * 1.2;
  t.diagnostic(`seed ${seed}; ${rounds} kills of each, over the ${spanMs.toFixed(1)} ms of a call`);
  const watch = watchProcessor(world.pair);
  t.after(() => watch.stop());
  const blows: Blow[] = [];
  const recoveries = new Map<string, number[]>();
  const struck: Promise<Struck>[] = [];
  const order = shuffled(everyProcess, random);
  const replacedMs = new Map<string, number>();
  for (let round = 0; round < rounds; round += 1) {
    // A long run shows that it goes on.
    if (rounds > 2) process.stderr.write(`round ${round + 1} of ${rounds}\n`);
    for (const which of order) {
      const [role, name] = which;
      const label = `${role} ${name}`;
      // One that dies again before it was calm is started later each time: that is not measured here.
      const calmMs = (replacedMs.get(label) ?? -limits.restartCalmMs) + limits.restartCalmMs;
      await sleep(Math.max(0, calmMs - performance.now()));
      const pid = pidOf(world.pair[role], name);
      const flying = load.volley();
      await waitExactly(offsetOf(round, rounds, spanMs, random));
      process.kill(pid, 'SIGKILL');
      const [atMs, fromMs] = [Date.now(), performance.now()];
      struck.push(flying.then((exchanges) => ({ atMs, exchanges })));
      const [tookMs] = await Promise.all([
        nextAnswer(world, caller, which),
        untilReplaced(world.pair[role], name, pid),
      ]);
      const edge = role === 'outer' && name === 'edge';
      blows.push({ fromMs, toMs: performance.now(), edge });
      replacedMs.set(label, performance.now());
      recoveries.set(label, [...(recoveries.get(label) ?? []), tookMs]);
      await sleep(random() * 200);
    }
  }
  await Promise.all([untilReady(world.pair.outer), untilReady(world.pair.inner)]);
  const ledger = await load.stop();
  caller.close();
  watch.stop();
  t.diagnostic('from the kill to the next answer of a call that began after it:');
  for (const [label, times] of [...recoveries].sort())
    t.diagnostic(`${label}: ${distribution(times)}`);
  t.diagnostic(`all: ${distribution([...recoveries.values()].flat())}`);
  t.diagnostic(summary(ledger));
  const steps = await stepsStruck(world, await Promise.all(struck));
  t.diagnostic(`last step before the kill: ${[...steps].map((pair) => pair.join(' ')).join(', ')}`);
  assertSound(world, ledger, { blows, watch, answered: watch.calm ? 0.9 : 0.5 });
  await until(() => isSettled(world.pair));
});

test('a whole node killed at once comes back with all that it had accepted', async (t) => {
  for (const role of ['inner', 'outer'] as const) {
    const home = world.pair[role];
    const load = startLoad(t, world, 20, seed + (role === 'inner' ? 1 : 2));
    const watch = watchProcessor(world.pair);
    t.after(() => watch.stop());
    await sleep(800);
    const { supervisor, processes } = processesOf(home);
    const fromMs = performance.now();
    process.kill(supervisor, 'SIGKILL');
    const pids = Object.values(processes).flatMap(({ pid }) => pid ?? []);
    assert.equal(pids.length, processNames.length);
    // At once, as a service manager would: its children may still be about to end.
    const startedMs = performance.now();
    world.start(role);
    const ended = until(() => !pids.some(isAlive)).then(() => msSince(fromMs));
    await untilReady(home);
    const readyMs = msSince(startedMs);
    t.diagnostic(`${role}: children ended ${await ended} ms after their supervisor`);
    const sockets = readdirSync(join(home, 'run')).filter((name) => name.endsWith('.sock'));
    assert.deepEqual(sockets, ['admin.sock']);
    const blow = { fromMs, toMs: performance.now(), edge: role === 'outer' };
    t.diagnostic(`${role}: ready again ${readyMs} ms after its start`);
    await sleep(wellMs);
    const ledger = await load.stop();
    t.diagnostic(summary(ledger));
    watch.stop();
    // While a node starts calls are refused, as many as are made.
    assertSound(world, ledger, { blows: [blow], watch, answered: 0.2 });
    await until(() => isSettled(world.pair));
  }
});

/** How long a node that came back is called, to see that it answers all. */
const wellMs = 2_500;

const msSince = (startedMs: number): number => Math.round(performance.now() - startedMs);
