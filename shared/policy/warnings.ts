/**
 * What a policy may say and hardly means: grants that can never match, routes that nobody can call, masks
 * without effect. And what everybody shall see: each exception.
 */
import { labelOf } from '../accounts/credential.ts';
import { limits } from '../limits.ts';
import { fieldsFor } from './access.ts';
import { compileDenies, compileTerms } from './allow.ts';
import type { Condition, Facts } from './conditions.ts';
import type { Grant, Policy, Route, Service } from './model.ts';
import type { Terms } from './terms.ts';

export interface Warning {
  /** `unmasked` and `unscanned` are no faults: they must not be overlooked. */
  readonly kind: 'never' | 'unreachable' | 'no-effect' | 'unmasked' | 'unscanned';
  /** As in a diff: `grants/tax-bureau/citizen-registry/get-citizen`. */
  readonly part: string;
  readonly message: string;
}

/** As of `nowMs`. Errors: POLICY_INVALID for a condition outside the profile. */
export function policyWarnings(policy: Policy, nowMs: number): Warning[] {
  const found: Warning[] = [];
  const routes = new Map<string, { service: Service; route: Route }>();
  for (const service of policy.services) {
    for (const route of service.routes)
      routes.set(`${service.name}/${route.name}`, { service, route });
  }
  const denies = compileDenies(policy.deny ?? []);
  const live = new Set<string>();
  const byFlow = Map.groupBy(policy.grants, ({ flow }) => flow);
  for (const grant of policy.grants) {
    const part = `grants/${grant.consumer}/${grant.flow}`;
    const place = routes.get(grant.flow);
    const { when, denies: own } = compileTerms(grant, denies);
    const never = place && neverOf(grant, when, own, { ...place, nowMs });
    if (never === undefined) live.add(grant.flow);
    else found.push({ kind: 'never', part, message: never });
    for (const { field, reason, approver, untilMs } of grant.unmasked ?? []) {
      if (untilMs <= nowMs) {
        const message = `the exception for ${field} has ended`;
        found.push({ kind: 'no-effect', part, message });
        continue;
      }
      const until = new Date(untilMs).toISOString();
      const message = `UNMASKED ${field} until ${until}: ${reason} (approved by ${approver})`;
      found.push({ kind: 'unmasked', part, message });
    }
  }
  for (const [flow, { route }] of routes) {
    for (const { field, scan } of [
      ...(route.request.files ?? []),
      ...(route.response.files ?? []),
    ]) {
      if (scan === 'required') continue;
      const message = `UNSCANNED the file in ${field} goes to no scanner`;
      found.push({ kind: 'unscanned', part: `services/${flow}`, message });
    }
    if (!live.has(flow)) {
      const message = 'no grant that can match: nobody can call it';
      found.push({ kind: 'unreachable', part: `services/${flow}`, message });
    } else found.push(...idleMasks(byFlow.get(flow) ?? [], flow, route));
  }
  found.push(...endingLists(policy, nowMs));
  const granted = new Set(policy.grants.map(({ consumer }) => consumer));
  for (const { name } of policy.consumers) {
    if (granted.has(name)) continue;
    const message = 'a consumer without a grant can call nothing';
    found.push({ kind: 'no-effect', part: `consumers/${name}`, message });
  }
  for (const { name, untilMs } of policy.deny ?? []) {
    if (untilMs === undefined || untilMs > nowMs) continue;
    found.push({ kind: 'no-effect', part: `deny/${name}`, message: 'the rule has ended' });
  }
  return found;
}

/** Past the end of a revocation list nobody comes in by its credential. */
function endingLists({ consumers }: Policy, nowMs: number): Warning[] {
  return consumers.flatMap(({ name, credentials }) =>
    credentials.flatMap((one): Warning[] => {
      const untilMs = one.type === 'certificate' ? one.revoked?.untilMs : undefined;
      if (untilMs === undefined || untilMs > nowMs + limits.crlWarnMs) return [];
      const verb = untilMs <= nowMs ? 'has ended' : 'ends';
      const moment = new Date(untilMs).toISOString();
      const message = `${labelOf(one)}: its revocation list ${verb} on ${moment}; nobody comes in after`;
      return [{ kind: 'never', part: `consumers/${name}`, message }];
    }),
  );
}

interface Place {
  readonly service: Service;
  readonly route: Route;
  readonly nowMs: number;
}

function neverOf(
  grant: Grant,
  when: Condition | undefined,
  denies: readonly {
    readonly rule: Terms & { name: string };
    readonly when: Condition | undefined;
  }[],
  place: Place,
): string | undefined {
  const { nowMs } = place;
  if (grant.untilMs !== undefined && grant.untilMs <= nowMs) {
    return `it ended on ${new Date(grant.untilMs).toISOString()}`;
  }
  const from = Math.max(nowMs, grant.fromMs ?? 0);
  const until = grant.untilMs ?? Number.POSITIVE_INFINITY;
  const total = denies.find(
    (deny) =>
      deny.when === undefined &&
      (deny.rule.fromMs ?? 0) <= from &&
      (deny.rule.untilMs ?? Number.POSITIVE_INFINITY) >= until,
  );
  if (total !== undefined) return `the deny rule ${total.rule.name} refuses all of its calls`;
  if (when === undefined || when.reads.size > 0 || canHold(grant, when, place, from, until)) {
    return undefined;
  }
  return `its condition held at none of ${limits.conditionSamplesMax} moments of its time`;
}

/** Tries moments of the time of a grant, a year at most, at another minute each hour. */
function canHold(
  grant: Grant,
  when: Condition,
  { service, route }: Place,
  fromMs: number,
  untilMs: number,
): boolean {
  const { name, owner, level } = service;
  const about = { flow: grant.flow, service: name, name: route.name, owner, level };
  const spanMs = Math.min(untilMs - fromMs, limits.conditionSamplesMax * sampleMs);
  const step = Math.min(sampleMs, spanMs / limits.conditionSamplesMax);
  for (let at = fromMs; at < fromMs + spanMs; at += step) {
    for (const method of route.methods) {
      const facts: Facts = { nowMs: at, method, consumer: { name: grant.consumer }, route: about };
      try {
        if (when.holds(facts)) return true;
      } catch {
        // It has no answer then, which refuses.
      }
    }
  }
  return false;
}

const sampleMs = 61 * 60_000;

/** Masks whose field nobody is granted, as long as no exception opens it. */
function idleMasks(grants: readonly Grant[], flow: string, route: Route): Warning[] {
  const rows = grants.flatMap((grant) => fieldsFor(route, grant, Number.POSITIVE_INFINITY));
  const used = new Set(
    rows.flatMap(({ access }) => (access.kind === 'masked' ? [access.mask.field] : [])),
  );
  const idle = route.response.masks.map(({ field }) => field).filter((field) => !used.has(field));
  if (idle.length === 0) return [];
  const message = `nobody gets these masked fields, so their masks never run: ${idle.join(', ')}`;
  return [{ kind: 'no-effect', part: `services/${flow}`, message }];
}
