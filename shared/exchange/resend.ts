/**
 * Packages on their way: sent, no receipt yet. A channel never says whether a package arrived, so the
 * sender sends again with growing patience until the receipt comes on the other channel.
 */
import { limits } from '../limits.ts';
import type { OutPackage } from '../store/port.ts';
import { createBudget } from './budget.ts';

export interface InFlight {
  add(place: OutPackage, nowMs: number): void;
  /** The mover's word that it was sent: false where it has said so already since it was handed over. */
  sent(sequence: number, nowMs: number): boolean;
  /** Takes a receipt; returns the packages it settles. */
  settle(contiguous: number, beyond: readonly number[]): OutPackage[];
  get(sequence: number): OutPackage | undefined;
  /**
   * Packages that the peer asks for again: each only when some time has passed since it was asked for, and
   * all together no more than a sound peer asks for.
   */
  asked(sequences: readonly number[], nowMs: number): OutPackage[];
  /** Packages whose receipt is late; their patience grows. */
  late(nowMs: number): OutPackage[];
  /** How often it was handed over again. */
  resends(sequence: number): number;
  all(): OutPackage[];
  readonly size: number;
  readonly bytes: number;
  /** Packages that somebody waits to hear about. */
  readonly waiting: number;
}

interface Entry {
  readonly place: OutPackage;
  dueMs: number;
  patienceMs: number;
  askedMs: number;
  resends: number;
  /** The mover was told of it, and has not said since that it was sent. */
  handed: boolean;
}

/** `firstMs`: how long a receipt may take on this kind of channel before the first resend. */
export function createInFlight(firstMs: number): InFlight {
  const entries = new Map<number, Entry>();
  const asking = createBudget(limits.resendRequestMax, limits.resendsPerSecondMax);
  let bytes = 0;

  const again = (entry: Entry): OutPackage => {
    entry.resends += 1;
    entry.handed = true;
    return entry.place;
  };
  return {
    add(place, nowMs) {
      bytes += place.bytes;
      entries.set(place.sequence, {
        ...{ place, dueMs: nowMs + firstMs, patienceMs: firstMs },
        ...{ askedMs: Number.NEGATIVE_INFINITY, resends: 0, handed: true },
      });
    },
    sent(sequence, nowMs) {
      const entry = entries.get(sequence);
      if (!entry?.handed) return false;
      entry.handed = false;
      entry.dueMs = nowMs + entry.patienceMs;
      return true;
    },
    settle(contiguous, beyond) {
      const settled: OutPackage[] = [];
      const take = (sequence: number): void => {
        const entry = entries.get(sequence);
        if (!entry) return;
        entries.delete(sequence);
        bytes -= entry.place.bytes;
        settled.push(entry.place);
      };
      for (const sequence of entries.keys()) {
        if (sequence > contiguous) break;
        take(sequence);
      }
      for (const sequence of beyond) take(sequence);
      return settled;
    },
    get: (sequence) => entries.get(sequence)?.place,
    asked(sequences, nowMs) {
      const asked: OutPackage[] = [];
      for (const sequence of sequences.slice(0, limits.resendRequestMax)) {
        const entry = entries.get(sequence);
        if (!entry || nowMs - entry.askedMs < limits.receiptDelayMs) continue;
        if (asking.take(1, nowMs) === 0) break;
        entry.askedMs = nowMs;
        asked.push(again(entry));
      }
      return asked;
    },
    late(nowMs) {
      const late: OutPackage[] = [];
      for (const entry of entries.values()) {
        if (!entry.place.awaitsReceipt || entry.dueMs > nowMs) continue;
        entry.patienceMs = Math.min(entry.patienceMs * 2, Math.max(firstMs, limits.resendMaxMs));
        entry.dueMs = nowMs + entry.patienceMs;
        late.push(again(entry));
        if (late.length === limits.resendRequestMax) break;
      }
      return late;
    },
    resends: (sequence) => entries.get(sequence)?.resends ?? 0,
    all: () => [...entries.values()].map((entry) => entry.place),
    get size() {
      return entries.size;
    },
    get bytes() {
      return bytes;
    },
    get waiting() {
      let count = 0;
      for (const { place } of entries.values()) if (place.awaitsReceipt) count += 1;
      return count;
    },
  };
}
