/** From the rounds of an exchange bench to its figures. */
import type { CpuByProcess } from './cpu.ts';
import type { LoadResult } from './load.ts';
import { median } from './median.ts';
import { type StepTimes, stepNames } from './steps.ts';

/** One measurement of a pair or of the proxy. CPU in nanoseconds. */
export interface Round {
  readonly load: LoadResult;
  readonly cpu: CpuByProcess;
  /** Load generator and upstream. */
  readonly aroundCpu: CpuByProcess;
  /** Packages sealed meanwhile, on both lanes. */
  readonly sealed?: number;
  readonly steps?: StepTimes;
}

interface Times {
  readonly exchangesPerSec: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuUsPerExchange: number;
}

/** Medians over the rounds. CPU is of both nodes together, all ten processes. */
export interface PairFigures extends Times {
  readonly connections: number;
  /** Answers of another status than 200, all rounds together. */
  readonly refused: number;
  /** Requests and answers for each signed package, both lanes together. */
  readonly messagesPerSignature: number;
  /** `outer/guard` → µs per exchange. */
  readonly byProcess: Readonly<Record<string, number>>;
  /** What measuring takes from the same processors: load generator and upstream, µs per exchange. */
  readonly around: Readonly<Record<string, number>>;
  /** Step → mean ms of an exchange, of the last round. */
  readonly steps: Readonly<Record<string, number>>;
}

export interface ExchangeFigures extends PairFigures {
  readonly baseline: Times;
  /** Exchanges of the pair for one of the baseline. */
  readonly ratio: number;
}

/** Another pair. `usual`: exchanges/s of the usual one, in turn with it. */
export interface Comparison extends PairFigures {
  readonly name: string;
  readonly usual: number;
}

export function exchangeFigures(
  connections: number,
  ours: readonly Round[],
  theirs: readonly Round[],
): ExchangeFigures {
  return {
    ...pairFigures(connections, ours),
    baseline: timesOf(theirs),
    ratio: median(ours.map((round, at) => perSec(round) / perSec(theirs[at] ?? round))),
  };
}

export function pairFigures(connections: number, rounds: readonly Round[]): PairFigures {
  const means = rounds.at(-1)?.steps?.meanMs ?? [];
  return {
    ...timesOf(rounds),
    connections,
    refused: rounds.reduce((sum, { load }) => sum + load.refused, 0),
    messagesPerSignature: median(
      rounds.map(({ load, sealed = 0 }) => (2 * load.answered) / Math.max(1, sealed)),
    ),
    byProcess: usByProcess(rounds, 'cpu'),
    around: usByProcess(rounds, 'aroundCpu'),
    steps: Object.fromEntries(means.map((ms, at) => [stepNames[at] ?? String(at), ms])),
  };
}

function timesOf(rounds: readonly Round[]): Times {
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
