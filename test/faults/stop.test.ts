/**
 * SIGSTOP of every process of two nodes under load: a short stop costs time and nothing else, a longer one is
 * seen, and one that lasts is ended by the supervisor. SALLYPORT_FAULT_ROUNDS and SALLYPORT_SEED as in
 * kill.test.ts.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ProcessName } from '@sallyport/shared/config/home.ts';
import type { Role } from '@sallyport/shared/ports.ts';
import { randomFrom } from '../journey/rig.ts';
import { until } from '../until.ts';
import {
  distribution,
  everyProcess,
  nextAnswer,
  offsetOf,
  shuffled,
  untilReplaced,
  volleyMs,
  waitExactly,
} from './blows.ts';
import { createCaller, startLoad } from './load.ts';
import { watchProcessor } from './processor.ts';
import { assertSound, summary } from './sound.ts';
import {
  isSettled,
  pidOf,
  processesOf,
  sleep,
  startWorld,
  untilReady,
  type World,
} from './world.ts';

const seed = Number(process.env.SALLYPORT_SEED ?? 20261123);
const rounds = Number(process.env.SALLYPORT_FAULT_ROUNDS ?? 1);
const stopMsMax = 500;
const random = randomFrom(seed);
let world: World;

before(async () => {
  world = await startWorld();
});
after(() => world?.close());

test('each process stopped at any step of a call goes on where it was', async (t) => {
  const load = startLoad(t, world, 6, seed + 10);
  const caller = createCaller(world);
  const spanMs = (await volleyMs(load)) * 1.2;
  t.diagnostic(`seed ${seed}; each ${rounds} times, over the ${spanMs.toFixed(1)} ms of a call`);
  const watch = watchProcessor(world.pair);
  t.after(() => watch.stop());
  const times = new Map<string, number[]>();
  for (let round = 0; round < rounds; round += 1) {
    // A long run shows that it goes on: what is silent for minutes is taken for a hang.
    if (rounds > 1) process.stderr.write(`round ${round + 1} of ${rounds}\n`);
    for (const which of shuffled(everyProcess, random)) {
      const [role, name] = which;
      const pid = pidOf(world.pair[role], name);
      void load.volley();
      await waitExactly(offsetOf(round, rounds, spanMs, random));
      process.kill(pid, 'SIGSTOP');
      await sleep(100 + random() * stopMsMax);
      process.kill(pid, 'SIGCONT');
      const tookMs = await nextAnswer(world, caller, which);
      times.set(`${role} ${name}`, [...(times.get(`${role} ${name}`) ?? []), tookMs]);
      assert.equal(pidOf(world.pair[role], name), pid, `${name} was not replaced`);
    }
  }
  const ledger = await load.stop();
  caller.close();
  watch.stop();
  t.diagnostic('from SIGCONT to the next answer of a call that began after it:');
  for (const [label, all] of [...times].sort()) t.diagnostic(`${label}: ${distribution(all)}`);
  t.diagnostic(summary(ledger));
  // It takes time, and no call anything else.
  assertSound(world, ledger, { blows: [], watch });
  await until(() => isSettled(world.pair));
});

/** Which checks of /readyz name a process that is gone. */
const shownBy: Readonly<Record<ProcessName, readonly string[]>> = {
  signer: ['signer'],
  guard: ['policy', 'store', 'clock'],
  edge: ['edge'],
  mover: ['channel'],
  admin: [],
  scanner: ['scanner'],
  plugins: ['plugins'],
};
const halves: readonly Readonly<Record<Role, readonly ProcessName[]>>[] = [
  { outer: ['signer', 'mover'], inner: ['guard', 'edge', 'admin'] },
  { outer: ['guard', 'edge', 'admin'], inner: ['signer', 'mover'] },
];

for (const [index, stopped] of halves.slice(0, rounds).entries()) {
  const what = (role: Role) => `${role} ${stopped[role].join(', ')}`;
  test(`stopped for good: ${what('outer')}; ${what('inner')}: seen, then replaced`, async (t) => {
    const load = startLoad(t, world, 6, seed + 20 + index);
    await sleep(200);
    const pids = (['outer', 'inner'] as const).flatMap((role) =>
      stopped[role].map((name) => ({ role, name, pid: pidOf(world.pair[role], name) })),
    );
    const watch = watchProcessor(world.pair);
    t.after(() => watch.stop());
    // Admin last: with it stopped, nobody says anything.
    const fromMs = performance.now();
    for (const { pid, name } of pids) if (name !== 'admin') process.kill(pid, 'SIGSTOP');
    await Promise.all(
      (['outer', 'inner'] as const).map(async (role) => {
        const expected = stopped[role].flatMap((name) => shownBy[name]);
        assert.deepEqual((await missingAt(role)).sort(), expected.sort(), `${role} says it`);
      }),
    );
    t.diagnostic(`both nodes red within ${msSince(fromMs)} ms`);
    for (const { pid, name } of pids) if (name === 'admin') process.kill(pid, 'SIGSTOP');
    await Promise.all(
      pids.map(({ role, name, pid }) => untilReplaced(world.pair[role], name, pid)),
    );
    t.diagnostic(`all replaced ${msSince(fromMs)} ms after they were stopped`);
    await Promise.all([untilReady(world.pair.outer), untilReady(world.pair.inner)]);
    t.diagnostic(`both nodes ready ${msSince(fromMs)} ms after`);
    const edge = stopped.outer.includes('edge');
    const blow = { fromMs, toMs: performance.now(), edge };
    await sleep(wellMs);
    const ledger = await load.stop();
    watch.stop();
    t.diagnostic(summary(ledger));
    for (const { role, name } of pids) {
      assert.ok(processesOf(world.pair[role]).processes[name].restarts > 0, `${role} ${name}`);
    }
    // What waits for a process longer than anybody waits for an answer of it is told so.
    const endings = ['503 IPC_TIMEOUT', '504 UPSTREAM_TIMEOUT'];
    assertSound(world, ledger, { blows: [blow], watch, endings, answered: 0.5 });
    await until(() => isSettled(world.pair));
  });
}

/** The checks of /readyz that do not hold, asked once: it answers within `adminAskTimeoutMs`. */
async function missingAt(role: Role): Promise<string[]> {
  const [outer, inner] = world.pair.managementUrls;
  const response = await fetch(`${role === 'outer' ? outer : inner}/readyz`);
  assert.equal(response.status, 503);
  const { checks } = (await response.json()) as { checks: Record<string, boolean> };
  return Object.entries(checks).flatMap(([name, holds]) => (holds ? [] : [name]));
}

/** How long nodes that are whole again are called, to see that they answer all. */
const wellMs = 2_500;

const msSince = (startedMs: number): number => Math.round(performance.now() - startedMs);
