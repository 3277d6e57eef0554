/**
 * How odd the last minutes of a caller were: what conditions call `risk.score`. Counted in memory alone,
 * so a restart forgets it.
 */
import { type ErrorCode, errorTable } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { networkOf } from '@sallyport/shared/policy/network.ts';

export interface Risk {
  /** 0-100: ten for each wrong credential from the network, five for each refused call of the consumer. */
  score(consumer: string, ip: string, nowMs: number): number;
  /** A call was refused; `consumer` undefined: before it was known whose it was. */
  refused(code: ErrorCode, who: { consumer?: string; ip: string | undefined }, nowMs: number): void;
}

const perFailure = 10;
const perRefusal = 5;

export function createRisk(): Risk {
  const failures = createTally();
  const refusals = createTally();
  return {
    score(consumer, ip, nowMs) {
      const sum =
        perFailure * failures.count(networkOf(ip), nowMs) +
        perRefusal * refusals.count(consumer, nowMs);
      return Math.min(100, Math.floor(sum));
    },
    refused(code, { consumer, ip }, nowMs) {
      const { status } = errorTable[code];
      if (status === 401 && ip !== undefined) failures.add(networkOf(ip), nowMs);
      else if (consumer !== undefined && isOdd(code)) refusals.add(consumer, nowMs);
    },
  };
}

/** What a condition or limit refused says nothing new: counted, it would keep itself alive. */
const plain: ReadonlySet<ErrorCode> = new Set([
  'CONDITION_UNMET',
  'CONDITION_FAILED',
  'DENIED',
  'RATE_LIMITED',
]);

function isOdd(code: ErrorCode): boolean {
  const { status, outcome } = errorTable[code];
  return outcome === 'refused' && status >= 400 && status < 500 && !plain.has(code);
}

interface Tally {
  count(key: string, nowMs: number): number;
  add(key: string, nowMs: number): void;
}

/** Counts over a window that slides: what the window before left fades out. */
function createTally(): Tally {
  const entries = new Map<string, { window: number; now: number; before: number }>();
  const current = (key: string, nowMs: number) => {
    const window = Math.floor(nowMs / limits.riskWindowMs);
    const entry = entries.get(key) ?? { window, now: 0, before: 0 };
    if (entry.window === window) return entry;
    const before = entry.window === window - 1 ? entry.now : 0;
    return { window, now: 0, before };
  };
  return {
    count(key, nowMs) {
      const { now, before } = current(key, nowMs);
      const passed = (nowMs % limits.riskWindowMs) / limits.riskWindowMs;
      return now + before * (1 - passed);
    },
    add(key, nowMs) {
      const entry = current(key, nowMs);
      // Put anew, so that those who were quiet longest are forgotten first.
      entries.delete(key);
      entries.set(key, { ...entry, now: entry.now + 1 });
      if (entries.size <= limits.riskEntriesMax) return;
      for (const oldest of entries.keys()) {
        entries.delete(oldest);
        break;
      }
    },
  };
}
