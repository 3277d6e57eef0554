/** What the store keeps about the policy besides its bundles: plans for the next one, and what was used. */
import type { Usage } from '../policy/rate.ts';

/** `proposed` → `approved` → `applied`; before that also `withdrawn`. */
export type PlanState = 'proposed' | 'approved' | 'applied' | 'withdrawn';

/** A policy that somebody wants to put in force. */
export interface PolicyPlan {
  /** UUIDv7. */
  readonly id: string;
  readonly state: PlanState;
  readonly createdAtMs: number;
  /** Version in force when it was made; 0: none. */
  readonly baseVersion: number;
  /** SHA-256 (hex) of the policy that it is to replace. */
  readonly baseDigest: string;
  /** SHA-256 (hex) of its policy: what was reviewed. */
  readonly digest: string;
  readonly proposer: string;
  /** Why, in the words of the proposer. */
  readonly note: string;
  readonly approver?: string;
  readonly approvedAtMs?: number;
  /** Version that it became. */
  readonly version?: number;
  /** Who applied or withdrew it, and when. */
  readonly closer?: string;
  readonly closedAtMs?: number;
}

export interface PolicyReads {
  /** Newest first, at most `count`. */
  policyPlans(count: number): PolicyPlan[];
  policyPlan(id: string): PolicyPlan | undefined;
  /** Canonical JSON of a plan's policy. */
  plannedPolicy(id: string): Buffer | undefined;
  /** What was used of the limits of grants, by `consumer flow`. */
  allowances(): { readonly key: string; readonly usage: Usage }[];
}

export interface PolicyWrites {
  /** Keeps the newest `policyPlansKept`. */
  addPolicyPlan(plan: PolicyPlan, policy: Uint8Array): void;
  /** Everything but its policy may change. */
  changePolicyPlan(plan: PolicyPlan): void;
  putAllowance(key: string, usage: Usage): void;
  /** Of grants that nobody used since. */
  forgetAllowances(beforeMs: number): void;
}
