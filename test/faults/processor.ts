/** Whether a pair got the processor that it wanted, second by second, as the kernel counts it. */
import type { DemoPair } from '@sallyport/cli/demo/pair.ts';
import { processorTimeOf } from '@sallyport/shared/processes/processor-time.ts';
import { processesOf } from './world.ts';

export interface ProcessorWatch {
  /**
   * In no second from `reachMs` before `fromMs` until `toMs` (of `performance.now()`) the pair waited longer
   * for a processor than it ran: the machine is no excuse.
   */
  wasCalm(fromMs: number, toMs: number): boolean;
  /** It was so in all but a tenth of the time. */
  readonly calm: boolean;
  /** Looks once more, at what was since the last whole second. */
  stop(): void;
  /** How many seconds were watched, and how many of them were not calm. */
  readonly seconds: { readonly all: number; readonly starved: number };
}

/** A stall is felt later: in the queue that it made, and in the pace that is measured from it. */
const reachMs = 5_000;
const lookMs = 1_000;
/** Less is noise, whatever the ratio: nobody is turned away for it. */
const waitedMsMin = 250;

/** Watches the processes of both nodes, and this one, which is their callers and their service. */
export function watchProcessor({ outer, inner }: DemoPair): ProcessorWatch {
  const ends: number[] = [];
  const starvedEnds: number[] = [];
  const before = new Map<number, { readonly ranMs: number; readonly waitedMs: number }>();
  let lookedMs = performance.now();

  const look = (): void => {
    const nowMs = performance.now();
    let [ranMs, waitedMs] = [0, Math.max(0, nowMs - lookedMs - lookMs)];
    for (const pid of pidsOf(outer, inner)) {
      const now = processorTimeOf(pid);
      const then = before.get(pid);
      if (now) before.set(pid, now);
      ranMs += now && then ? now.ranMs - then.ranMs : 0;
      waitedMs += now && then ? now.waitedMs - then.waitedMs : 0;
    }
    lookedMs = nowMs;
    ends.push(nowMs);
    if (waitedMs > Math.max(ranMs, waitedMsMin)) starvedEnds.push(nowMs);
  };
  look();
  const timer = setInterval(look, lookMs);
  return {
    wasCalm: (fromMs, toMs) =>
      !starvedEnds.some((endMs) => endMs >= fromMs - reachMs && endMs <= toMs + 2 * lookMs),
    stop() {
      clearInterval(timer);
      look();
    },
    get calm() {
      return starvedEnds.length * 10 <= ends.length;
    },
    get seconds() {
      return { all: ends.length, starved: starvedEnds.length };
    },
  };
}

function pidsOf(...homes: readonly string[]): number[] {
  const pids = homes.flatMap((home) => {
    const { supervisor, processes } = processesOf(home);
    return [supervisor, ...Object.values(processes).map(({ pid }) => pid ?? 0)];
  });
  return [process.pid, ...pids];
}
