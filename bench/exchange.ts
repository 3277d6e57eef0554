/**
 * Exchanges per second of a whole pair, beside a bare reverse proxy to the same upstream, on this machine.
 * Load, both nodes, upstream and proxy share its processors; rounds alternate, medians are reported.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { control } from '@sallyport/cli/control.ts';
import {
  type DemoChannel,
  type DemoHsm,
  type DemoPair,
  startPair,
} from '@sallyport/cli/demo/pair.ts';
import { processNames } from '@sallyport/shared/config/home.ts';
import { type CpuByProcess, cpuBetween, readCpu } from './cpu.ts';
import type { LoadOrder, LoadResult } from './load.ts';
import { type Machine, machine } from './machine.ts';
import { median } from './median.ts';

export interface ExchangeOptions {
  readonly connections: readonly number[];
  readonly seconds: number;
  readonly rounds: number;
  readonly channel: DemoChannel;
  readonly hsm: DemoHsm;
  readonly say: (text: string) => void;
}

/** Medians over the rounds. CPU is of both nodes together, all ten processes. */
export interface ExchangeFigures {
  readonly connections: number;
  readonly exchangesPerSec: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly refused: number;
  readonly cpuUsPerExchange: number;
  readonly messagesPerSignature: number;
  /** `outer/guard` → µs per exchange. */
  readonly byProcess: Readonly<Record<string, number>>;
  readonly baseline: {
    readonly exchangesPerSec: number;
    readonly p50Ms: number;
    readonly p99Ms: number;
    readonly cpuUsPerExchange: number;
  };
  /** Exchanges of the pair for one of the baseline. */
  readonly ratio: number;
}

export interface ExchangeReport extends Machine {
  readonly hsm: string;
  readonly channel: DemoChannel;
  readonly seconds: number;
  readonly rounds: number;
  readonly figures: readonly ExchangeFigures[];
}

interface Round {
  readonly load: LoadResult;
  readonly cpu: CpuByProcess;
  readonly messagesPerSignature: number;
}

export async function benchExchange(options: ExchangeOptions): Promise<ExchangeReport> {
  const { say, channel, seconds, rounds } = options;
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
  const children: ChildProcess[] = [];
  let pair: DemoPair | undefined;
  try {
    const upstream = await startChild('upstream.ts', [], children);
    pair = await startPair({ dir, channel, hsm: options.hsm, say: () => {} });
    const key = await openRoute(dir, pair, upstream.url);
    const tls = ['key', 'pem'].map((kind) => join(dir, 'outer', 'tls', `edge.${kind}`));
    const proxy = await startChild('proxy.ts', [upstream.url, ...tls], children);
    const load = fork(join(import.meta.dirname, 'load.ts'));
    children.push(load);
    const target = { caFile: pair.caFile, key, path: '/records/r-000001', seconds };
    const figures: ExchangeFigures[] = [];
    for (const connections of options.connections) {
      const ours: Round[] = [];
      const theirs: Round[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const order = { ...target, connections };
        ours.push(await measurePair(pair, load, { ...order, url: pair.url }));
        theirs.push(await measureProxy(proxy.pid, load, { ...order, url: proxy.url }));
      }
      const figure = figuresOf(connections, ours, theirs);
      say(
        `${connections} connections: ${Math.round(figure.exchangesPerSec)}/s, ` +
          `p50 ${figure.p50Ms.toFixed(1)} ms, p99 ${figure.p99Ms.toFixed(1)} ms, ` +
          `${Math.round(figure.cpuUsPerExchange)} µs CPU, ratio ${figure.ratio.toFixed(2)}`,
      );
      figures.push(figure);
    }
    return { ...machine(), hsm: pair.hsm, channel, seconds, rounds, figures };
  } finally {
    await pair?.stop();
    for (const child of children) child.kill();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Applies the bench's policy, with one consumer; returns its key. */
async function openRoute(dir: string, pair: DemoPair, upstream: string): Promise<string> {
  const policyDir = join(dir, 'policy');
  cpSync(join(import.meta.dirname, 'policy'), policyDir, { recursive: true });
  const file = join(policyDir, 'policy.yaml');
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replaceAll('http://127.0.0.1:9100', upstream));
  const key = await pair.sallyport('consumer', 'key', 'issue', 'load', '--dir', pair.inner);
  await pair.sallyport('policy', 'apply', file, '--dir', pair.inner);
  while (!(await fetch(`${pair.managementUrls[0]}/readyz`)).ok) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return key.trim();
}

async function measurePair(pair: DemoPair, load: ChildProcess, order: LoadOrder): Promise<Round> {
  const pids = { ...pidsOf(pair.outer, 'outer'), ...pidsOf(pair.inner, 'inner') };
  const [headBefore, before] = [await headOf(pair.outer), readCpu(pids)];
  const result = await drive(load, order);
  const [after, headAfter] = [readCpu(pids), await headOf(pair.outer)];
  return {
    load: result,
    cpu: cpuBetween(before, after),
    messagesPerSignature: (result.answered + result.refused) / Math.max(1, headAfter - headBefore),
  };
}

async function measureProxy(pid: number, load: ChildProcess, order: LoadOrder): Promise<Round> {
  const before = readCpu({ proxy: pid });
  const result = await drive(load, order);
  return {
    load: result,
    cpu: cpuBetween(before, readCpu({ proxy: pid })),
    messagesPerSignature: 0,
  };
}

/** Process ids as the supervisor keeps them. */
function pidsOf(dir: string, role: string): Record<string, number> {
  const file = JSON.parse(readFileSync(join(dir, 'run', 'processes.json'), 'utf8'));
  return Object.fromEntries(
    processNames.map((name) => [`${role}/${name}`, Number(file.processes[name]?.pid ?? 0)]),
  );
}

/** Packages that the node has sent on its lane. */
async function headOf(dir: string): Promise<number> {
  const { head } = await control(dir, 'status');
  const { processes } = head as {
    processes: { name: string; told?: { lanes?: { out: { head: number }[] } } }[];
  };
  return processes.find(({ name }) => name === 'guard')?.told?.lanes?.out[0]?.head ?? 0;
}

function drive(load: ChildProcess, order: LoadOrder): Promise<LoadResult> {
  return new Promise((resolve) => {
    load.once('message', (done) => resolve(done as LoadResult));
    load.send(order);
  });
}

function startChild(
  file: string,
  args: readonly string[],
  children: ChildProcess[],
): Promise<{ url: string; pid: number }> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, file), args);
    children.push(child);
    child.once('error', reject);
    child.once('message', (ready) =>
      resolve({ ...(ready as { url: string }), pid: child.pid ?? 0 }),
    );
  });
}

function figuresOf(connections: number, ours: Round[], theirs: Round[]): ExchangeFigures {
  const perSec = (round: Round): number => (round.load.answered * 1000) / round.load.wallMs;
  const cpuUs = (round: Round): number =>
    Object.values(round.cpu).reduce((sum, ns) => sum + ns, 0) / 1000 / round.load.answered;
  const names = Object.keys(ours[0]?.cpu ?? {});
  const byProcess = Object.fromEntries(
    names.map((name) => [
      name,
      median(ours.map((round) => (round.cpu[name] ?? 0) / 1000 / round.load.answered)),
    ]),
  );
  return {
    connections,
    exchangesPerSec: median(ours.map(perSec)),
    p50Ms: median(ours.map((round) => round.load.p50Ms)),
    p99Ms: median(ours.map((round) => round.load.p99Ms)),
    refused: ours.reduce((sum, round) => sum + round.load.refused, 0),
    cpuUsPerExchange: median(ours.map(cpuUs)),
    messagesPerSignature: median(ours.map((round) => round.messagesPerSignature)),
    byProcess,
    baseline: {
      exchangesPerSec: median(theirs.map(perSec)),
      p50Ms: median(theirs.map((round) => round.load.p50Ms)),
      p99Ms: median(theirs.map((round) => round.load.p99Ms)),
      cpuUsPerExchange: median(theirs.map(cpuUs)),
    },
    ratio: median(ours.map((round, at) => perSec(round) / perSec(theirs[at] ?? round))),
  };
}
