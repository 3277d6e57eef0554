/**
 * What patterns, detectors and costly masks do for one document, counted in steps of about a microsecond.
 * Counted and not timed: the same document ends the same way on every machine and every time.
 */
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';

export interface Work {
  /** Another pass over a document: nothing is done yet. */
  begin(stepsMax?: number): void;
  /** Errors: the code, beyond `documentStepsMax` or what the pass may do. */
  add(steps: number): void;
}

/** The code of an answer that costs too much, or of a request. */
export function createWork(code: 'RESPONSE_REFUSED' | 'REQUEST_TOO_LARGE'): Work {
  let done = 0;
  let most: number = limits.documentStepsMax;
  return {
    begin(stepsMax = limits.documentStepsMax) {
      done = 0;
      most = stepsMax;
    },
    add(steps) {
      done += steps;
      if (done <= most) return;
      throw new SallyportError(
        code,
        `expected at most ${most} steps of patterns, detectors and masks, got more`,
        { hint: hints[code] },
      );
    },
  };
}

const hints = {
  RESPONSE_REFUSED: 'answer in pages, or name fields of nothing but figures under detect.open',
  REQUEST_TOO_LARGE: 'send fewer values at a time, or write patterns with fewer parts that vary',
} as const;
