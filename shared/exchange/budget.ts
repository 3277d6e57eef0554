/**
 * How much of something others may cause: so much at once, then so much a second. What is over it is for
 * the caller to leave, to count or to do later.
 */
export interface Budget {
  /** How many of `count` are within it; they are spent. */
  take(count: number, nowMs: number): number;
}

/** `nowMs` is of a clock that is never set. */
export function createBudget(atOnceMax: number, perSecond: number): Budget {
  let left = atOnceMax;
  let filledAtMs: number | undefined;
  return {
    take(count, nowMs) {
      const waitedMs = Math.max(0, nowMs - (filledAtMs ?? nowMs));
      filledAtMs = nowMs;
      left = Math.min(atOnceMax, left + (waitedMs * perSecond) / 1000);
      const taken = Math.min(count, Math.floor(left));
      left -= taken;
      return taken;
    },
  };
}
