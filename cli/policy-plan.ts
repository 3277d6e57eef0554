/** Plans for the policy: proposed by one person, approved by another, then put in force. */
import { readCredentials } from '@sallyport/inner-node/policy/credentials.ts';
import { counted } from '@sallyport/shared/counted.ts';
import { decodePolicy, encodeCredentials, encodePolicy } from '@sallyport/shared/policy/bundle.ts';
import { withCredentials } from '@sallyport/shared/policy/credentials.ts';
import { type Change, diffPolicy } from '@sallyport/shared/policy/diff.ts';
import type { Policy } from '@sallyport/shared/policy/model.ts';
import type { PolicyPlan } from '@sallyport/shared/store/policy-port.ts';
import type { Command } from 'commander';
import { actor } from './actor.ts';
import { readCount, timeText } from './amounts.ts';
import { control } from './control.ts';
import { bundleOf, expectRemovals, loadPolicy, painted, requireBundle } from './policy-source.ts';
import { result, resultJson, tell } from './print.ts';

interface Flags {
  readonly dir: string;
  readonly json?: boolean;
  readonly remove?: boolean;
  readonly as?: string;
  readonly note?: string;
  readonly plan?: boolean;
}

export function registerPlans(onInner: (name: string, description: string) => Command): void {
  const as = ['--as <name>', 'who does it; without, the user of this machine'] as const;
  onInner('plan', 'propose a policy, for another person to approve (on the inner node)')
    .argument('<path>', 'policy.yaml or its folder')
    .option('--note <text>', 'why')
    .option('--remove', 'allow that services, routes, consumers, grants or keys go')
    .option(...as)
    .action(async (path: string, flags: Flags) => {
      await propose(await loadPolicy(path, flags.dir), flags);
    });
  onInner('plans', 'show the plans, newest first').action(list);
  onInner('approve', 'approve a plan that another person proposed')
    .argument('<id>', 'id of the plan')
    .option(...as)
    .action(approve);
  onInner('withdraw', 'withdraw a plan')
    .argument('<id>', 'id of the plan')
    .option(...as)
    .action(withdraw);
  onInner('rollback', 'put an earlier version in force again, as a new one')
    .argument('<version>', 'as `history` shows it', readCount)
    .option('--plan', 'propose it instead')
    .option('--note <text>', 'why, for a plan')
    .option('--remove', 'allow that services, routes, consumers, grants or keys go')
    .option(...as)
    .action(rollback);
}

/** Errors: USAGE, and those of the node. */
async function propose(policy: Policy, flags: Flags): Promise<void> {
  const { dir, json, remove, as, note = '' } = flags;
  const changes = await showChanges(dir, policy, json);
  expectRemovals(changes, remove);
  const who = { actor: as ?? actor(), note };
  const plan = (await control(dir, 'policy-plan', who, encodePolicy(policy))).head as PolicyPlan;
  if (json === true) return resultJson({ ...plan, changes });
  result(plan.id);
  tell(
    `${plan.proposer} proposes ${counted(changes.length, 'change')} to version ${plan.baseVersion}`,
    `another person: \`sallyport policy approve ${plan.id} --dir ${dir} --as NAME\``,
  );
}

async function list({ dir, json }: Flags): Promise<void> {
  const plans = (await control(dir, 'policy-plans')).head as PolicyPlan[];
  if (json === true) return resultJson(plans);
  for (const { id, state, createdAtMs, proposer, approver = '-', version, note } of plans) {
    const became = version === undefined ? '' : `version ${version}  `;
    const people = `${proposer} → ${approver}`;
    result(
      `${id}  ${state.padEnd(9)}  ${timeText(createdAtMs)}  ${people}  ${became}${note}`.trimEnd(),
    );
  }
  if (plans.length === 0) tell('no plan');
}

/** Shows what is approved before it is. */
async function approve(id: string, { dir, json, as }: Flags): Promise<void> {
  const shown = await control(dir, 'policy-plan-show', { id });
  const changes = await showChanges(dir, await withKeys(decodePolicy(shown.body), dir), json);
  const { head } = await control(dir, 'policy-approve', { id, actor: as ?? actor() });
  if (json === true) return resultJson({ ...(head as PolicyPlan), changes });
  const { approver, proposer } = head as PolicyPlan;
  result(`${approver} approved the plan of ${proposer}`);
  tell('it is not in force yet', `\`sallyport policy apply --plan ${id} --dir ${dir}\``);
}

async function withdraw(id: string, { dir, json, as }: Flags): Promise<void> {
  const { head } = await control(dir, 'policy-withdraw', { id, actor: as ?? actor() });
  if (json === true) return resultJson(head);
  result(`plan ${id} is withdrawn`);
}

/** `policy apply --plan`: with the keys that are issued now. */
export async function applyPlan(
  id: string,
  { dir, json, as }: Pick<Flags, 'dir' | 'json' | 'as'>,
): Promise<void> {
  const body = encodeCredentials(await readCredentials(dir));
  const { head } = await control(dir, 'policy-plan-apply', { id, actor: as ?? actor() }, body);
  if (json === true) return resultJson(head);
  const { version, applied } = head as { version: number; applied: boolean };
  result(
    applied ? `policy version ${version} is in force` : `version ${version} was in force already`,
  );
}

/** The old content with the keys of now: a key that was revoked since stays revoked. */
async function rollback(from: number, flags: Flags): Promise<void> {
  const { dir, json, remove, as } = flags;
  const policy = await withKeys((await requireBundle(dir, from)).policy, dir);
  if (flags.plan === true) return propose(policy, flags);
  const changes = await showChanges(dir, policy, json);
  expectRemovals(changes, remove);
  const who = { actor: as ?? actor() };
  const { head } = await control(dir, 'policy-apply', who, encodePolicy(policy));
  const { version, applied } = head as { version: number; applied: boolean };
  if (json === true) return resultJson({ version, applied, from, changes });
  if (applied) result(`policy version ${version} is in force, with the content of version ${from}`);
  else result(`nothing to roll back, version ${version} has the same content`);
}

async function withKeys(policy: Policy, dir: string): Promise<Policy> {
  return withCredentials(policy, await readCredentials(dir));
}

async function showChanges(dir: string, policy: Policy, json?: boolean): Promise<Change[]> {
  const changes = diffPolicy((await bundleOf(dir))?.policy, policy);
  if (json !== true) for (const change of changes) tell(painted(change, 'stderr'));
  return changes;
}
