/** examine ▶ seal ▶ send: the last of a call on this side. */

import { named } from '@sallyport/shared/content/headers.ts';
import type { FileText } from '@sallyport/shared/content/place.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import type { RequestHeader } from '@sallyport/shared/exchange/message.ts';
import { encodeMessage } from '@sallyport/shared/package/message.ts';
import type { Consumer } from '@sallyport/shared/policy/authenticate.ts';
import type { Decision } from '@sallyport/shared/policy/decide.ts';
import type { GuardContext } from '@sallyport/shared/processes/guard/context.ts';
import type { Call } from './accept.ts';
import type { Exchanges, Pending } from './exchanges.ts';
import type { Crossing } from './facts.ts';
import type { proofOf } from './identify.ts';

/** A call that may cross. */
export interface Checked {
  readonly arrival: Call;
  readonly decision: Decision;
  readonly crossing: Crossing;
  readonly consumer: Consumer;
  /** When its limits were counted: the inner node counts it for the same day. */
  readonly acceptedAtMs: number;
  readonly query: RequestHeader['query'];
  readonly body: Uint8Array;
  readonly contentType?: string;
  /** What of its proof crosses. */
  readonly proof: ReturnType<typeof proofOf>;
  /** Plug-ins were asked since it was looked for among the exchanges. */
  readonly waited: boolean;
  /** Its files, not examined yet. */
  readonly files?: readonly FileText[];
  readonly digest?: string;
}

/**
 * Resolves when the request is in a package that is durable and on its way. Errors: those of examine,
 * IDEMPOTENCY_KEY_REUSED.
 */
export async function examineAndSeal(
  node: GuardContext,
  exchanges: Exchanges,
  checked: Checked,
): Promise<Pending> {
  const { arrival, decision, consumer, digest, files } = checked;
  if (files === undefined && !checked.waited) return seal(node, exchanges, checked);
  const about = { exchangeId: arrival.id, consumer: consumer.name, flow: decision.flow };
  if (files) {
    // Nothing is accepted before, so it has the time that its caller waits.
    const dueMs = node.steady() + checked.acceptedAtMs + decision.timeoutMs - node.now();
    await node.examine(about, decision.compiled.files.request, files, dueMs);
  }
  // Meanwhile the same call may have come again, and been faster.
  const earlier =
    exchanges.get(arrival.id) ?? sameKey(node, exchanges, consumer.name, arrival, digest);
  return earlier ?? seal(node, exchanges, checked);
}

async function seal(node: GuardContext, exchanges: Exchanges, checked: Checked): Promise<Pending> {
  const { arrival, decision, consumer, digest, acceptedAtMs } = checked;
  const isByPlugin = consumer.type === 'plugin';
  const { contentType } = isByPlugin ? { contentType: arrival.headers['content-type'] } : checked;
  const deadlineMs = acceptedAtMs + decision.deadlineMs;
  const header: RequestHeader = {
    type: 'request',
    id: arrival.id,
    flow: decision.flow,
    consumer: consumer.name,
    deadlineMs,
    method: arrival.method,
    path: arrival.path,
    query: isByPlugin ? arrival.query : checked.query,
    headers: named(arrival.headers, decision.requestHeaders),
    ...(contentType !== undefined && { contentType }),
    ...(arrival.traceparent !== undefined && { traceparent: arrival.traceparent }),
    ...checked.crossing,
    ...checked.proof,
  };
  // What the caller proves itself by are the bytes that came: the inner node makes its own of them.
  const body = consumer.signed || isByPlugin ? arrival.body : checked.body;
  const message = encodeMessage({ header, body });
  const pending: Pending = {
    id: arrival.id,
    consumer: consumer.name,
    flow: decision.flow,
    acceptedAtMs,
    deadlineMs,
    requestDigest: message.digest,
    ...(arrival.idempotencyKey !== undefined && { idempotencyKey: arrival.idempotencyKey }),
    ...(digest !== undefined && { callDigest: digest }),
  };
  await exchanges.open(pending, () =>
    node.sending.enqueue({
      message,
      awaitsReceipt: true,
      record: (tx, { lane, sequence }) => {
        tx.acceptExchange({ ...pending, lane, sequence });
        if (consumer.signed) {
          const { use } = consumer.signed;
          tx.recordSignatureUse({ ...use, consumer: consumer.name, id: arrival.id });
        }
      },
    }),
  );
  return pending;
}

/** The exchange that this consumer started before under the same Idempotency-Key. */
export function sameKey(
  node: GuardContext,
  exchanges: Exchanges,
  consumer: string,
  arrival: Call,
  digest: string | undefined,
) {
  const key = arrival.idempotencyKey;
  if (key === undefined) return undefined;
  const earlier = exchanges.byKey(consumer, key) ?? node.store.idempotent(consumer, key);
  if (earlier && earlier.callDigest !== digest) {
    throw new SallyportError('IDEMPOTENCY_KEY_REUSED', 'expected the same request under this key');
  }
  return earlier;
}
