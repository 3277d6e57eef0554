/** One measurement: calls to a pair or to the proxy, and what every process spent meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, type Child } from './child.ts';
import { cpuBetween, readCpu } from './cpu.ts';
import type { Round } from './exchange-figures.ts';
import type { LoadOpen, LoadResult } from './load.ts';
import type { BenchPair, Heads } from './pair.ts';
import { eventsAfter, stepTimes } from './steps.ts';

/** What measures. */
export interface Bed {
  readonly load: Child;
  /** Load generator and upstream: they share the processors. */
  readonly around: Readonly<Record<string, number>>;
}

/** Whatever answers calls. */
export interface Target extends Omit<LoadOpen, 'kind' | 'connections'> {
  readonly outer: string;
  readonly pids: Readonly<Record<string, number>>;
  readonly pair?: BenchPair;
}

const path = '/records/r-000001';

export function pairTarget(pair: BenchPair): Target {
  const { url, caFile, key, outer, pids } = pair;
  return { url, caFile, key, path, outer, pids, pair };
}

/** The proxy wears the certificate of the pair and gets the same calls. */
export function proxyTarget({ pair: _, ...ours }: Target, url: string, pid: number): Target {
  return { ...ours, url, pids: { proxy: pid } };
}

export async function measure(
  { load, around }: Bed,
  { pids, pair, url, caFile, key }: Target,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<Round> {
  await ask(load, { kind: 'open', url, caFile, key, path, connections } satisfies LoadOpen);
  const heads = await pair?.heads();
  const before = [readCpu(pids), readCpu(around)] as const;
  const result = await ask<LoadResult>(load, { kind: 'run', seconds });
  const after = [readCpu(pids), readCpu(around)] as const;
  return {
    load: result,
    cpu: cpuBetween(before[0], after[0]),
    aroundCpu: cpuBetween(before[1], after[1]),
    ...(pair && heads && (await tellingOf(pair, heads))),
  };
}

/** Until the movers have reported and the guards have written it down. */
const settleMs = 500;

/** What the nodes themselves say of the time since `before`. */
async function tellingOf(pair: BenchPair, before: Heads): Promise<Pick<Round, 'sealed' | 'steps'>> {
  const sealed = (await pair.heads()).sealed - before.sealed;
  await sleep(settleMs);
  const outer = await eventsAfter(pair.outer, before.audit.outer);
  const inner = await eventsAfter(pair.inner, before.audit.inner);
  const steps = stepTimes(outer, inner);
  return { sealed, ...(steps && { steps }) };
}
