/** decide ▶ check at the inner node: what the outer node decided, decided again from the policy alone. */

import type { RecordedUse, Replays } from '@sallyport/shared/accounts/replays.ts';
import { allNamed, traceparentPattern } from '@sallyport/shared/content/headers.ts';
import { asSallyportError, SallyportError } from '@sallyport/shared/errors.ts';
import type { RequestHeader } from '@sallyport/shared/exchange/message.ts';
import { type Decision, decide, matchRoute } from '@sallyport/shared/policy/decide.ts';
import { namePattern } from '@sallyport/shared/policy/model.ts';
import {
  type CheckedRequest,
  checkRequest,
  readRequest,
  writeRequest,
} from '@sallyport/shared/policy/request.ts';
import type { Arrived, GuardContext } from '@sallyport/shared/processes/guard/context.ts';
import { prove } from './prove.ts';

export interface Admitted {
  readonly decision: Decision;
  readonly request: CheckedRequest;
  /** As the message says, and never later than the policy allows from now. */
  readonly deadlineMs: number;
  /** The signature that is used with it. */
  readonly use?: RecordedUse;
}

/**
 * What is recorded of a request before it is decided: names and nothing else. A sound outer node
 * sends no other. Errors: PACKAGE_MESSAGE.
 */
export function expectNames({ consumer, flow, traceparent }: RequestHeader): void {
  const [service = '', route = '', ...more] = flow.split('/');
  const names = [consumer, service, route].every((name) => namePattern.test(name));
  const traced = traceparent === undefined || traceparentPattern.test(traceparent);
  if (!names || more.length > 0 || !traced) {
    throw new SallyportError('PACKAGE_MESSAGE', 'expected names of the policy in a request');
  }
}

/** As admit, but gives its refusal back: a request that was recorded is answered, whatever it is. */
export function tryAdmit(
  node: GuardContext,
  arrived: Arrived<RequestHeader>,
  replays: Replays,
): Admitted | SallyportError {
  try {
    return admit(node, arrived, replays);
  } catch (thrown) {
    const error = asSallyportError(thrown);
    if (!arrived.again || error.code === 'DEADLINE_PASSED') return error;
    // It may have been called before the restart; that it would be refused today does not undo that.
    return new SallyportError('IN_DOUBT', 'it may have been called before', { cause: error });
  }
}

/**
 * Errors: POLICY_MISSING, those of decide, PACKAGE_MESSAGE where the sealed flow is not what the
 * policy makes of the path or a header is not one that the route names, those of prove,
 * SIGNATURE_REPLAYED, IN_DOUBT for a request that may have been called before a restart and must
 * not be called twice, DEADLINE_PASSED, those of readRequest, checkRequest and
 * writeRequest.
 */
function admit(node: GuardContext, arrived: Arrived<RequestHeader>, replays: Replays): Admitted {
  const { header, body } = arrived;
  const [startedMs, nowMs] = [performance.now(), node.now()];
  const about = { exchangeId: header.id, consumer: header.consumer, flow: header.flow };
  const { packageId } = arrived.place;
  const policy = node.policy();
  if (!policy) throw new SallyportError('POLICY_MISSING', 'no policy has been applied');
  const { compiled } = policy;
  const match = matchRoute(compiled, header.method, header.path);
  const decision = decide(compiled, {
    consumer: { name: header.consumer },
    match,
    nowMs,
    source: header.source === undefined ? undefined : { ip: header.source },
    risk: header.risk === undefined ? undefined : { score: header.risk },
  });
  if (decision.flow !== header.flow) {
    throw new SallyportError('PACKAGE_MESSAGE', 'expected the flow that the path belongs to');
  }
  if (!allNamed(header.headers, decision.requestHeaders)) {
    throw new SallyportError('PACKAGE_MESSAGE', 'expected only headers that the route names');
  }
  const { use, ...content } = prove(compiled, header, body, { nowMs, decision });
  const used = use && { ...use, consumer: header.consumer, id: header.id };
  if (used) replays.take(used);
  if (arrived.again && !decision.idempotent) {
    throw new SallyportError('IN_DOUBT', 'the node restarted while the service was being called');
  }
  if (header.deadlineMs <= nowMs) {
    throw new SallyportError('DEADLINE_PASSED', 'the request came after its deadline');
  }
  const sent = { params: match.params, ...content };
  // What was signed crosses as it came; all else comes as JSON.
  const checked = checkRequest(decision, used ? readRequest(decision, sent) : sent);
  const request = writeRequest(decision, checked);
  const tookMs = performance.now() - startedMs;
  const policyVersion = policy.version;
  node.audit.append({ event: 'decide', atMs: nowMs, ...about, packageId, policyVersion, tookMs });
  const deadlineMs = Math.min(header.deadlineMs, nowMs + decision.deadlineMs);
  return { decision, request, deadlineMs, ...(used && { use: used }) };
}
