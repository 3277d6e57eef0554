/**
 * What detectors and costly masks do for one document, counted in steps of about a microsecond.
 * Counted and not timed: the same document ends the same way on every machine and every time.
 */
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';

export interface Work {
  /** Another pass over a document: nothing is done yet. */
  begin(): void;
  /** Errors: RESPONSE_REFUSED, beyond `documentStepsMax`. */
  add(steps: number): void;
}

export function createWork(): Work {
  let done = 0;
  return {
    begin() {
      done = 0;
    },
    add(steps) {
      done += steps;
      if (done <= limits.documentStepsMax) return;
      throw new SallyportError(
        'RESPONSE_REFUSED',
        `expected at most ${limits.documentStepsMax} steps of detectors and masks, got more`,
        {
          hint: 'answer in pages, or name fields of nothing but figures under detect.open',
        },
      );
    },
  };
}
