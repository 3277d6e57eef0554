/** kill -9 of every process of two nodes under load, again and again, and of whole nodes. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type ProcessName, processNames } from '@sallyport/shared/config/home.ts';
import type { Role } from '@sallyport/shared/ports.ts';
import { randomFrom } from '../journey/rig.ts';
import { until } from '../until.ts';
import { type Ledger, startLoad } from './load.ts';
import {
  isAlive,
  isSettled,
  processesOf,
  sleep,
  startWorld,
  untilReady,
  type World,
} from './world.ts';

const seed = Number(process.env.SALLYPORT_SEED ?? 20261123);
const callers = 20;
const rounds = 2;
const random = randomFrom(seed);
let world: World;

before(async () => {
  world = await startWorld();
});
after(() => world.close());

test('each process killed under load comes back, and no call is lost or done twice', async (t) => {
  t.diagnostic(`seed ${seed}`);
  const load = startLoad(world, callers, seed);
  const edgeKills: number[] = [];
  const recoveries = new Map<string, number[]>();
  await sleep(500);
  for (let round = 0; round < rounds; round += 1) {
    for (const [role, name] of shuffled(everyProcess)) {
      if (role === 'outer' && name === 'edge') edgeKills.push(Date.now());
      const tookMs = await killAndWait(world.pair[role], name);
      const label = `${role} ${name}`;
      recoveries.set(label, [...(recoveries.get(label) ?? []), tookMs]);
      await sleep(random() * 300);
    }
  }
  await Promise.all([untilReady(world.pair.outer), untilReady(world.pair.inner)]);
  const ledger = await load.stop();
  for (const [label, times] of recoveries) t.diagnostic(`${label}: back in ${times.join(', ')} ms`);
  t.diagnostic(summary(ledger));
  assertSound(ledger, edgeKills);
  await until(() => isSettled(world.pair), 15_000);
});

test('a whole node killed at once comes back with all that it had accepted', async (t) => {
  for (const role of ['inner', 'outer'] as const) {
    const home = world.pair[role];
    const load = startLoad(world, callers, seed + (role === 'inner' ? 1 : 2));
    await sleep(800);
    const { supervisor, processes } = processesOf(home);
    const killedMs = Date.now();
    process.kill(supervisor, 'SIGKILL');
    const pids = Object.values(processes).flatMap(({ pid }) => pid ?? []);
    assert.equal(pids.length, processNames.length);
    // At once, as a service manager would: its children may still be about to end.
    const startedMs = Date.now();
    world.start(role);
    await until(() => !pids.some(isAlive), 10_000);
    t.diagnostic(`${role}: children ended ${Date.now() - killedMs} ms after their supervisor`);
    await untilReady(home);
    const sockets = readdirSync(join(home, 'run')).filter((name) => name.endsWith('.sock'));
    assert.equal(sockets.length, processNames.length, `sockets: ${sockets}`);
    t.diagnostic(`${role}: ready again ${Date.now() - startedMs} ms after its start`);
    await sleep(500);
    const ledger = await load.stop();
    t.diagnostic(summary(ledger));
    assertSound(ledger, role === 'outer' ? [killedMs] : []);
    await until(() => isSettled(world.pair), 15_000);
  }
});

const everyProcess = (['outer', 'inner'] as const).flatMap((role) =>
  processNames.map((name): [Role, ProcessName] => [role, name]),
);

function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((one): [number, T] => [random(), one])
    .sort(([a], [b]) => a - b)
    .map(([, one]) => one);
}

/** Milliseconds until another process of that name runs. */
async function killAndWait(home: string, name: ProcessName): Promise<number> {
  const before = processesOf(home).processes[name];
  assert.equal(before.state, 'running', `${name} runs before it is killed`);
  const killedMs = Date.now();
  process.kill(before.pid ?? 0, 'SIGKILL');
  await until(() => {
    const { pid, state, restarts } = processesOf(home).processes[name];
    return state === 'running' && pid !== before.pid && restarts > before.restarts;
  });
  return Date.now() - killedMs;
}

/** How long after the death of the outer edge a caller may notice a broken connection. */
const edgeGoneMs = 5_000;

function assertSound(
  { calls, changes, losses, wrong, endings }: Ledger,
  edgeKills: number[],
): void {
  assert.deepEqual(wrong, [], 'every good answer is right');
  const stray = losses.filter(
    (at) => !edgeKills.some((killed) => at >= killed - 50 && at < killed + edgeGoneMs),
  );
  assert.deepEqual(stray, [], 'no connection breaks but those of an edge that was killed');
  const timesOf = (street: string): number => world.changes.get(street) ?? 0;
  const faults = changes.flatMap(({ street, ending, what, keyed }) => {
    const times = timesOf(street);
    const allowed = { acknowledged: [1], unknown: [0, 1], refused: [0] }[ending ?? 'refused'];
    return allowed.includes(times)
      ? []
      : [`${street}: ${what}, keyed ${keyed}, done ${times} times`];
  });
  assert.deepEqual(faults, [], 'each change was made as often as its caller was told');
  const good = (endings.get('200') ?? 0) + (endings.get('201') ?? 0);
  assert.ok(good > 50 && good > calls * 0.8, `most calls were answered: ${good} of ${calls}`);
  const unforeseen = [...endings.keys()].filter((what) => !foreseen.has(what));
  assert.deepEqual(unforeseen, [], 'calls end in the ways that a restart explains');
}

const foreseen: ReadonlySet<string> = new Set([
  '200',
  '201',
  'lost',
  '502 IN_DOUBT',
  '503 NOT_READY',
  '503 HSM_LOST',
  '503 IPC_LOST',
]);

function summary({ calls, endings, losses, changes, slowestMs }: Ledger): string {
  const ends = [...endings].map(([what, count]) => `${what}: ${count}`).join(', ');
  const made = `${calls} calls (${changes.length} changes), slowest ${slowestMs} ms`;
  return `${made}, ${losses.length} lost connections; ${ends}`;
}
