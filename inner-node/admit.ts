/** decide ▶ check at the inner node: what the outer node decided, decided again from the policy alone. */

import type { RecordedUse, Replays } from '@sallyport/shared/accounts/replays.ts';
import { allNamed, traceparentPattern } from '@sallyport/shared/content/headers.ts';
import { asSallyportError, SallyportError } from '@sallyport/shared/errors.ts';
import type { RequestHeader } from '@sallyport/shared/exchange/message.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { Recognised } from '@sallyport/shared/policy/asked.ts';
import { type Decision, decide, matchRoute } from '@sallyport/shared/policy/decide.ts';
import { namePattern } from '@sallyport/shared/policy/model.ts';
import type { Late } from '@sallyport/shared/policy/rate.ts';
import {
  type CheckedRequest,
  checkRequest,
  readRequest,
  writeRequest,
} from '@sallyport/shared/policy/request.ts';
import type { Allowance } from '@sallyport/shared/processes/guard/allowance.ts';
import type { Arrived, GuardContext } from '@sallyport/shared/processes/guard/context.ts';
import { toldFacts } from './facts.ts';
import { prove } from './prove.ts';

/** What this node remembers of the calls before. */
export interface Counted {
  readonly replays: Replays;
  readonly allowance: Allowance;
}

export interface Admitted {
  readonly decision: Decision;
  readonly request: CheckedRequest;
  /** As the message says, and never later than the policy allows from now. */
  readonly deadlineMs: number;
  /** The signature that is used with it. */
  readonly use?: RecordedUse;
  /** Its body as JSON that fits the schema; empty where it has none. */
  readonly json: Buffer;
}

/** What plug-ins answered about it beforehand. */
export interface Answers {
  readonly plugins?: ReadonlyMap<string, boolean> | undefined;
  readonly recognised?: Recognised | undefined;
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
  counted: Counted,
  answers: Answers = {},
): Admitted | SallyportError {
  try {
    return admit(node, arrived, counted, answers);
  } catch (thrown) {
    return asOfAgain(asSallyportError(thrown), arrived);
  }
}

/** It may have been called before a restart; that it would be refused today does not undo that. */
export function asOfAgain(
  error: SallyportError,
  { again }: Pick<Arrived, 'again'>,
): SallyportError {
  if (!again || error.code === 'DEADLINE_PASSED') return error;
  return new SallyportError('IN_DOUBT', 'it may have been called before', { cause: error });
}

/**
 * Errors: POLICY_MISSING, those of decide, PACKAGE_MESSAGE where the sealed flow is not what the
 * policy makes of the path or a header is not one that the route names, those of prove,
 * SIGNATURE_REPLAYED, IN_DOUBT for a request that may have been called before a restart and must
 * not be called twice, DEADLINE_PASSED, RATE_LIMITED, those of readRequest, checkRequest and
 * writeRequest.
 */
function admit(
  node: GuardContext,
  arrived: Arrived<RequestHeader>,
  { replays, allowance }: Counted,
  { plugins, recognised }: Answers,
): Admitted {
  const { header, body } = arrived;
  const [startedMs, nowMs] = [performance.now(), node.now()];
  const { id: exchangeId, consumer, flow } = header;
  const about = { exchangeId, consumer, flow, ...toldFacts(header) };
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
    plugins,
  });
  if (decision.flow !== header.flow) {
    throw new SallyportError('PACKAGE_MESSAGE', 'expected the flow that the path belongs to');
  }
  if (!allNamed(header.headers, decision.requestHeaders)) {
    throw new SallyportError('PACKAGE_MESSAGE', 'expected only headers that the route names');
  }
  const proof = { nowMs, decision, recognised };
  const { use, asSent, ...content } = prove(compiled, header, body, proof);
  const used = use && { ...use, consumer: header.consumer, id: header.id };
  if (used) replays.take(used);
  if (arrived.again && !decision.idempotent) {
    throw new SallyportError('IN_DOUBT', 'the node restarted while the service was being called');
  }
  if (header.deadlineMs <= nowMs) {
    throw new SallyportError('DEADLINE_PASSED', 'the request came after its deadline');
  }
  if (!arrived.again) {
    const { refusal } = allowance.take(decision, nowMs, lateness(header, decision, nowMs));
    if (refusal) throw refusal;
  }
  const sent = { params: match.params, ...content };
  // What proves the caller crosses as it came; all else comes as JSON.
  const checked = checkRequest(decision, asSent ? readRequest(decision, sent) : sent);
  const request = writeRequest(decision, checked);
  const tookMs = performance.now() - startedMs;
  const policyVersion = policy.version;
  node.audit.append({ event: 'decide', atMs: nowMs, ...about, packageId, policyVersion, tookMs });
  const deadlineMs = Math.min(header.deadlineMs, nowMs + decision.deadlineMs);
  return { decision, request, deadlineMs, json: checked.body, ...(used && { use: used }) };
}

/**
 * The outer guard counted it when it accepted it: `deadlineMs` of the route before what the message says. How
 * far it can be believed is said in docs/spec/terms.md §At the inner node.
 */
function lateness({ deadlineMs }: RequestHeader, decision: Decision, nowMs: number): Late {
  const acceptedAtMs = deadlineMs - decision.deadlineMs;
  return {
    byMs: decision.deadlineMs + limits.clockApartMs,
    countedAtMs: Math.min(acceptedAtMs, nowMs + limits.clockSkewMs),
  };
}
