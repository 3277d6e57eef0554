/**
 * Who may come in now. Refused is early, before anything is accepted, and whoever asks for more than a fair
 * share is refused first: a consumer that floods the node leaves room for those that do not.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { createShares, type Shares } from '@sallyport/shared/exchange/shares.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { IpcPeer, Reply } from '@sallyport/shared/processes/ipc/peer.ts';

export interface Admission {
  /**
   * A caller is on the line until it leaves. One that the edge tells of `again` was let in before.
   * Errors: OVERLOADED.
   */
  enter(consumer: string, again?: boolean): () => void;
  /** A body is in memory until it is sealed and let go. Errors: OVERLOADED. */
  hold(consumer: string, bytes: number): () => void;
}

export function createAdmission(): Admission {
  const lines = createShares(limits.edgeCallsInFlightMax);
  const bodies = createShares(limits.outboxBytesMax);
  const take = (shares: Shares, consumer: string, amount: number) => {
    shares.take(consumer, amount);
    return () => shares.give(consumer, amount);
  };
  const refuse = (consumer: string, what: string): never => {
    throw new SallyportError('OVERLOADED', `${consumer} has its share of ${what}`);
  };
  return {
    enter(consumer, again = false) {
      if (!again && !lines.fits(consumer)) refuse(consumer, 'callers on the line');
      return take(lines, consumer, 1);
    },
    hold(consumer, bytes) {
      if (!bodies.fits(consumer, bytes)) refuse(consumer, 'bytes to be sealed');
      return take(bodies, consumer, bytes);
    },
  };
}

/**
 * Before an answer of the store is read into memory: the edge took what it got so far. Each caller has a
 * turn of its own, so that a thousand who ask at once are not all answered before the first is counted.
 * Errors: OVERLOADED.
 */
export async function expectTaken(edge: IpcPeer): Promise<void> {
  await turn();
  if (edge.unsentBytes * 4 > limits.ipcUnsentBytesMax) {
    throw new SallyportError('OVERLOADED', `${edge.unsentBytes} bytes wait for the edge`);
  }
}

/** 429 with the time after which one more call would fit (RFC 6585 §4). */
export function rateLimited(
  { retryAfterMs = 0 }: SallyportError,
  headers: Readonly<Record<string, string>>,
): Reply {
  const retryAfter = String(Math.max(1, Math.ceil(retryAfterMs / 1000)));
  return {
    head: { status: 429, headers: { ...headers, 'retry-after': retryAfter }, code: 'RATE_LIMITED' },
  };
}

/** 503 with the time after which it is worth to call again (RFC 9110 §10.2.3). */
export function overloaded({ retryAfterMs = 0 }: SallyportError): Reply {
  const seconds = Math.ceil(Math.min(retryAfterMs, limits.retryAfterMsMax) / 1000);
  const headers = { 'retry-after': String(Math.max(1, seconds)) };
  return { head: { status: 503, headers, code: 'OVERLOADED' } };
}
