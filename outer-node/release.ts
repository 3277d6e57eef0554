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
import { checkRelease, type Proven } from '@sallyport/shared/masking/response.ts';
import type { GrantPlan } from '@sallyport/shared/policy/compile.ts';
import { writeAnswer } from '@sallyport/shared/policy/content.ts';
import { planFor } from '@sallyport/shared/policy/decide.ts';
import type { AuditEvent } from '@sallyport/shared/ports.ts';
import type { Arrived, GuardContext, Taking } from '@sallyport/shared/processes/guard/context.ts';
import type { StoredAnswer } from '@sallyport/shared/store/port.ts';
import type { Exchanges, Pending } from './exchanges.ts';
import { finishing, releasing } from './release-asking.ts';

/**
 * Errors: EXCHANGE_UNKNOWN, PACKAGE_MESSAGE, MESSAGE_DUPLICATE; then the exchange goes on as before. An
 * answer to it that may not be released ends it.
 */
export function takeResponse(
  node: GuardContext,
  exchanges: Exchanges,
  arrived: Arrived<ResponseHeader>,
): Taking {
  const { header, body } = arrived;
  const id = header.correlationId;
  const pending = exchanges.get(id);
  if (!pending) {
    // It waited for plug-ins when the node went down, and the exchange has ended since.
    if (arrived.again) return finishing(node, arrived);
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
  const [startedMs, answeredAtMs] = [performance.now(), node.now()];
  let answer: StoredAnswer;
  try {
    const plans = header.error === undefined ? plansFor(node, pending, header) : undefined;
    if (plans && isAsked(plans, body)) {
      return releasing(node, exchanges, { arrived, pending, plans, startedMs });
    }
    answer =
      plans === undefined
        ? refusal(crossingCode(header.error ?? 'INTERNAL'), answeredAtMs)
        : answerOf(
            plans.now,
            header,
            checkEither(plans, { status: header.status, body }).body,
            answeredAtMs,
          );
  } catch (thrown) {
    answer = refusedHere(node, pending, thrown, answeredAtMs);
  }
  node.audit.append(releaseEvent(node, arrived, { pending, answer, startedMs }));
  return {
    record: (tx) => tx.recordAnswer(id, answer),
    after: () => exchanges.end(id, answer),
  };
}

/** What the audit log says of an answer that was decided about. */
export function releaseEvent(
  node: GuardContext,
  { header, place }: Arrived<ResponseHeader>,
  decided: {
    readonly pending: Pending;
    readonly answer: StoredAnswer;
    readonly startedMs: number;
  },
): AuditEvent {
  const { pending, answer, startedMs } = decided;
  const { id: exchangeId, consumer, flow } = pending;
  return {
    event: 'release',
    atMs: node.now(),
    ...{ exchangeId, consumer, flow, ...place },
    status: answer.status,
    bytes: answer.body.length,
    tookMs: performance.now() - startedMs,
    ...(answer.code && { code: answer.code }),
    ...(header.masked && { rules: header.masked }),
  };
}

/** The inner guard may have decided before an exception ended, or after. */
export interface Plans {
  readonly now: GrantPlan;
  /** As of when the call was accepted. */
  readonly before: GrantPlan;
}

/** True where others have a part in the decision: plug-ins, and whoever looks into files. */
function isAsked({ now, before }: Plans, body: Buffer): boolean {
  if (now.open || before.open) return true;
  return now.files !== undefined && body.length > 0;
}

/** Errors: POLICY_MISSING, GRANT_MISSING, RESPONSE_REFUSED. */
function plansFor(node: GuardContext, pending: Pending, { headers }: ResponseHeader): Plans {
  const policy = node.policy();
  if (!policy) throw new SallyportError('POLICY_MISSING', 'no policy is in force');
  const { consumer, flow, acceptedAtMs } = pending;
  const now = planFor(policy.compiled, consumer, flow, node.now());
  if (!allNamed(headers, now.responseHeaders)) {
    throw new SallyportError('RESPONSE_REFUSED', 'expected only headers that the route names');
  }
  return { now, before: planFor(policy.compiled, consumer, flow, acceptedAtMs) };
}

/** An answer that may be released, in the format of its route. Errors: RESPONSE_REFUSED. */
export function answerOf(
  { answer: format }: GrantPlan,
  { status, headers }: ResponseHeader,
  json: Buffer,
  answeredAtMs: number,
): StoredAnswer {
  const answer = json.length === 0 ? undefined : format;
  return {
    state: 'RESPONDED',
    status,
    headers,
    body: answer === undefined ? json : writeAnswer(answer, json),
    ...(answer !== undefined && { contentType: answer.mediaType }),
    answeredAtMs,
  };
}

/** The refusal that takes the place of an answer. */
export function refusedHere(
  node: GuardContext,
  { id: exchangeId, consumer, flow }: Pending,
  thrown: unknown,
  answeredAtMs: number,
): StoredAnswer {
  const { code, message } = asSallyportError(thrown);
  node.log.warn({ id: exchangeId, code, detail: message }, 'answer refused on this side');
  node.audit.append({ event: 'refuse', atMs: answeredAtMs, exchangeId, consumer, flow, code });
  const isUnexamined = code === 'SCAN_FAILED' || code === 'IN_DOUBT';
  return refusal(isUnexamined ? code : 'RESPONSE_REFUSED', answeredAtMs);
}

/** Errors: RESPONSE_REFUSED. */
function checkEither({ now, before }: Plans, answer: Parameters<typeof checkRelease>[1]): Proven {
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
