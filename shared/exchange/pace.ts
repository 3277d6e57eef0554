/**
 * How fast the answers of each flow come, and so how long a new call would wait behind those before it.
 *
 *   expected wait = calls that wait ÷ answers per ms
 *
 * Only a queue tells how fast answers can come: the pace is taken over windows in which calls waited all the
 * time. A burst after quiet has no pace yet and is let in. A flow without any answer has none either: its way
 * is interrupted, not crowded, and its calls wait for it as long as there is room for them.
 */
import { limits } from '../limits.ts';

export interface Pace {
  /** How long a call of this flow waits behind those before it, ms; undefined where nothing tells. */
  waitMs(flow: string, nowMs: number): number | undefined;
  entered(flow: string, holder: string, nowMs: number): void;
  /** `answered`: it went because its work was done, not because it was given up or turned away. */
  left(flow: string, holder: string, answered: boolean, nowMs: number): void;
  /**
   * 0 where a call may come in, else how long to stay away, ms: those before it would need more than half of
   * the time that it may wait, and its holder has at least as many of them as the others have on average.
   */
  crowdedMs(flow: string, holder: string, mayWaitMs: number, nowMs: number): number;
}

interface Queue {
  waiting: number;
  readonly holders: Map<string, number>;
  sinceMs: number;
  answers: number;
  /** Fewest that waited in this window, which begins anew when the calls become a queue. */
  lowest: number;
  /** Of the last whole window; undefined where it tells nothing. */
  answersPerMs: number | undefined;
}

export function createPace(): Pace {
  const queues = new Map<string, Queue>();

  const waitMs = (flow: string, nowMs: number): number | undefined => {
    const queue = queues.get(flow);
    if (!queue) return undefined;
    roll(queue, nowMs);
    return queue.answersPerMs && queue.waiting / queue.answersPerMs;
  };
  return {
    waitMs,
    entered(flow, holder, nowMs) {
      const queue = queues.get(flow) ?? emptyQueue(nowMs);
      queues.set(flow, queue);
      roll(queue, nowMs);
      queue.waiting += 1;
      if (queue.waiting === limits.paceWaitingMin) open(queue, nowMs);
      queue.holders.set(holder, (queue.holders.get(holder) ?? 0) + 1);
    },
    left(flow, holder, answered, nowMs) {
      const queue = queues.get(flow);
      if (!queue) return;
      roll(queue, nowMs);
      if (answered) queue.answers += 1;
      queue.waiting -= 1;
      queue.lowest = Math.min(queue.lowest, queue.waiting);
      const held = (queue.holders.get(holder) ?? 0) - 1;
      if (held <= 0) queue.holders.delete(holder);
      else queue.holders.set(holder, held);
      if (queue.waiting <= 0) queues.delete(flow);
    },
    crowdedMs(flow, holder, mayWaitMs, nowMs) {
      const expectedMs = waitMs(flow, nowMs);
      const queue = queues.get(flow);
      if (!queue || expectedMs === undefined || queue.waiting < limits.paceWaitingMin) return 0;
      const average = queue.waiting / queue.holders.size;
      const greedy = (queue.holders.get(holder) ?? 0) >= average;
      return greedy ? Math.max(0, expectedMs - mayWaitMs / 2) : 0;
    },
  };
}

/** Closes the window when it has seen enough, or its time is over. */
function roll(queue: Queue, nowMs: number): void {
  const elapsedMs = nowMs - queue.sinceMs;
  const enough = queue.answers >= limits.paceAnswersMin;
  if (elapsedMs < (enough ? limits.paceWindowMs : limits.paceWindowMsMax)) return;
  const tells = queue.answers > 0 && queue.lowest >= limits.paceWaitingMin;
  queue.answersPerMs = tells ? queue.answers / elapsedMs : undefined;
  open(queue, nowMs);
}

function open(queue: Queue, nowMs: number): void {
  queue.sinceMs = nowMs;
  queue.answers = 0;
  queue.lowest = queue.waiting;
}

const emptyQueue = (nowMs: number): Queue => ({
  ...{ waiting: 0, holders: new Map(), sinceMs: nowMs, answers: 0, lowest: 0 },
  answersPerMs: undefined,
});
