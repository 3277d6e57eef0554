/**
 * Packages on their way: sent, no receipt yet. A channel never says whether a package arrived, so the
 * sender sends again with growing patience until the receipt comes on the other channel.
 */
import { limits } from '../limits.ts';
import type { OutPackage } from '../store/port.ts';

export interface InFlight {
  add(place: OutPackage, nowMs: number): void;
  sent(sequence: number, nowMs: number): void;
  /** Takes a receipt; returns the packages it settles. */
  settle(contiguous: number, beyond: readonly number[]): OutPackage[];
  get(sequence: number): OutPackage | undefined;
  /** Packages that the peer asks for again: each only when some time has passed since it was asked for. */
  asked(sequences: readonly number[], nowMs: number): OutPackage[];
  /** Packages whose receipt is late; their patience grows. */
  late(nowMs: number): OutPackage[];
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
}

/** `firstMs`: how long a receipt may take on this kind of channel before the first resend. */
export function createInFlight(firstMs: number): InFlight {
  const entries = new Map<number, Entry>();
  let bytes = 0;
  return {
    add(place, nowMs) {
      bytes += place.bytes;
      entries.set(place.sequence, {
        ...{ place, dueMs: nowMs + firstMs, patienceMs: firstMs },
        askedMs: Number.NEGATIVE_INFINITY,
      });
    },
    sent(sequence, nowMs) {
      const entry = entries.get(sequence);
      if (entry) entry.dueMs = nowMs + entry.patienceMs;
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
      const again: OutPackage[] = [];
      for (const sequence of sequences.slice(0, limits.resendRequestMax)) {
        const entry = entries.get(sequence);
        if (!entry || nowMs - entry.askedMs < limits.receiptDelayMs) continue;
        entry.askedMs = nowMs;
        again.push(entry.place);
      }
      return again;
    },
    late(nowMs) {
      const late: OutPackage[] = [];
      for (const entry of entries.values()) {
        if (!entry.place.awaitsReceipt || entry.dueMs > nowMs) continue;
        entry.patienceMs = Math.min(entry.patienceMs * 2, Math.max(firstMs, limits.resendMaxMs));
        entry.dueMs = nowMs + entry.patienceMs;
        late.push(entry.place);
        if (late.length === limits.resendRequestMax) break;
      }
      return late;
    },
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
