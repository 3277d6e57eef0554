/** Plans for the policy, and what was used of the limits of its grants. */
import { limits } from '../../limits.ts';
import { type Usage, unused } from '../../policy/rate.ts';
import type { PlanState, PolicyPlan, PolicyReads, PolicyWrites } from '../policy-port.ts';
import type { Statements } from './statements.ts';

interface PlanRow {
  readonly id: string;
  readonly state: PlanState;
  readonly details: string;
}

interface AllowanceRow {
  readonly key: string;
  readonly used_at: number;
  readonly usage: string;
}

export function policyRecords(sql: Statements): { reads: PolicyReads; writes: PolicyWrites } {
  const plans = sql.all<PlanRow>(
    'SELECT id, state, details FROM policy_plan ORDER BY id DESC LIMIT ?',
  );
  const plan = sql.one<PlanRow>('SELECT id, state, details FROM policy_plan WHERE id = ?');
  const content = sql.one<{ policy: Buffer }>('SELECT policy FROM policy_plan WHERE id = ?');
  const add = sql.change('INSERT INTO policy_plan VALUES (?, ?, ?, ?)');
  const change = sql.change('UPDATE policy_plan SET state = ?, details = ? WHERE id = ?');
  const forgetPlans = sql.change(
    `DELETE FROM policy_plan WHERE id NOT IN
     (SELECT id FROM policy_plan ORDER BY id DESC LIMIT ?)`,
  );
  const allowances = sql.all<AllowanceRow>('SELECT key, used_at, usage FROM allowance');
  const putAllowance = sql.change('INSERT OR REPLACE INTO allowance VALUES (?, ?, ?)');
  const forgetAllowances = sql.change('DELETE FROM allowance WHERE used_at < ?');

  return {
    reads: {
      policyPlans: (count) => plans(count).map(planOf),
      policyPlan(id) {
        const row = plan(id);
        return row && planOf(row);
      },
      plannedPolicy: (id) => content(id)?.policy,
      allowances: () =>
        allowances().map(({ key, usage }) => ({ key, usage: { ...unused, ...JSON.parse(usage) } })),
    },
    writes: {
      addPolicyPlan({ id, state, ...details }, policy) {
        add(id, state, JSON.stringify(details), policy);
        forgetPlans(limits.policyPlansKept);
      },
      changePolicyPlan({ id, state, ...details }) {
        change(state, JSON.stringify(details), id);
      },
      putAllowance(key: string, usage: Usage) {
        putAllowance(key, Math.floor(usage.atMs), JSON.stringify(usage));
      },
      forgetAllowances: (beforeMs) => void forgetAllowances(beforeMs),
    },
  };
}

function planOf({ id, state, details }: PlanRow): PolicyPlan {
  return { id, state, ...(JSON.parse(details) as Omit<PolicyPlan, 'id' | 'state'>) };
}
