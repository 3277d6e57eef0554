/**
 * Where files are examined: a few places, and lines before them. Who asks must be done at some time, and who
 * is not by then, or could not be as things go, has no use for a place.
 *
 *   take ▶ in line ─ its turn ▶ examined ▶ left
 *     │        └ its time is over ▶ DEADLINE_PASSED
 *     └ no room, or the line takes longer than its time ▶ OVERLOADED
 */
import { SallyportError } from '../../errors.ts';
import { createLines } from '../../exchange/lines.ts';
import { createShares } from '../../exchange/shares.ts';
import { limits } from '../../limits.ts';

export interface Places {
  /**
   * Resolves when it may begin, with what ends it. `bytes`: what is in memory until then. `dueMs`: when its
   * time is over, on the clock that is never set. Errors: OVERLOADED, DEADLINE_PASSED.
   */
  take(consumer: string, bytes: number, dueMs: number): Promise<() => void>;
  /** Bodies that have no place yet. */
  readonly waiting: number;
}

/** `steady`: milliseconds on a clock that is never set. */
export function createPlaces(steady: () => number): Places {
  const room = createShares(limits.examinationsWaitingMax);
  const memory = createShares(limits.examinationsBytesMax);
  const places = createShares(limits.examinationsMax);
  const lines = createLines<() => void>();
  let usualMs = 0;

  const mayBegin = (consumer: string): boolean => places.fits(consumer);
  const leave = (consumer: string, bytes: number): void => {
    room.give(consumer);
    memory.give(consumer, bytes);
  };
  const begin = (consumer: string, bytes: number): (() => void) => {
    const startedMs = steady();
    places.take(consumer);
    return () => {
      usualMs += (steady() - startedMs - usualMs) * learning;
      places.give(consumer);
      leave(consumer, bytes);
      goOn();
    };
  };
  const goOn = (): void => {
    for (let next = lines.next(mayBegin); next; next = lines.next(mayBegin)) next();
  };
  const expectRoom = (consumer: string, bytes: number, leftMs: number): void => {
    const lineMs = (usualMs * (lines.before(consumer) + 1)) / limits.examinationsMax;
    const fits = room.fits(consumer) && memory.fits(consumer, bytes);
    if (fits && (mayBegin(consumer) || lineMs <= leftMs)) return;
    const message = fits
      ? `examinations that wait: ${lines.waiting}, of about ${Math.round(usualMs)} ms each`
      : `${consumer} has its share of examinations`;
    throw new SallyportError('OVERLOADED', message, { retryAfterMs: lineMs });
  };

  return {
    async take(consumer, bytes, dueMs) {
      expectTime(dueMs - steady());
      expectRoom(consumer, bytes, dueMs - steady());
      room.take(consumer);
      memory.take(consumer, bytes);
      if (mayBegin(consumer)) return begin(consumer, bytes);
      return new Promise((resolve, reject) => {
        const takeTurn = (): void => {
          clearTimeout(timer);
          resolve(begin(consumer, bytes));
        };
        const giveUp = (): void => {
          const leftMs = dueMs - steady();
          if (leftMs > 0) {
            timer = setTimeout(giveUp, leftMs).unref();
            return;
          }
          lines.leave(consumer, takeTurn);
          leave(consumer, bytes);
          reject(passed());
        };
        let timer = setTimeout(giveUp, dueMs - steady()).unref();
        lines.join(consumer, takeTurn);
      });
    },
    get waiting() {
      return lines.waiting;
    },
  };
}

/** Errors: DEADLINE_PASSED. */
export function expectTime(leftMs: number): void {
  if (leftMs <= 0) throw passed();
}

const passed = (): SallyportError =>
  new SallyportError('DEADLINE_PASSED', 'its files could not be examined in time', {
    hint: 'see how long scanners take: docs/operating/scanners.md',
  });

/** So much of the last examination is in what one usually takes. */
const learning = 0.2;
