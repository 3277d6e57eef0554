/**
 * The exchanges that wait for their answer. The store knows them too; this is the part in memory, with
 * the callers that are still on the line.
 */
import { SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { Exchange, Store, StoredAnswer } from '@sallyport/shared/store/port.ts';

export interface Pending {
  readonly id: string;
  readonly consumer: string;
  readonly flow: string;
  readonly deadlineMs: number;
  readonly requestDigest: string;
  readonly idempotencyKey?: string;
  readonly callDigest?: string;
}

export type Ending = StoredAnswer | SallyportError;

export interface Exchanges {
  /** Admits a new exchange. OVERLOADED at the limit. */
  open(pending: Pending): void;
  /** Forgets one that was never accepted. */
  drop(id: string): void;
  get(id: string): Pending | undefined;
  /** The exchange in flight that this consumer started under this Idempotency-Key. */
  byKey(consumer: string, key: string): Pending | undefined;
  /** Waits for the ending, or undefined when `waitMs` ran out first. */
  wait(id: string, waitMs: number): Promise<Ending | undefined>;
  /** Ends an exchange and tells everybody who waits. */
  end(id: string, ending: Ending): void;
  /** Those past their deadline. */
  overdue(nowMs: number): Pending[];
  readonly size: number;
}

interface Entry {
  readonly pending: Pending;
  readonly waiters: Set<(ending: Ending | undefined) => void>;
}

/** Starts with the exchanges that the store says still wait. */
export function createExchanges(store: Store): Exchanges {
  const entries = new Map<string, Entry>();
  const keys = new Map<string, string>();

  const put = (pending: Pending): void => {
    entries.set(pending.id, { pending, waiters: new Set() });
    if (pending.idempotencyKey !== undefined) {
      keys.set(keyOf(pending.consumer, pending.idempotencyKey), pending.id);
    }
  };
  const remove = (id: string): Entry | undefined => {
    const entry = entries.get(id);
    if (!entry) return undefined;
    entries.delete(id);
    const { consumer, idempotencyKey } = entry.pending;
    if (idempotencyKey !== undefined) keys.delete(keyOf(consumer, idempotencyKey));
    return entry;
  };
  const waiting = store.waitingExchanges(Number.MAX_SAFE_INTEGER, limits.exchangesInFlightMax);
  for (const exchange of waiting) put(exchange);

  return {
    open(pending) {
      if (entries.size >= limits.exchangesInFlightMax) {
        throw new SallyportError('OVERLOADED', `${entries.size} exchanges wait for their answer`);
      }
      put(pending);
    },
    drop: (id) => void remove(id),
    get: (id) => entries.get(id)?.pending,
    byKey(consumer, key) {
      const id = keys.get(keyOf(consumer, key));
      return id === undefined ? undefined : entries.get(id)?.pending;
    },
    wait(id, waitMs) {
      const entry = entries.get(id);
      if (!entry) return Promise.resolve(endingOf(store.exchange(id)));
      return new Promise((resolve) => {
        const waiter = (ending: Ending | undefined): void => {
          clearTimeout(timer);
          entry.waiters.delete(waiter);
          resolve(ending);
        };
        const timer = setTimeout(waiter, waitMs, undefined);
        entry.waiters.add(waiter);
      });
    },
    end(id, ending) {
      for (const waiter of remove(id)?.waiters ?? []) waiter(ending);
    },
    overdue(nowMs) {
      const found: Pending[] = [];
      for (const { pending } of entries.values()) {
        if (pending.deadlineMs < nowMs) found.push(pending);
      }
      return found;
    },
    get size() {
      return entries.size;
    },
  };
}

/** What a stored exchange ended with, or undefined while it has not. */
export function endingOf(exchange: Exchange | undefined): Ending | undefined {
  if (!exchange) return undefined;
  if (exchange.answer) return exchange.answer;
  if (exchange.state === 'EXPIRED') return new SallyportError('DEADLINE_PASSED', 'expired');
  if (exchange.state === 'IN_DOUBT') return new SallyportError('IN_DOUBT', 'in doubt');
  return undefined;
}

const keyOf = (consumer: string, key: string): string => `${consumer}\n${key}`;
