/**
 * Exchanges per second of a whole pair, beside a bare reverse proxy to the same upstream, on this machine.
 * Load, both nodes, upstream and proxy share its processors; rounds alternate, medians are reported.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DemoChannel, DemoHsm } from '@sallyport/cli/demo/pair.ts';
import { ask, type Child, startChild, told } from './child.ts';
import { cpuBetween, readCpu } from './cpu.ts';
import { type ExchangeFigures, figuresOf, type Round } from './exchange-figures.ts';
import type { LoadOpen, LoadResult } from './load.ts';
import { type Machine, machine } from './machine.ts';
import { type BenchPair, startBenchPair } from './pair.ts';

export interface ExchangeOptions {
  readonly connections: readonly number[];
  readonly seconds: number;
  readonly rounds: number;
  readonly channel: DemoChannel;
  readonly hsm: DemoHsm;
  readonly say: (text: string) => void;
}

/** The figures of the most connections stand by themselves; `figures` has all. */
export interface ExchangeReport extends Machine, ExchangeFigures {
  readonly hsm: string;
  readonly channel: DemoChannel;
  readonly seconds: number;
  readonly rounds: number;
  readonly figures: readonly ExchangeFigures[];
}

/** Whatever answers calls: the pair or the proxy. */
interface Target extends Omit<LoadOpen, 'kind' | 'connections'> {
  readonly pids: Readonly<Record<string, number>>;
  readonly sealed: () => Promise<number>;
}

const path = '/records/r-000001';

export async function benchExchange(options: ExchangeOptions): Promise<ExchangeReport> {
  const { say, channel, hsm, seconds, rounds } = options;
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
  const children: Child[] = [];
  const child = (file: string, ...args: string[]): Child => {
    const started = startChild(file, args);
    children.push(started);
    return started;
  };
  let pair: BenchPair | undefined;
  try {
    const upstream = child('upstream.ts');
    const { url } = await told<{ url: string }>(upstream);
    pair = await startBenchPair({ dir, channel, hsm, upstream: url });
    const load = child('load.ts');
    const ours: Target = { ...pair, path };
    const theirs = await proxyTo(child, url, pair.outer, ours);
    const around = { load: load.pid, upstream: upstream.pid };
    await measure(load, ours, around, { connections: 64, seconds: warmUpSeconds });
    await measure(load, theirs, around, { connections: 64, seconds: 1 });
    const figures: ExchangeFigures[] = [];
    for (const connections of options.connections) {
      const pairRounds: Round[] = [];
      const proxyRounds: Round[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const order = { connections, seconds };
        pairRounds.push(await measure(load, ours, around, order));
        proxyRounds.push(await measure(load, theirs, around, { ...order, seconds: seconds / 2 }));
      }
      const figure = figuresOf(connections, pairRounds, proxyRounds);
      say(lineOf(figure));
      figures.push(figure);
    }
    const most = figures.reduce((a, b) => (b.connections > a.connections ? b : a));
    return { ...machine(), hsm: pair.hsm, channel, seconds, rounds, ...most, figures };
  } finally {
    await pair?.stop();
    for (const { process } of children) process.kill();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Until the code of all processes is compiled. */
const warmUpSeconds = 3;

async function proxyTo(
  child: (file: string, ...args: string[]) => Child,
  upstream: string,
  outer: string,
  ours: Target,
): Promise<Target> {
  const tls = ['key', 'pem'].map((kind) => join(outer, 'tls', `edge.${kind}`));
  const proxy = child('proxy.ts', upstream, ...tls);
  const { url } = await told<{ url: string }>(proxy);
  return { ...ours, url, pids: { proxy: proxy.pid }, sealed: async () => 0 };
}

async function measure(
  load: Child,
  { pids, sealed, ...target }: Target,
  around: Readonly<Record<string, number>>,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<Round> {
  const { url, caFile, key } = target;
  await ask(load, { kind: 'open', url, caFile, key, path, connections } satisfies LoadOpen);
  const sealedBefore = await sealed();
  const before = [readCpu(pids), readCpu(around)] as const;
  const result = await ask<LoadResult>(load, { kind: 'run', seconds });
  const after = [readCpu(pids), readCpu(around)] as const;
  return {
    load: result,
    cpu: cpuBetween(before[0], after[0]),
    aroundCpu: cpuBetween(before[1], after[1]),
    sealed: (await sealed()) - sealedBefore,
  };
}

function lineOf(figure: ExchangeFigures): string {
  return (
    `${figure.connections} connections: ${Math.round(figure.exchangesPerSec)}/s, ` +
    `p50 ${figure.p50Ms.toFixed(1)} ms, p99 ${figure.p99Ms.toFixed(1)} ms, ` +
    `${Math.round(figure.cpuUsPerExchange)} µs CPU, ` +
    `${figure.messagesPerSignature.toFixed(1)} messages/signature, ratio ${figure.ratio.toFixed(2)}`
  );
}
