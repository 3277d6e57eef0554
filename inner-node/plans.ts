/**
 * Plans: one person proposes a policy, another approves it, then it can be put in force. What was approved
 * is what is applied: the plan keeps its policy, and is refused once another policy came between.
 *
 * Issued keys are no part of a plan. They change on their own, and a plan must not bring back a key that
 * was revoked while it waited.
 */
import { createHash } from 'node:crypto';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { isId, newId } from '@sallyport/shared/ids.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { decodeCredentials, decodePolicy, encodePolicy } from '@sallyport/shared/policy/bundle.ts';
import { withCredentials } from '@sallyport/shared/policy/credentials.ts';
import { type Credentials, noCredentials, type Policy } from '@sallyport/shared/policy/model.ts';
import type { GuardContext } from '@sallyport/shared/processes/guard/context.ts';
import type { Handlers, Reply } from '@sallyport/shared/processes/ipc/peer.ts';
import type { PlanState, PolicyPlan } from '@sallyport/shared/store/policy-port.ts';
import type { StoreWrites } from '@sallyport/shared/store/port.ts';

/** Puts a policy in force; `also` joins the commit. As the authority does. */
export type Put = (
  policy: Policy,
  actor: string,
  also?: (tx: StoreWrites, version: number) => void,
) => Promise<Reply>;

interface Parts {
  readonly put: Put;
  /** The policy in force and its version. */
  readonly current: () => { readonly policy: Policy; readonly version: number } | undefined;
  readonly actorOf: (head: unknown) => string;
}

/** Verbs of the control socket. Each answers with the plan, without its policy. */
export function planHandlers(node: GuardContext, { put, current, actorOf }: Parts): Handlers {
  const change = async (plan: PolicyPlan, event: string, actor: string): Promise<Reply> => {
    await node.store.write((tx) => {
      tx.changePolicyPlan(plan);
      node.audit.append({ event, atMs: node.now(), actor, plan: plan.id });
      node.audit.drain(tx);
    });
    return { head: plan };
  };

  /** Body: canonical JSON of a checked policy. Errors: POLICY_INVALID, PLAN_SELF_APPROVED, OVERLOADED. */
  const propose = async (head: unknown, body: Buffer): Promise<Reply> => {
    const policy = withoutKeys(decodePolicy(body));
    const proposer = actorOf(head);
    const base = current();
    expectOthersApproval(policy, base?.policy, proposer);
    const open = node.store.policyPlans(limits.policyPlansKept).filter((one) => isOpen(one.state));
    if (open.length >= limits.policyPlansOpenMax) {
      throw new SallyportError('OVERLOADED', `expected fewer open plans, got ${open.length}`, {
        hint: 'apply or withdraw some of them',
      });
    }
    const bytes = encodePolicy(policy);
    const createdAtMs = node.now();
    const plan: PolicyPlan = {
      id: newId(createdAtMs),
      state: 'proposed',
      createdAtMs,
      baseVersion: base?.version ?? 0,
      baseDigest: digestOf(base?.policy),
      digest: digestOf(policy),
      proposer,
      note: noteOf(head),
    };
    await node.store.write((tx) => {
      tx.addPolicyPlan(plan, bytes);
      node.audit.append({
        event: 'policy-plan',
        atMs: createdAtMs,
        actor: proposer,
        plan: plan.id,
      });
      node.audit.drain(tx);
    });
    return { head: plan };
  };

  /** Errors: PLAN_UNKNOWN, PLAN_STATE, PLAN_STALE, PLAN_SELF_APPROVED. */
  const approve = async (head: unknown): Promise<Reply> => {
    const plan = planOf(node, head);
    const approver = actorOf(head);
    expectState(plan, ['proposed']);
    expectFresh(plan, current()?.policy);
    if (approver === plan.proposer) throw selfApproved(`expected another person than ${approver}`);
    const approved = { ...plan, state: 'approved', approver, approvedAtMs: node.now() } as const;
    return change(approved, 'policy-approve', approver);
  };

  /** Body: all issued keys. Errors: PLAN_UNKNOWN, PLAN_STATE, PLAN_STALE, and those of `put`. */
  const apply = async (head: unknown, body: Buffer): Promise<Reply> => {
    const plan = planOf(node, head);
    const closer = actorOf(head);
    expectState(plan, ['approved']);
    expectFresh(plan, current()?.policy);
    const policy = withKeys(plannedPolicy(node, plan), decodeCredentials(body));
    const applied = { ...plan, state: 'applied', closer, closedAtMs: node.now() } as const;
    const reply = await put(policy, closer, (tx, version) => {
      tx.changePolicyPlan({ ...applied, version });
    });
    const { applied: isNew } = reply.head as { applied: boolean };
    if (!isNew) await change(applied, 'policy-withdraw', closer);
    return reply;
  };

  /** Errors: PLAN_UNKNOWN, PLAN_STATE. */
  const withdraw = async (head: unknown): Promise<Reply> => {
    const plan = planOf(node, head);
    const closer = actorOf(head);
    expectState(plan, ['proposed', 'approved']);
    const withdrawn = { ...plan, state: 'withdrawn', closer, closedAtMs: node.now() } as const;
    return change(withdrawn, 'policy-withdraw', closer);
  };

  return {
    'policy-plan': told(node, actorOf, propose),
    'policy-approve': told(node, actorOf, approve),
    'policy-plan-apply': told(node, actorOf, apply),
    'policy-withdraw': told(node, actorOf, withdraw),
    'policy-plan-show': (head) => {
      const plan = planOf(node, head);
      return { head: plan, body: Buffer.from(encodePolicy(plannedPolicy(node, plan))) };
    },
  };
}

/** SHA-256 (hex) of a policy without its issued keys; of nothing where there is none. */
export function digestOf(policy: Policy | undefined): string {
  const bytes = policy === undefined ? '' : encodePolicy(withoutKeys(policy));
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Who asks for an exception does not approve it. Errors: PLAN_SELF_APPROVED where one that is not in force
 * yet names its proposer as approver.
 */
export function expectOthersApproval(
  policy: Policy,
  current: Policy | undefined,
  proposer: string,
): void {
  const keysOf = (one: Policy | undefined): string[] =>
    (one?.grants ?? []).flatMap(({ consumer, flow, unmasked = [] }) =>
      unmasked.map((exception) => JSON.stringify([consumer, flow, exception])),
    );
  const known = new Set(keysOf(current));
  for (const { consumer, flow, unmasked = [] } of policy.grants) {
    for (const exception of unmasked) {
      if (known.has(JSON.stringify([consumer, flow, exception]))) continue;
      if (exception.approver !== proposer) continue;
      throw selfApproved(`expected another approver of ${exception.field} than ${proposer}`);
    }
  }
}

/** A refused step is recorded with who tried it. */
function told(
  node: GuardContext,
  actorOf: Parts['actorOf'],
  step: (head: unknown, body: Buffer) => Promise<Reply>,
) {
  return async (head: unknown, body: Buffer): Promise<Reply> => {
    try {
      return await step(head, body);
    } catch (thrown) {
      const code = thrown instanceof SallyportError ? thrown.code : 'INTERNAL';
      // The authority records its own refusals.
      if (code.startsWith('PLAN_')) {
        node.audit.append({ event: 'refuse', atMs: node.now(), code, actor: actorOf(head) });
        node.flushAudit();
      }
      throw thrown;
    }
  };
}

function withoutKeys(policy: Policy): Policy {
  return { ...policy, credentials: noCredentials };
}

const withKeys = (policy: Policy, credentials: Credentials): Policy =>
  withCredentials(policy, credentials);

const isOpen = (state: PlanState): boolean => state === 'proposed' || state === 'approved';

function planOf(node: GuardContext, head: unknown): PolicyPlan {
  const id = (head as { id?: unknown } | null)?.id;
  const plan = isId(id) ? node.store.policyPlan(id) : undefined;
  if (plan !== undefined) return plan;
  throw new SallyportError('PLAN_UNKNOWN', 'expected the id of a plan, got another', {
    hint: '`sallyport policy plans` lists them',
  });
}

/** Errors: POLICY_INVALID where the stored policy is not the one that was proposed. */
function plannedPolicy(node: GuardContext, plan: PolicyPlan): Policy {
  const policy = decodePolicy(node.store.plannedPolicy(plan.id) ?? Buffer.alloc(0));
  if (digestOf(policy) === plan.digest) return policy;
  throw new SallyportError('POLICY_INVALID', 'expected the policy that was proposed, got another', {
    hint: 'the store was changed from outside: keep it as evidence, and make the plan again',
  });
}

function expectState({ state }: PolicyPlan, expected: readonly PlanState[]): void {
  if (expected.includes(state)) return;
  throw new SallyportError(
    'PLAN_STATE',
    `expected a plan that is ${expected.join(' or ')}, got ${state}`,
    {
      hint: state === 'proposed' ? 'let another person approve it first' : 'make a new plan',
    },
  );
}

function expectFresh(plan: PolicyPlan, current: Policy | undefined): void {
  if (plan.baseDigest === digestOf(current)) return;
  throw new SallyportError(
    'PLAN_STALE',
    'expected the policy that the plan was made for in force',
    {
      hint: 'make the plan again: what it would change is not what was reviewed',
    },
  );
}

function selfApproved(message: string): SallyportError {
  return new SallyportError('PLAN_SELF_APPROVED', message, {
    hint: 'proposer and approver are two people',
  });
}

function noteOf(head: unknown): string {
  const note = (head as { note?: unknown } | null)?.note;
  return typeof note === 'string' ? note.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ').slice(0, 200) : '';
}
