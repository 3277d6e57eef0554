/** decide ▶ check at the inner node: what the outer node decided, decided again from the policy alone. */

import { SallyportError } from '@sallyport/shared/errors.ts';
import type { RequestHeader } from '@sallyport/shared/exchange/message.ts';
import { type Decision, decide, matchRoute } from '@sallyport/shared/policy/decide.ts';
import { type CheckedRequest, checkRequest } from '@sallyport/shared/policy/request.ts';
import type { Arrived, GuardContext } from '@sallyport/shared/processes/guard/context.ts';
import { step } from '@sallyport/shared/processes/guard/step.ts';

export interface Admitted {
  readonly decision: Decision;
  readonly request: CheckedRequest;
}

/**
 * Errors: DEADLINE_PASSED, POLICY_MISSING, those of decide and checkRequest, PACKAGE_MESSAGE where the
 * sealed flow is not what the policy makes of the path, IN_DOUBT for a request that may have been called
 * before a restart and must not be called twice.
 */
export function admit(node: GuardContext, arrived: Arrived<RequestHeader>): Admitted {
  const { header, body } = arrived;
  const nowMs = node.now();
  const about = { exchangeId: header.id, consumer: header.consumer, flow: header.flow };
  const { packageId } = arrived.place;
  const policy = node.policy();
  if (!policy) throw new SallyportError('POLICY_MISSING', 'no policy has been applied');
  const { compiled } = policy;
  const { decision, params } = step(node, 'decide', { ...about, packageId }, () => {
    const match = matchRoute(compiled, header.method, header.path);
    const consumer = { name: header.consumer };
    return { decision: decide(compiled, { consumer, match, nowMs }), params: match.params };
  });
  if (decision.flow !== header.flow) {
    throw new SallyportError('PACKAGE_MESSAGE', 'expected the flow that the path belongs to');
  }
  if (arrived.again && !decision.idempotent) {
    throw new SallyportError('IN_DOUBT', 'the node restarted while the service was being called');
  }
  if (header.deadlineMs <= nowMs) {
    throw new SallyportError('DEADLINE_PASSED', 'the request came after its deadline');
  }
  const request = step(node, 'check', about, () =>
    checkRequest(decision, {
      params,
      query: header.query,
      contentType: header.contentType,
      body,
    }),
  );
  return { decision, request };
}
