/**
 * The exchanges that wait for their answer. The store knows them too; this is the part in memory, with
 * the callers that are still on the line.
 */
import { SallyportError } from '@sallyport/shared/errors.ts';
import { createPace } from '@sallyport/shared/exchange/pace.ts';
import { createShares } from '@sallyport/shared/exchange/shares.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { GuardContext } from '@sallyport/shared/processes/guard/context.ts';
import type { Exchange, StoredAnswer } from '@sallyport/shared/store/port.ts';

export interface Pending {
  readonly id: string;
  readonly consumer: string;
  readonly flow: string;
  readonly acceptedAtMs: number;
  readonly deadlineMs: number;
  readonly requestDigest: string;
  readonly idempotencyKey?: string;
  readonly callDigest?: string;
}

export type Ending = StoredAnswer | SallyportError;

export interface Exchanges {
  /**
   * Says whether a new exchange may be opened in this turn. `mayWaitMs`: what its caller can wait.
   * Errors: OVERLOADED where its consumer has its share, or the answers of the flow come too slowly.
   */
  expectRoom(consumer: string, flow: string, mayWaitMs: number): void;
  /**
   * Opens an exchange and has it accepted; resolves when it is. Errors: those of `accept`; then it
   * never was.
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
  /** Those past their deadline, each once; by a clock that is never set. */
  overdue(): Pending[];
  readonly size: number;
}

interface Entry {
  readonly pending: Pending;
  readonly dueMs: number;
  /** Until it is durable. */
  accepting: Promise<unknown> | undefined;
  expiring: boolean;
  /** Id of the message that answers it, as soon as one came. */
  answeredBy?: string;
  readonly waiters: Set<(ending: Ending | undefined) => void>;
}

/** Starts with the exchanges that the store says still wait. */
export function createExchanges({
  store,
  now,
  steady,
}: Pick<GuardContext, 'store' | 'now' | 'steady'>): Exchanges {
  const entries = new Map<string, Entry>();
  const keys = new Map<string, string>();
  const places = createShares(limits.exchangesInFlightMax);
  const pace = createPace();

  const put = (pending: Pending, accepting?: Promise<unknown>): Entry => {
    const dueMs = steady() + pending.deadlineMs - now() + limits.deadlineGraceMs;
    const entry: Entry = { pending, dueMs, accepting, expiring: false, waiters: new Set() };
    entries.set(pending.id, entry);
    places.take(pending.consumer);
    pace.entered(pending.flow, pending.consumer, steady());
    if (pending.idempotencyKey !== undefined) {
      keys.set(keyOf(pending.consumer, pending.idempotencyKey), pending.id);
    }
    return entry;
  };
  const remove = (id: string, answered: boolean): Entry | undefined => {
    const entry = entries.get(id);
    if (!entry) return undefined;
    entries.delete(id);
    const { consumer, flow, idempotencyKey } = entry.pending;
    places.give(consumer);
    pace.left(flow, consumer, answered, steady());
    if (idempotencyKey !== undefined) keys.delete(keyOf(consumer, idempotencyKey));
    return entry;
  };
  const waiting = store.waitingExchanges(Number.MAX_SAFE_INTEGER, limits.exchangesInFlightMax);
  for (const exchange of waiting) put(exchange);

  return {
    expectRoom(consumer, flow, mayWaitMs) {
      const nowMs = steady();
      const crowdedMs = pace.crowdedMs(flow, consumer, mayWaitMs, nowMs);
      if (crowdedMs === 0 && places.fits(consumer)) return;
      const retryAfterMs = crowdedMs || pace.waitMs(flow, nowMs);
      const message = `${entries.size} exchanges wait, ${flow} answers slowly or ${consumer} has its share`;
      throw new SallyportError('OVERLOADED', message, { retryAfterMs });
    },
    async open(pending, accept) {
      const accepting = accept();
      const entry = put(pending, accepting);
      try {
        await accepting;
        entry.accepting = undefined;
      } catch (thrown) {
        remove(pending.id, false);
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
      const answered = !(ending instanceof SallyportError) && ending.code !== 'OVERLOADED';
      for (const waiter of remove(id, answered)?.waiters ?? []) waiter(ending);
    },
    overdue() {
      const found: Pending[] = [];
      for (const entry of entries.values()) {
        if (entry.dueMs >= steady() || entry.accepting || entry.expiring) continue;
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
