/**
 * The receiving end of a lane: which sequence numbers came, and whether the next package may come.
 *
 *   1 2 3 4 │ . 6 7 . . │ ← window → │
 *           ▲ contiguous   beyond = {6, 7}   missing = {5}
 *
 * Pure state; the guard keeps it in step with the store. docs/spec/exchange.md §Lanes is the norm.
 */
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';

/** Link to the package before the first one on a lane. */
export const zeroDigest = '0'.repeat(64);

/** What the receiver needs to know of a package to place it on its lane. */
export interface LanePlace {
  readonly sequence: number;
  /** SHA-256 (hex) of this package's manifest.p7m. */
  readonly digest: string;
  /** SHA-256 (hex) of the manifest.p7m before it. */
  readonly previous: string;
}

export interface ReceivingLane {
  readonly contiguous: number;
  readonly beyond: readonly number[];
  /** Highest sequence known to exist: received, or stated by a heartbeat. */
  readonly head: number;
  /**
   * Refuses a package that must not be accepted; returns where it may.
   * Errors in check order: LANE_FORK (same sequence, other content), LANE_REPLAY (was accepted before),
   * LANE_WINDOW (too far ahead: will be asked for again), LANE_CHAIN (does not continue its neighbours).
   */
  judge(place: LanePlace): void;
  /** Takes the place after the store has it. */
  accept(place: LanePlace): void;
  /** Learns from a heartbeat how far the sender has come. */
  noteHead(head: number): void;
  /** Sequences that exist but did not come, ascending, at most `count`. */
  missing(count: number): number[];
}

/** `digestOf` looks a place up in the store when it is older than what memory holds. */
export function createReceivingLane(
  stored: { contiguous: number; beyond: readonly number[] },
  placeOf: (sequence: number) => Omit<LanePlace, 'sequence'> | undefined,
): ReceivingLane {
  let contiguous = stored.contiguous;
  const beyond = new Set(stored.beyond);
  let head = Math.max(contiguous, ...beyond);
  const recent = new Map<number, Omit<LanePlace, 'sequence'>>();

  const placed = (sequence: number): Omit<LanePlace, 'sequence'> | undefined =>
    recent.get(sequence) ?? placeOf(sequence);

  const judgeChain = (place: LanePlace): void => {
    const before = place.sequence === 1 ? zeroDigest : placed(place.sequence - 1)?.digest;
    const after = placed(place.sequence + 1)?.previous;
    if (before !== undefined && before !== place.previous) {
      throw new SallyportError(
        'LANE_CHAIN',
        `package ${place.sequence} does not continue the lane`,
      );
    }
    if (after !== undefined && after !== place.digest) {
      throw new SallyportError('LANE_CHAIN', `package ${place.sequence} does not precede its next`);
    }
  };

  return {
    get contiguous() {
      return contiguous;
    },
    get beyond() {
      return [...beyond].sort((a, b) => a - b);
    },
    get head() {
      return head;
    },
    judge(place) {
      const { sequence, digest } = place;
      if (sequence <= contiguous || beyond.has(sequence)) {
        // Of what was forgotten, only that it came is known.
        const known = placed(sequence);
        if (!known || known.digest === digest) {
          throw new SallyportError('LANE_REPLAY', `package ${sequence} was accepted before`);
        }
        throw new SallyportError('LANE_FORK', `sequence ${sequence} was used for another package`);
      }
      if (sequence > contiguous + limits.laneWindowMax) {
        throw new SallyportError(
          'LANE_WINDOW',
          `expected at most ${contiguous + limits.laneWindowMax}, got ${sequence}`,
        );
      }
      judgeChain(place);
    },
    accept({ sequence, digest, previous }) {
      recent.set(sequence, { digest, previous });
      beyond.add(sequence);
      while (beyond.delete(contiguous + 1)) {
        contiguous += 1;
        recent.delete(contiguous - limits.laneWindowMax);
      }
      head = Math.max(head, sequence);
    },
    noteHead(stated) {
      head = Math.max(head, Math.min(stated, contiguous + limits.laneWindowMax));
    },
    missing(count) {
      const found: number[] = [];
      for (let sequence = contiguous + 1; sequence <= head && found.length < count; sequence += 1) {
        if (!beyond.has(sequence)) found.push(sequence);
      }
      return found;
    },
  };
}
