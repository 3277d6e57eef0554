/** Blows aimed at one process at one moment of a call, and what they cost. */
import { performance } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { eventsOf, traceOf } from '@sallyport/cli/demo/trace.ts';
import { type ProcessName, processNames } from '@sallyport/shared/config/home.ts';
import type { Role } from '@sallyport/shared/ports.ts';
import { until } from '../until.ts';
import type { Caller, Load } from './load.ts';
import { isAlive, processesOf, type World } from './world.ts';

export const everyProcess = (['outer', 'inner'] as const).flatMap((role) =>
  processNames.map((name): readonly [Role, ProcessName] => [role, name]),
);

export function shuffled<T>(list: readonly T[], random: () => number): T[] {
  return list
    .map((one): [number, T] => [random(), one])
    .sort(([a], [b]) => a - b)
    .map(([, one]) => one);
}

/** Waits to a fraction of a millisecond while this process goes on with its work. */
export async function waitExactly(ms: number): Promise<void> {
  const dueMs = performance.now() + ms;
  while (performance.now() < dueMs) await turn();
}

/** How long a volley takes where nothing is wrong and nothing is new, ms: the middle of some. */
export async function volleyMs(load: Load): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < volleysTried; i += 1) {
    const startedMs = performance.now();
    await load.volley();
    times.push(performance.now() - startedMs);
  }
  return times.slice(-volleysTried / 2).sort((a, b) => a - b)[volleysTried / 4] ?? 0;
}

const volleysTried = 8;

/**
 * Blow `index` of `count` on one process: together they cover `spanMs` in even steps, each at
 * a place of its own in its step.
 */
export const offsetOf = (index: number, count: number, spanMs: number, random: () => number) =>
  ((index + random()) / count) * spanMs;

const askEveryMs = 25;
/** For hangs: on a busy machine a start may take a minute. */
const answerMsMax = 180_000;

/**
 * Milliseconds until a call that began now or later has its answer; for `admin`, until the node says
 * that it is ready.
 */
export function nextAnswer(
  { pair }: World,
  caller: Caller,
  [role, name]: readonly [Role, ProcessName],
): Promise<number> {
  const startedMs = performance.now();
  const [outerUrl, innerUrl] = pair.managementUrls;
  const ask = async (): Promise<boolean> => {
    if (name === 'admin') {
      return (await fetch(`${role === 'outer' ? outerUrl : innerUrl}/readyz`)).status === 200;
    }
    return (await caller.call('GET', '/citizens/c-000003')).status === 200;
  };
  return new Promise((resolve, reject) => {
    let waiting = 0;
    const tryOnce = (): void => {
      if (performance.now() - startedMs > answerMsMax) {
        clearInterval(timer);
        reject(new Error(`no answer within ${answerMsMax} ms after a blow on ${role} ${name}`));
      }
      if (waiting >= waitingMax) return;
      waiting += 1;
      ask()
        .catch(() => false)
        .then((answered) => {
          waiting -= 1;
          if (!answered) return;
          clearInterval(timer);
          resolve(performance.now() - startedMs);
        });
    };
    const timer = setInterval(tryOnce, askEveryMs);
    tryOnce();
  });
}

/** So few that they are no load of their own. */
const waitingMax = 16;

/** Waits until the supervisor has replaced the process `pid`. */
export async function untilReplaced(home: string, name: ProcessName, pid: number): Promise<void> {
  await until(() => {
    const now = processesOf(home).processes[name];
    return now.state === 'running' && now.pid !== pid && !isAlive(pid);
  });
}

/** Count, p50, p95 and the most of milliseconds. */
export function distribution(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.ceil(sorted.length * share) - 1] ?? 0);
  return `${times.length} times, p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, max ${at(1)} ms`;
}

/** One blow, and the exchanges that were under way. */
export interface Struck {
  readonly atMs: number;
  readonly exchanges: readonly string[];
}

/**
 * The last step that each exchange had done when the blow fell, by the nodes' own audit logs: step → how
 * many. Only what was told of is counted; a call that was struck before it had an exchange is `none`.
 */
export async function stepsStruck(
  world: World,
  blows: readonly Struck[],
): Promise<Map<string, number>> {
  const [outer, inner] = await Promise.all([
    eventsOf(world.pair.outer),
    eventsOf(world.pair.inner),
  ]);
  const found = new Map<string, number>();
  for (const { atMs, exchanges } of blows) {
    for (const id of exchanges) {
      const done = traceOf(id, outer, inner).filter((hop) => hop.atMs < atMs);
      const last = done.at(-1);
      const step = last ? `${last.node} ${last.step}` : 'none';
      found.set(step, (found.get(step) ?? 0) + 1);
    }
  }
  return found;
}
