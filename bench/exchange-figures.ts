/** From the rounds of an exchange bench to its figures. */
import type { CpuByProcess } from './cpu.ts';
import type { LoadResult } from './load.ts';
import { median } from './median.ts';

/** One measurement of the pair or of the proxy. CPU in nanoseconds. */
export interface Round {
  readonly load: LoadResult;
  readonly cpu: CpuByProcess;
  /** Load generator and upstream. */
  readonly aroundCpu: CpuByProcess;
  /** Packages sealed meanwhile, on both lanes. */
  readonly sealed: number;
}

/** Medians over the rounds. CPU is of both nodes together, all ten processes. */
export interface ExchangeFigures {
  readonly connections: number;
  readonly exchangesPerSec: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers of another status than 200, all rounds together. */
  readonly refused: number;
  readonly cpuUsPerExchange: number;
  /** Requests and answers for each signed package, both lanes together. */
  readonly messagesPerSignature: number;
  /** `outer/guard` → µs per exchange. */
  readonly byProcess: Readonly<Record<string, number>>;
  /** What measuring takes from the same processors: load generator and upstream, µs per exchange. */
  readonly around: Readonly<Record<string, number>>;
  readonly baseline: {
    readonly exchangesPerSec: number;
    readonly p50Ms: number;
    readonly p99Ms: number;
    readonly cpuUsPerExchange: number;
  };
  /** Exchanges of the pair for one of the baseline. */
  readonly ratio: number;
}

export function figuresOf(
  connections: number,
  ours: readonly Round[],
  theirs: readonly Round[],
): ExchangeFigures {
  return {
    ...timesOf(ours),
    connections,
    refused: ours.reduce((sum, { load }) => sum + load.refused, 0),
    messagesPerSignature: median(ours.map((round) => (2 * round.load.answered) / round.sealed)),
    byProcess: usByProcess(ours, 'cpu'),
    around: usByProcess(ours, 'aroundCpu'),
    baseline: timesOf(theirs),
    ratio: median(ours.map((round, at) => perSec(round) / perSec(theirs[at] ?? round))),
  };
}

function timesOf(rounds: readonly Round[]): ExchangeFigures['baseline'] {
  return {
    exchangesPerSec: median(rounds.map(perSec)),
    p50Ms: median(rounds.map(({ load }) => load.p50Ms)),
    p99Ms: median(rounds.map(({ load }) => load.p99Ms)),
    cpuUsPerExchange: median(rounds.map((round) => cpuUs(round.cpu, round))),
  };
}

function usByProcess(
  rounds: readonly Round[],
  whose: 'cpu' | 'aroundCpu',
): Readonly<Record<string, number>> {
  const names = Object.keys(rounds[0]?.[whose] ?? {});
  return Object.fromEntries(
    names.map((name) => [
      name,
      median(rounds.map((round) => cpuUs({ [name]: round[whose][name] ?? 0 }, round))),
    ]),
  );
}

const perSec = ({ load }: Round): number => (load.answered * 1000) / load.wallMs;

const cpuUs = (cpu: CpuByProcess, { load }: Round): number =>
  Object.values(cpu).reduce((sum, ns) => sum + ns, 0) / 1000 / load.answered;
