/**
 * Which signatures were used. A signature counts for one exchange; the same exchange may show it
 * again, which happens when a process was lost on the way. Bounded, and shared fairly: who signs
 * much cannot crowd out others.
 */
import { SallyportError } from '../errors.ts';
import { createShares } from '../exchange/shares.ts';
import { limits } from '../limits.ts';
import type { SignatureUse } from './signature.ts';

/** As the store keeps it. */
export interface RecordedUse extends SignatureUse {
  readonly consumer: string;
  /** The exchange. */
  readonly id: string;
}

export interface Replays {
  /**
   * Errors: SIGNATURE_REPLAYED, OVERLOADED where the consumer has its share of what is
   * remembered.
   */
  take(use: RecordedUse): void;
  /** Forgets what is too old to be shown again. */
  sweep(nowMs: number): void;
  readonly size: number;
}

/** Starts with what the store remembers. */
export function createReplays(known: readonly RecordedUse[]): Replays {
  const ids = new Map<string, string>();
  const shares = createShares(limits.signatureUsesMax);
  /** Minute of their end ▶ uses. */
  const ends = new Map<number, RecordedUse[]>();

  const put = (use: RecordedUse): void => {
    ids.set(use.key, use.id);
    shares.take(use.consumer);
    const minute = Math.floor(use.untilMs / minuteMs);
    const uses = ends.get(minute);
    if (uses) uses.push(use);
    else ends.set(minute, [use]);
  };
  for (const use of known) put(use);

  return {
    take(use) {
      const before = ids.get(use.key);
      if (before === use.id) return;
      if (before !== undefined) {
        throw new SallyportError(
          'SIGNATURE_REPLAYED',
          'expected a nonce that was not used before',
          {
            hint: 'each request needs a nonce of its own, also when it is repeated',
          },
        );
      }
      if (!shares.fits(use.consumer)) {
        throw new SallyportError('OVERLOADED', `${use.consumer} has its share of signatures`);
      }
      put(use);
    },
    sweep(nowMs) {
      for (const [minute, uses] of ends) {
        if ((minute + 1) * minuteMs > nowMs) continue;
        ends.delete(minute);
        for (const { key, consumer } of uses) {
          ids.delete(key);
          shares.give(consumer);
        }
      }
    },
    get size() {
      return ids.size;
    },
  };
}

const minuteMs = 60_000;
