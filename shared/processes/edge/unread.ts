/**
 * Answers that are not taken. One sweep looks after all: a call whose answer is gone in a moment, as
 * nearly every one is, costs no timer.
 */
import type { ServerResponse } from 'node:http';
import type { EdgeLimits } from './limits.ts';

export interface Unread {
  readonly res: ServerResponse;
  readonly stage: string;
  readonly heldBytes: number;
}

/**
 * Cuts off whose answer stands still for `edgeRequestTimeoutMs`, or comes away at less than
 * `edgeAnswerBytesPerSecondMin` after that time: a caller that reads a byte now and then is no better.
 */
export function watchUnread<Call extends Unread>(
  calls: ReadonlySet<Call>,
  bounds: EdgeLimits,
  cutOff: (call: Call) => void,
): { stop(): void } {
  const sinceMs = new WeakMap<Call, number>();
  const sweep = (): void => {
    const nowMs = performance.now();
    for (const call of calls) {
      // An answer behind another one on its connection has no socket yet: its turn has not come.
      if (call.stage !== 'answered' || !call.res.socket) continue;
      const since = sinceMs.get(call);
      if (since === undefined) {
        sinceMs.set(call, nowMs);
        call.res.socket.setTimeout(bounds.edgeRequestTimeoutMs);
      } else if (nowMs - since > timeFor(call.heldBytes, bounds)) {
        cutOff(call);
      }
    }
  };
  const timer = setInterval(sweep, bounds.edgeTimeoutsCheckMs).unref();
  return { stop: () => clearInterval(timer) };
}

function timeFor(bytes: number, bounds: EdgeLimits): number {
  return bounds.edgeRequestTimeoutMs + (bytes / bounds.edgeAnswerBytesPerSecondMin) * 1000;
}
