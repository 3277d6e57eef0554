/**
 * Exchanges per second of a whole pair, on this machine, beside a bare reverse proxy to the same upstream,
 * beside the same pair with batches of one, and with the other channel and the other keys. Load, nodes,
 * upstream and proxy share its processors; rounds alternate, medians are reported.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DemoChannel, DemoHsm } from '@sallyport/cli/demo/pair.ts';
import { findSoftHsm } from '@sallyport/cli/demo/softhsm.ts';
import { type ChainFigures, measureChain } from './chain.ts';
import { ask, type Child, startChild, told } from './child.ts';
import {
  type Comparison,
  type ExchangeFigures,
  exchangeFigures,
  pairFigures,
  type Round,
} from './exchange-figures.ts';
import { type Machine, machine } from './machine.ts';
import { type Bed, measure, pairTarget, proxyTarget, type Target } from './measure.ts';
import { type BenchPairOptions, startBenchPair } from './pair.ts';

export interface ExchangeOptions {
  readonly connections: readonly number[];
  readonly seconds: number;
  readonly rounds: number;
  readonly channel: DemoChannel;
  readonly hsm: DemoHsm;
  /** Beside the other pairs too, not the proxy alone. */
  readonly compare: boolean;
  readonly say: (text: string) => void;
}

/** The figures of the most connections stand by themselves; `figures` has all. */
export interface ExchangeReport extends Machine, ExchangeFigures {
  readonly hsm: string;
  readonly channel: DemoChannel;
  readonly seconds: number;
  readonly rounds: number;
  readonly figures: readonly ExchangeFigures[];
  /** What one call alone must cost; absent where none was measured. */
  readonly chain?: ChainFigures;
  /** Measured with one connection and with the most. */
  readonly comparisons: readonly Comparison[];
}

/** What starts during a bench, and ends with it. */
interface Stage {
  readonly dir: string;
  readonly bed: Bed;
  readonly upstream: string;
  child(file: string, ...args: string[]): Child;
  /** Runs `work` with a pair that is warm. */
  withPair<T>(
    options: Omit<BenchPairOptions, 'dir' | 'upstream'>,
    work: (target: Target, hsm: string) => Promise<T>,
  ): Promise<T>;
}

export async function benchExchange(options: ExchangeOptions): Promise<ExchangeReport> {
  const { channel, hsm, seconds, rounds } = options;
  const most = Math.max(...options.connections);
  return onStage(most, (stage) =>
    stage.withPair({ channel, hsm }, async (ours, kept) => {
      const tls = ['key', 'pem'].map((kind) => join(ours.outer, 'tls', `edge.${kind}`));
      const proxy = stage.child('proxy.ts', stage.upstream, ...tls);
      const { url } = await told<{ url: string }>(proxy);
      const theirs = proxyTarget(ours, url, proxy.pid);
      await warmUp(stage.bed, theirs, most);
      const figures = await besideProxy(stage, options, ours, theirs);
      const chain = options.connections.includes(1)
        ? await measureChain(mkdtempSync(join(stage.dir, 'chain-')), kept, rounds, stage.child)
        : undefined;
      const comparisons = options.compare ? await compare(stage, options, ours, kept) : [];
      const busiest = figures.reduce((a, b) => (b.connections > a.connections ? b : a));
      const about = { ...machine(), hsm: kept, channel, seconds, rounds };
      return { ...about, ...busiest, figures, ...(chain && { chain }), comparisons };
    }),
  );
}

async function besideProxy(
  { bed }: Stage,
  options: ExchangeOptions,
  ours: Target,
  theirs: Target,
): Promise<ExchangeFigures[]> {
  const figures: ExchangeFigures[] = [];
  for (const connections of options.connections) {
    const pairRounds: Round[] = [];
    const proxyRounds: Round[] = [];
    for (let round = 0; round < options.rounds; round += 1) {
      const order = { connections, seconds: options.seconds };
      pairRounds.push(await measure(bed, ours, order));
      proxyRounds.push(await measure(bed, theirs, { ...order, seconds: order.seconds / 2 }));
    }
    const figure = exchangeFigures(connections, pairRounds, proxyRounds);
    options.say(`${connections} connections: ${lineOf(figure)}, ratio ${figure.ratio.toFixed(2)}`);
    figures.push(figure);
  }
  return figures;
}

/** Each other pair in turn with this one, so that both meet the same machine. */
async function compare(
  stage: Stage,
  options: ExchangeOptions,
  ours: Target,
  hsm: string,
): Promise<Comparison[]> {
  const { channel } = options;
  const otherHsm = hsm === 'soft' ? 'softhsm' : 'soft';
  const otherChannel = channel === 'link' ? 'directory' : 'link';
  const hasOtherHsm = otherHsm === 'soft' || (await findSoftHsm()) !== undefined;
  const others: (readonly [name: string, options: Parameters<Stage['withPair']>[0]])[] = [
    ['batches of one', { channel, hsm: options.hsm, messagesMax: 1 }],
    [`channel ${otherChannel}`, { channel: otherChannel, hsm: options.hsm }],
    ...(hasOtherHsm ? [[`keys in ${otherHsm}`, { channel, hsm: otherHsm }] as const] : []),
  ];
  const { connections } = options;
  const counts = [...new Set([Math.min(...connections), Math.max(...connections)])];
  const comparisons: Comparison[] = [];
  for (const [name, other] of others) {
    const figures = await stage.withPair(other, (target) =>
      turnByTurn(stage.bed, options, counts, ours, target),
    );
    for (const { usual, figure } of figures) {
      options.say(`${name}, ${figure.connections} connections: ${lineOf(figure)}`);
      comparisons.push({ ...figure, name, usual });
    }
  }
  return comparisons;
}

async function turnByTurn(
  bed: Bed,
  { seconds, rounds }: ExchangeOptions,
  counts: readonly number[],
  ours: Target,
  target: Target,
) {
  const found = [];
  for (const connections of counts) {
    const usual: Round[] = [];
    const others: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      usual.push(await measure(bed, ours, { connections, seconds: seconds / 2 }));
      others.push(await measure(bed, target, { connections, seconds }));
    }
    const figure = pairFigures(connections, others);
    found.push({ usual: pairFigures(connections, usual).exchangesPerSec, figure });
  }
  return found;
}

async function onStage<T>(most: number, work: (stage: Stage) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
  const children: Child[] = [];
  const child: Stage['child'] = (file, ...args) => {
    const started = startChild(file, args);
    children.push(started);
    return started;
  };
  try {
    const [upstream, load] = [child('upstream.ts'), child('load.ts')];
    const { url } = await told<{ url: string }>(upstream);
    const bed: Bed = { load, around: { load: load.pid, upstream: upstream.pid } };
    let pairs = 0;
    return await work({
      ...{ dir, bed, upstream: url, child },
      async withPair(options, use) {
        pairs += 1;
        const home = join(dir, String(pairs));
        const pair = await startBenchPair({ ...options, dir: home, upstream: url });
        try {
          const target = pairTarget(pair);
          await warmUp(bed, target, most);
          return await use(target, pair.hsm);
        } finally {
          await ask(load, { kind: 'leave' });
          await pair.stop();
        }
      },
    });
  } finally {
    for (const { process } of children) process.kill();
    rmSync(dir, { recursive: true, force: true });
  }
}

/**
 * Calls until the code of all processes is compiled: a node runs for months, so what is measured is how it
 * runs then. Steady is when several windows in a row cost hardly less CPU than the cheapest before them: one
 * alone may only have met a busy machine.
 */
async function warmUp(bed: Bed, target: Target, connections: number): Promise<void> {
  let cheapest = Number.POSITIVE_INFINITY;
  let since = 0;
  for (let window = 0; window < warmUpWindowsMax && since < steadyWindows; window += 1) {
    const round = await measure(bed, target, { connections, seconds: warmUpSeconds });
    const { cpuUsPerExchange } = pairFigures(connections, [round]);
    since = cpuUsPerExchange < cheapest * steady ? 0 : since + 1;
    cheapest = Math.min(cheapest, cpuUsPerExchange);
  }
}

const warmUpSeconds = 5;
const warmUpWindowsMax = 16;
const steadyWindows = 3;
const steady = 0.97;

function lineOf(figure: Omit<ExchangeFigures, 'baseline' | 'ratio'>): string {
  return (
    `${Math.round(figure.exchangesPerSec)}/s, ` +
    `p50 ${figure.p50Ms.toFixed(1)} ms, p99 ${figure.p99Ms.toFixed(1)} ms, ` +
    `${Math.round(figure.cpuUsPerExchange)} µs CPU, ` +
    `${figure.messagesPerSignature.toFixed(1)} messages/signature`
  );
}
