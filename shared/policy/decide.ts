/** May this consumer make this call? Both guards ask it, each of its own copy of the policy. */

import { SallyportError } from '../errors.ts';
import { expectAllowed } from './allow.ts';
import {
  type CompiledGrant,
  type CompiledPolicy,
  type CompiledRoute,
  type GrantPlan,
  grantKey,
  planAt,
} from './compile.ts';
import type { CrossingFact, Facts, RiskFact, SourceFact } from './conditions.ts';
import type { DataLevel, Upstream } from './model.ts';
import type { Rates } from './terms.ts';

export interface RouteMatch {
  /** `service/route`. */
  readonly flow: string;
  readonly method: string;
  /** Decoded path parameters by name. */
  readonly params: Readonly<Record<string, string>>;
  readonly compiled: CompiledRoute;
}

/** What a consumer may do with one call. */
export interface Decision extends GrantPlan {
  readonly flow: string;
  readonly service: string;
  readonly route: string;
  readonly consumer: string;
  readonly method: string;
  readonly level: DataLevel;
  /** Fields of the answer that the consumer may get. */
  readonly fields: readonly string[];
  readonly policyVersion: number;
  /** How long a caller waits on the line for the answer. */
  readonly timeoutMs: number;
  /** How long after acceptance the answer is still of use; a duration, at least `timeoutMs`. */
  readonly deadlineMs: number;
  /** The request may be sent again after a doubt. */
  readonly idempotent: boolean;
  /** The service honours Idempotency-Key: each attempt carries the id of the request. */
  readonly sendsIdempotencyKey: boolean;
  readonly upstream: Upstream;
  /** Lower-case names of the headers that may cross with a request. */
  readonly requestHeaders: readonly string[];
  readonly compiled: CompiledRoute;
  /** How many calls the consumer may make on this flow. */
  readonly limits: Rates | undefined;
  /** What of the outer node the decision read: it crosses, so that the inner guard can decide again. */
  readonly reads: ReadonlySet<CrossingFact>;
}

/**
 * The route of a call; `path` in normal form. Errors: PATH_REFUSED, ROUTE_UNKNOWN, METHOD_REFUSED.
 */
export function matchRoute(compiled: CompiledPolicy, method: string, path: string): RouteMatch {
  const { route, params } = compiled.routes.match(method, path);
  return { flow: route.flow, method, params, compiled: route };
}

/** Default deny. Errors in check order: GRANT_MISSING, then those of expectAllowed. */
export function decide(
  policy: CompiledPolicy,
  call: {
    readonly consumer: { readonly name: string };
    readonly match: RouteMatch;
    readonly nowMs: number;
    readonly source?: SourceFact | undefined;
    readonly risk?: RiskFact | undefined;
    readonly plugins?: Facts['plugins'];
  },
): Decision {
  const { match } = call;
  const granted = grantOf(policy, call.consumer.name, match.flow);
  const { grant, terms } = granted;
  expectAllowed(grant, terms, factsOf(call.consumer.name, match, call));
  const { service, route } = match.compiled;
  return {
    flow: match.flow,
    service: service.name,
    route: route.name,
    consumer: grant.consumer,
    method: match.method,
    level: service.level,
    fields: grant.fields,
    policyVersion: policy.version,
    timeoutMs: route.timeoutMs,
    deadlineMs: route.deadlineMs,
    idempotent: route.idempotent || match.method === 'GET',
    sendsIdempotencyKey: route.idempotencyKey,
    upstream: service.upstream,
    requestHeaders: route.request.headers,
    compiled: match.compiled,
    limits: grant.limits,
    reads: terms.reads,
    ...planAt(granted, call.nowMs),
  };
}

/** What conditions may ask about a call. */
export function factsOf(
  consumer: string,
  { method, flow, compiled: { service, route } }: RouteMatch,
  { nowMs, source, risk, plugins }: Pick<Facts, 'nowMs' | 'source' | 'risk' | 'plugins'>,
): Facts {
  const { name, owner, level } = service;
  return {
    nowMs,
    method,
    consumer: { name: consumer },
    route: { flow, service: name, name: route.name, owner, level },
    source,
    risk,
    plugins,
  };
}

/**
 * What may be released of an answer to a call that was allowed when it was made: a grant that ended
 * in the meantime still counts, one that was taken away does not. `acceptedAtMs`: when the call was
 * accepted, for an exception holds for the calls that were made before its end. Errors: GRANT_MISSING.
 */
export function planFor(
  policy: CompiledPolicy,
  consumer: string,
  flow: string,
  acceptedAtMs: number,
): GrantPlan {
  return planAt(grantOf(policy, consumer, flow), acceptedAtMs);
}

function grantOf(policy: CompiledPolicy, consumer: string, flow: string): CompiledGrant {
  const granted = policy.grants.get(grantKey(consumer, flow));
  if (granted !== undefined) return granted;
  throw new SallyportError('GRANT_MISSING', `expected a grant for ${flow}, got none`, {
    hint: 'add a grant for the consumer and apply the policy',
  });
}
