/**
 * open ▶ check ▶ release: an answer from inside, decided again on this side before a consumer sees it.
 * The inner guard masked it; this guard trusts that as little as the inner one trusts a call.
 */

import { allNamed } from '@sallyport/shared/content/headers.ts';
import {
  asSallyportError,
  type ErrorCode,
  errorTable,
  SallyportError,
} from '@sallyport/shared/errors.ts';
import { crossingCode } from '@sallyport/shared/exchange/crossing.ts';
import type { ResponseHeader } from '@sallyport/shared/exchange/message.ts';
import { checkRelease } from '@sallyport/shared/masking/response.ts';
import type { GrantPlan } from '@sallyport/shared/policy/compile.ts';
import { writeAnswer } from '@sallyport/shared/policy/content.ts';
import { planFor } from '@sallyport/shared/policy/decide.ts';
import type { Arrived, GuardContext, Taking } from '@sallyport/shared/processes/guard/context.ts';
import type { StoredAnswer } from '@sallyport/shared/store/port.ts';
import type { Exchanges, Pending } from './exchanges.ts';

/**
 * Errors: EXCHANGE_UNKNOWN, PACKAGE_MESSAGE, MESSAGE_DUPLICATE; then the exchange goes on as before. An
 * answer to it that may not be released ends it.
 */
export function takeResponse(
  node: GuardContext,
  exchanges: Exchanges,
  { header, body, place }: Arrived<ResponseHeader>,
): Taking {
  const id = header.correlationId;
  const pending = exchanges.get(id);
  if (!pending) {
    const ended = node.store.exchange(id) !== undefined;
    throw ended
      ? new SallyportError('MESSAGE_DUPLICATE', 'the exchange has ended already')
      : new SallyportError('EXCHANGE_UNKNOWN', 'expected the answer to a request of this node');
  }
  if (header.requestDigest !== pending.requestDigest) {
    throw new SallyportError('PACKAGE_MESSAGE', 'the answer is to another request');
  }
  if (!exchanges.claim(id, header.id)) {
    throw new SallyportError('MESSAGE_DUPLICATE', 'the exchange has an answer already');
  }
  const startedMs = performance.now();
  const answer = checked(node, pending, header, body);
  const about = { exchangeId: id, consumer: pending.consumer, flow: pending.flow };
  node.audit.append({
    event: 'release',
    atMs: node.now(),
    ...about,
    ...place,
    status: answer.status,
    bytes: answer.body.length,
    tookMs: performance.now() - startedMs,
    ...(answer.code && { code: answer.code }),
    ...(header.masked && { rules: header.masked }),
  });
  return {
    record: (tx) => tx.recordAnswer(id, answer),
    after: () => exchanges.end(id, answer),
  };
}

/** The answer as it may be released, or the refusal that takes its place. */
function checked(
  node: GuardContext,
  pending: Pending,
  header: ResponseHeader,
  body: Buffer,
): StoredAnswer {
  const answeredAtMs = node.now();
  if (header.error !== undefined) return refusal(crossingCode(header.error), answeredAtMs);
  const about = { exchangeId: pending.id, consumer: pending.consumer, flow: pending.flow };
  try {
    const policy = node.policy();
    if (!policy) throw new SallyportError('POLICY_MISSING', 'no policy is in force');
    const { consumer, flow, acceptedAtMs } = pending;
    const plan = planFor(policy.compiled, consumer, flow, answeredAtMs);
    const before = planFor(policy.compiled, consumer, flow, acceptedAtMs);
    if (!allNamed(header.headers, plan.responseHeaders)) {
      throw new SallyportError('RESPONSE_REFUSED', 'expected only headers that the route names');
    }
    const json = checkEither(plan, before, { status: header.status, body });
    const answer = json.length === 0 ? undefined : plan.answer;
    return {
      state: 'RESPONDED',
      status: header.status,
      headers: header.headers,
      body: answer === undefined ? json : writeAnswer(answer, json),
      ...(answer !== undefined && { contentType: answer.mediaType }),
      answeredAtMs,
    };
  } catch (thrown) {
    const { code, message } = asSallyportError(thrown);
    node.log.warn({ id: pending.id, code, detail: message }, 'answer refused on this side');
    node.audit.append({ event: 'refuse', atMs: answeredAtMs, ...about, code });
    return refusal('RESPONSE_REFUSED', answeredAtMs);
  }
}

/** The inner guard may have decided before an exception ended, or after. Errors: RESPONSE_REFUSED. */
function checkEither(
  now: GrantPlan,
  before: GrantPlan,
  answer: Parameters<typeof checkRelease>[1],
): Buffer {
  try {
    return checkRelease(now, answer);
  } catch (thrown) {
    if (now === before) throw thrown;
    return checkRelease(before, answer);
  }
}

function refusal(code: ErrorCode, answeredAtMs: number): StoredAnswer {
  const { status } = errorTable[code];
  return { state: 'REJECTED', status, headers: {}, code, body: Buffer.alloc(0), answeredAtMs };
}
