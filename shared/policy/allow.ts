/**
 * Does a grant hold for this call? Deny rules first, for nothing overrides them; then its dates and its
 * condition. What cannot be answered is refused, in a deny rule too.
 */
import { SallyportError } from '../errors.ts';
import { type Condition, type CrossingFact, type Facts, readCondition } from './conditions.ts';
import type { Grant } from './model.ts';
import type { Deny, Terms } from './terms.ts';

/** The terms of one grant, and the deny rules that can fit its calls. */
export interface CompiledTerms {
  readonly when: Condition | undefined;
  readonly denies: readonly CompiledDeny[];
  /** Facts of the outer node that a decision reads: these cross with the request. */
  readonly reads: ReadonlySet<CrossingFact>;
  /** Plug-ins that are asked before. */
  readonly plugins: ReadonlySet<string>;
}

export interface CompiledDeny {
  readonly rule: Deny;
  readonly when: Condition | undefined;
}

/** Errors: POLICY_INVALID for a condition outside the profile. */
export function compileDenies(denies: readonly Deny[]): CompiledDeny[] {
  return denies.map((rule) => ({ rule, when: conditionOf(rule) }));
}

/** Errors: POLICY_INVALID for a condition outside the profile. */
export function compileTerms(grant: Grant, denies: readonly CompiledDeny[]): CompiledTerms {
  const when = conditionOf(grant);
  const own = denies.filter(({ rule }) => concerns(rule, grant));
  const conditions = [when, ...own.map((deny) => deny.when)];
  const reads = new Set(conditions.flatMap((one) => [...(one?.reads ?? [])]));
  const plugins = new Set(conditions.flatMap((one) => [...(one?.plugins ?? [])]));
  return { when, denies: own, reads, plugins };
}

/** Errors in check order: DENIED, GRANT_EARLY, GRANT_EXPIRED, CONDITION_UNMET; CONDITION_FAILED. */
export function expectAllowed(grant: Grant, terms: CompiledTerms, facts: Facts): void {
  for (const { rule, when } of terms.denies) {
    if (!isInDate(rule, facts.nowMs)) continue;
    if (when !== undefined && !when.holds(facts)) continue;
    throw new SallyportError('DENIED', `expected a call that no rule denies, got ${rule.name}`, {
      hint: `the policy says why: ${rule.reason}`,
      rule: rule.name,
    });
  }
  if (facts.nowMs < (grant.fromMs ?? 0)) {
    throw new SallyportError('GRANT_EARLY', `expected a grant that has begun for ${grant.flow}`, {
      hint: 'change "from" of the grant and apply the policy',
    });
  }
  if (facts.nowMs >= (grant.untilMs ?? Number.POSITIVE_INFINITY)) {
    throw new SallyportError('GRANT_EXPIRED', `expected a grant in force for ${grant.flow}`, {
      hint: 'extend "until" of the grant and apply the policy',
    });
  }
  if (terms.when === undefined || terms.when.holds(facts)) return;
  throw new SallyportError('CONDITION_UNMET', `expected the condition for ${grant.flow} to hold`, {
    hint: '`sallyport policy explain` shows the condition and the facts',
  });
}

export function isInDate({ fromMs = 0, untilMs }: Terms, nowMs: number): boolean {
  return nowMs >= fromMs && nowMs < (untilMs ?? Number.POSITIVE_INFINITY);
}

export function concerns({ consumers, flows }: Deny, grant: Grant): boolean {
  const whom = consumers === undefined || consumers.includes(grant.consumer);
  return whom && (flows === undefined || flows.includes(grant.flow));
}

function conditionOf({ when }: Terms): Condition | undefined {
  if (when === undefined) return undefined;
  const read = readCondition(when);
  if ('condition' in read) return read.condition;
  throw new SallyportError('POLICY_INVALID', read.fault);
}
