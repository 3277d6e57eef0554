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
  /**
   * Admits a new exchange and has it accepted; resolves when it is. Errors: OVERLOADED at the limit,
   * those of `accept`; then it never was.
   */
  open(pending: Pending, accept: () => Promise<unknown>): Promise<void>;
  get(id: string): Pending | undefined;
  /** The exchange in flight that this consumer started under this Idempotency-Key. */
  byKey(consumer: string, key: string): Pending | undefined;
  /** False where another message has answered it already. */
  claim(id: string, messageId: string): boolean;
  /**
   * Waits until the exchange is accepted, then for the ending, or undefined when `waitMs` ran out first.
   * Errors: those of `accept`.
   */
  wait(id: string, waitMs: number): Promise<Ending | undefined>;
  /** Ends an exchange and tells everybody who waits. */
  end(id: string, ending: Ending): void;
  /** Those past their deadline, each once. */
  overdue(nowMs: number): Pending[];
  readonly size: number;
}

interface Entry {
  readonly pending: Pending;
  /** Until it is durable. */
  accepting: Promise<unknown> | undefined;
  expiring: boolean;
  /** Id of the message that answers it, as soon as one came. */
  answeredBy?: string;
  readonly waiters: Set<(ending: Ending | undefined) => void>;
}

/** Starts with the exchanges that the store says still wait. */
export function createExchanges(store: Store): Exchanges {
  const entries = new Map<string, Entry>();
  const keys = new Map<string, string>();

  const put = (pending: Pending, accepting?: Promise<unknown>): Entry => {
    const entry: Entry = { pending, accepting, expiring: false, waiters: new Set() };
    entries.set(pending.id, entry);
    if (pending.idempotencyKey !== undefined) {
      keys.set(keyOf(pending.consumer, pending.idempotencyKey), pending.id);
    }
    return entry;
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
    async open(pending, accept) {
      if (entries.size >= limits.exchangesInFlightMax) {
        throw new SallyportError('OVERLOADED', `${entries.size} exchanges wait for their answer`);
      }
      const accepting = accept();
      const entry = put(pending, accepting);
      try {
        await accepting;
        entry.accepting = undefined;
      } catch (thrown) {
        remove(pending.id);
        throw thrown;
      }
    },
    get: (id) => entries.get(id)?.pending,
    byKey(consumer, key) {
      const id = keys.get(keyOf(consumer, key));
      return id === undefined ? undefined : entries.get(id)?.pending;
    },
    claim(id, messageId) {
      const entry = entries.get(id);
      if (!entry) return false;
      entry.answeredBy ??= messageId;
      return entry.answeredBy === messageId;
    },
    async wait(id, waitMs) {
      // Another caller may still be seeing to it: before it is durable nobody is told of it.
      const accepting = entries.get(id)?.accepting;
      if (accepting) await accepting;
      const entry = entries.get(id);
      if (!entry) return endingOf(store.exchange(id));
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
      for (const entry of entries.values()) {
        if (entry.pending.deadlineMs >= nowMs || entry.accepting || entry.expiring) continue;
        entry.expiring = true;
        found.push(entry.pending);
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
