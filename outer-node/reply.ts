/** What a caller hears: the answer, or that it is still on its way and where to fetch it. */
import { SallyportError } from '@sallyport/shared/errors.ts';
import { isId } from '@sallyport/shared/ids.ts';
import { planFor } from '@sallyport/shared/policy/decide.ts';
import type { GuardContext } from '@sallyport/shared/processes/guard/context.ts';
import type { Reply } from '@sallyport/shared/processes/ipc/peer.ts';
import { type Ending, type Exchanges, endingOf } from './exchanges.ts';

export interface Wait {
  /** The caller asked not to wait (`Prefer: respond-async`). */
  readonly async: boolean;
  readonly waitMs: number;
}

interface Known {
  readonly id: string;
  readonly consumer: string;
  readonly flow: string;
}

/** Waits for an exchange that was accepted; 202 where the caller does not wait or the wait ran out. */
export async function replyTo(
  node: GuardContext,
  exchanges: Exchanges,
  exchange: Known,
  wait: Wait,
): Promise<Reply> {
  const ending = await exchanges.wait(exchange.id, wait.async ? 0 : wait.waitMs);
  if (ending !== undefined) return deliver(node, exchange, ending);
  return stillOnItsWay(exchange.id, wait.async ? { 'preference-applied': 'respond-async' } : {});
}

/** `GET /exchanges/{id}`: the answer of an earlier call, to the consumer who made it and nobody else. */
export function showExchange(node: GuardContext, consumer: string, id: string): Reply {
  const exchange = isId(id) ? node.store.exchange(id) : undefined;
  expectOwn(exchange, consumer);
  const ending = endingOf(exchange);
  return ending === undefined ? stillOnItsWay(id) : deliver(node, exchange, ending);
}

/** Errors: EXCHANGE_UNKNOWN, also where there is one, of another consumer. */
export function expectOwn<T extends Known>(
  exchange: T | undefined,
  consumer: string,
): asserts exchange is T {
  if (exchange?.consumer === consumer) return;
  throw new SallyportError('EXCHANGE_UNKNOWN', 'expected an exchange of this consumer');
}

/** An answer may have waited long: the grant may have been taken away since it was released. */
function deliver(node: GuardContext, { id, consumer, flow }: Known, ending: Ending): Reply {
  if (ending instanceof SallyportError) throw ending;
  if (ending.code !== undefined) {
    throw new SallyportError(ending.code, 'the exchange ended without an answer of the service');
  }
  const policy = node.policy();
  if (!policy) throw new SallyportError('POLICY_MISSING', 'no policy is in force');
  planFor(policy.compiled, consumer, flow, node.now());
  const { status, headers, contentType, body } = ending;
  node.audit.append({ event: 'deliver', atMs: node.now(), exchangeId: id, consumer, flow });
  return { head: { status, headers, ...(contentType !== undefined && { contentType }) }, body };
}

function stillOnItsWay(id: string, more: Readonly<Record<string, string>> = {}): Reply {
  const location = `/exchanges/${id}`;
  const body = Buffer.from(JSON.stringify({ exchange: id, state: 'waiting', location }));
  const headers = { location, 'retry-after': '1', ...more };
  return { head: { status: 202, headers, contentType: 'application/json' }, body };
}
