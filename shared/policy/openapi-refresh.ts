/**
 * A policy against a newer OpenAPI document of its service: what the document has now that the policy does
 * not, and the other way round. Nothing is written: people decide what of it the policy takes over.
 */
import { SallyportError } from '../errors.ts';
import { type Change, diffPolicy } from './diff.ts';
import type { Policy, Route, Service } from './model.ts';
import { policyOfOpenApi } from './openapi.ts';

/**
 * Changes from the policy to the document, by method and path: parameters, bodies and statuses. What the
 * document cannot know (masks, headers, times) is left out. Errors: POLICY_INVALID, also where the policy
 * has no such service.
 */
export function refreshFromOpenApi(policy: Policy, service: string, document: string): Change[] {
  const own = policy.services.find(({ name }) => name === service);
  if (own === undefined) {
    throw new SallyportError('POLICY_INVALID', `expected a service ${service} in the policy`, {
      hint: 'name one of the services of the policy with --service',
    });
  }
  const upstream = own.upstream.targets[0]?.url ?? 'http://127.0.0.1';
  const [made] = policyOfOpenApi(document, { service, upstream }).services;
  const described = made?.routes ?? [];
  return diffPolicy(skeleton(own, own.routes), skeleton(own, described)).map((change) => ({
    ...change,
    part: change.part.replace(/^services\/[^/]*\//, ''),
  }));
}

/** A policy of nothing but what both sides can say, one route for each method and path. */
function skeleton(service: Service, routes: readonly Route[]): Policy {
  const bare = routes.flatMap((route) =>
    route.methods.map((method): Route => {
      const { headers: _request, ...request } = route.request;
      const { statuses, schema } = route.response;
      const shape = route.path.replace(/\{[^}]*\}/g, '{}');
      return {
        ...fixed,
        name: `${method} ${shape}`,
        methods: [method],
        path: shape,
        request: { ...request, headers: [] },
        response: { statuses, ...(schema && { schema }), headers: [], masks: [] },
      };
    }),
  );
  return {
    services: [{ ...service, routes: bare }],
    consumers: [],
    grants: [],
    credentials: noKeys,
  };
}

const noKeys = { hashKey: '', keys: [] };
const fixed = { timeoutMs: 1, deadlineMs: 1, idempotent: false, idempotencyKey: false };
