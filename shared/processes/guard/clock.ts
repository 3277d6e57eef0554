/**
 * What the guard knows of clocks: whether this machine's was set, and how far the peer's is from it.
 *
 *   Date.now ───┐ run apart ▶ it was set: recorded
 *   steady ─────┘
 *   createdAtMs of each package ─ its arrival here ▶ the peer's clock is ahead, or behind, by so much
 *
 * A package cannot come before it was made, so "ahead" is certain. "Behind" may be a long way: there the
 * youngest of the last packages counts, and only on a channel that is fast.
 */
import { limits } from '../../limits.ts';

/** How the clocks of two nodes stand. */
export interface ClockStatus {
  /** The peer's clock minus this one's, as the last packages show it; absent where none came lately. */
  readonly peerAheadMs?: number;
  /** They differ by more than `limits.clockApartMs`. */
  readonly apart: boolean;
}

export interface ClockOptions {
  readonly now: () => number;
  /** Milliseconds on a clock that is never set. */
  readonly steady: () => number;
  /** True where packages may lie on their way for long. */
  readonly slow: boolean;
  /** When the last block of the audit chain was made, where there is one. */
  readonly lastKnownMs: number | undefined;
  /** The clock of this machine was set forward, or back (negative). */
  readonly wasSet: (byMs: number) => void;
  /** The clocks came apart (true), or are together again. */
  readonly changed: (apart: boolean, peerAheadMs: number) => void;
}

export interface Clock {
  /** Compares the clocks of this machine; call it often. */
  look(): void;
  /** An authentic package of the peer came. */
  heard(createdAtMs: number): void;
  status(): ClockStatus;
}

interface Sample {
  readonly aheadMs: number;
  readonly atMs: number;
}

export function createClock(options: ClockOptions): Clock {
  const { now, steady, slow, lastKnownMs, wasSet, changed } = options;
  let offsetMs = now() - steady();
  let samples: Sample[] = [];
  let apart = false;
  if (lastKnownMs !== undefined && lastKnownMs - now() > limits.clockSetMs) {
    wasSet(now() - lastKnownMs);
  }

  const peerAheadMs = (): number | undefined => {
    const sinceMs = steady() - (slow ? limits.clockSampleSlowMs : limits.clockSampleMs);
    samples = samples.filter(({ atMs }) => atMs >= sinceMs);
    if (samples.length === 0) return undefined;
    const aheadMs = Math.max(...samples.map((one) => one.aheadMs));
    return slow ? Math.max(aheadMs, 0) : aheadMs;
  };
  const judge = (): void => {
    const aheadMs = peerAheadMs() ?? 0;
    const isApart = Math.abs(aheadMs) > limits.clockApartMs;
    if (isApart === apart) return;
    apart = isApart;
    changed(apart, aheadMs);
  };

  return {
    look() {
      const byMs = now() - steady() - offsetMs;
      if (Math.abs(byMs) > limits.clockSetMs) {
        offsetMs += byMs;
        // What was measured by the former time says nothing any more.
        samples = [];
        wasSet(byMs);
      }
      judge();
    },
    heard(createdAtMs) {
      samples.push({ aheadMs: createdAtMs - now(), atMs: steady() });
      if (samples.length > limits.clockSamplesMax) samples.shift();
      judge();
    },
    status() {
      const aheadMs = peerAheadMs();
      return { ...(aheadMs !== undefined && { peerAheadMs: Math.round(aheadMs) }), apart };
    },
  };
}
