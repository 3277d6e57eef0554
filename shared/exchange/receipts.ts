/**
 * What the receiver still has to tell the sender: that packages came, and which are missing. Receipts are
 * cumulative per lane, so a lost one costs nothing, and they ride in whatever package leaves next.
 * Packages of receipts and heartbeats alone ask for no receipt of their own: the next package that
 * leaves, at the latest a heartbeat, carries it.
 */
import { limits } from '../limits.ts';
import type { ReceivingLane } from './lane.ts';
import type { ReceiptHeader } from './message.ts';

export interface ReceiptBook {
  /** A package came that somebody waits to hear about. */
  due(nowMs: number): void;
  /** The receipt for a package that is leaving, where it has news; the book is then even. */
  take(id: string, nowMs: number): ReceiptHeader | undefined;
  /** True when a due receipt has waited long enough for other traffic to carry it. */
  overdue(nowMs: number): boolean;
}

export function createReceiptBook(laneName: string, lane: ReceivingLane): ReceiptBook {
  let dueSinceMs: number | undefined;
  let missingSinceMs: number | undefined;
  let askedAtMs = 0;
  let reported = lane.contiguous;

  /** Gaps are asked for once they have lasted: packages may just be on their way in another order. */
  const asksFor = (nowMs: number): number[] => {
    const missing = lane.missing(limits.resendRequestMax);
    if (missing.length === 0) {
      missingSinceMs = undefined;
      return [];
    }
    missingSinceMs ??= nowMs;
    const patient = nowMs - missingSinceMs < limits.receiptDelayMs;
    const asked = nowMs - askedAtMs < limits.resendFirstMs;
    return patient || asked ? [] : missing;
  };

  return {
    due(nowMs) {
      dueSinceMs ??= nowMs;
    },
    take(id, nowMs) {
      const missing = asksFor(nowMs);
      const news = dueSinceMs !== undefined || lane.contiguous !== reported;
      if (!news && missing.length === 0) return undefined;
      dueSinceMs = undefined;
      reported = lane.contiguous;
      if (missing.length > 0) askedAtMs = nowMs;
      const { contiguous, beyond } = lane;
      const stated = beyond.slice(0, limits.resendRequestMax);
      return { type: 'receipt', id, lane: laneName, contiguous, beyond: stated, missing };
    },
    overdue(nowMs) {
      const late = dueSinceMs !== undefined && nowMs - dueSinceMs >= limits.receiptDelayMs;
      return late || asksFor(nowMs).length > 0;
    },
  };
}
