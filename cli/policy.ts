import { readPolicyFiles } from '@sallyport/inner-node/policy/read.ts';
import { readHome } from '@sallyport/shared/config/read-home.ts';
import { counted } from '@sallyport/shared/counted.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { encodePolicy } from '@sallyport/shared/policy/bundle.ts';
import { requirePolicy } from '@sallyport/shared/policy/check.ts';
import { diffPolicy } from '@sallyport/shared/policy/diff.ts';
import type { Policy } from '@sallyport/shared/policy/model.ts';
import { pluginFaults } from '@sallyport/shared/policy/vet.ts';
import { policyWarnings } from '@sallyport/shared/policy/warnings.ts';
import type { PolicyPlan } from '@sallyport/shared/store/policy-port.ts';
import type { StoredPolicy } from '@sallyport/shared/store/port.ts';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { actor } from './actor.ts';
import { readCount, timeText } from './amounts.ts';
import { control } from './control.ts';
import { ofInner } from './inner-home.ts';
import { openPlugins } from './plugin-folder.ts';
import { registerOpenApi } from './policy-openapi.ts';
import { applyPlan, registerPlans } from './policy-plan.ts';
import {
  bundleOf,
  expectRemovals,
  loadPolicy,
  painted,
  policyFor,
  requireBundle,
} from './policy-source.ts';
import { registerViews } from './policy-view.ts';
import { paint, result, resultJson, tell } from './print.ts';

interface Flags {
  readonly dir: string;
  readonly json?: boolean;
  readonly remove?: boolean;
  readonly plan?: string;
  readonly as?: string;
  readonly version?: number;
}

export function register(program: Command): void {
  const policy = program.command('policy').description('what may cross: check, apply, show');
  policy
    .command('check')
    .argument('<path>', 'policy.yaml or its folder')
    .description('check a policy; needs no node')
    .option('--plugins <dir>', 'folder of the plug-ins that it names, to be tried too')
    .option('--json', 'as JSON: the policy in normal form')
    .action(check);
  const onNode = (name: string, description: string): Command =>
    policy
      .command(name)
      .description(description)
      .requiredOption('--dir <dir>', 'home of the node')
      .option('--json', 'as JSON');
  const onInner = (name: string, description: string): Command =>
    ofInner(policy.command(name).description(description)).option('--json', 'as JSON');
  onNode('diff', 'show what applying a policy would change')
    .argument('<path>', 'policy.yaml or its folder')
    .action(diff);
  onInner('apply', 'sign a policy and put it in force on both nodes (on the inner node)')
    .argument('[path]', 'policy.yaml or its folder')
    .option('--plan <id>', 'an approved plan instead')
    .option('--as <name>', 'who does it; without, the user of this machine')
    .option('--remove', 'allow that services, routes, consumers, grants or keys go')
    .action(apply);
  onNode('show', 'show the policy in force')
    .option('--version <number>', 'an earlier one', readCount)
    .action(show);
  onNode('history', 'show which versions were applied, and by whom').action(history);
  registerPlans(onInner);
  registerViews(policy);
  registerOpenApi(policy);
}

/** Warnings that nobody may overlook. */
const grave: ReadonlySet<string> = new Set(['unmasked', 'unscanned']);

async function check(
  path: string,
  { plugins, json }: { plugins?: string; json?: boolean },
): Promise<void> {
  const policy = requirePolicy(await readPolicyFiles(path));
  if (plugins !== undefined) await expectPlugins(policy, plugins);
  else if (policy.plugins) tell('its plug-ins were not tried: name their folder with --plugins');
  for (const { kind, part, message } of policyWarnings(policy, Date.now())) {
    const line = `warning: ${part} ${message}`;
    tell(paint(grave.has(kind) ? ['bold', 'red'] : 'yellow', line, 'stderr'));
  }
  if (json === true) return resultJson(policy);
  const routes = policy.services.flatMap((service) => service.routes).length;
  const { services, consumers, grants } = policy;
  const parts = [
    counted(services.length, 'service'),
    counted(routes, 'route'),
    counted(consumers.length, 'consumer'),
    counted(grants.length, 'grant'),
  ];
  result(`ok: ${parts.join(', ')}`);
}

/** Errors: POLICY_INVALID, one line for each plug-in that cannot be used. */
async function expectPlugins(policy: Policy, dir: string): Promise<void> {
  const { ask, close } = openPlugins(dir);
  const faults = await pluginFaults(policy, ask).finally(close);
  if (faults.length === 0) return;
  throw new SallyportError('POLICY_INVALID', faults.join('\n'), {
    hint: 'see `sallyport plugin list` of the folder, and `plugin check`',
  });
}

async function diff(path: string, { dir, json }: Flags): Promise<void> {
  const inForce = (await bundleOf(dir))?.policy;
  const changes = diffPolicy(inForce, await policyFor(path, dir, inForce));
  if (json === true) return resultJson(changes);
  for (const change of changes) result(painted(change));
  if (changes.length === 0) tell('no change');
}

/** Shows the changes before it makes them. Errors: POLICY_INVALID, USAGE, and those of the node. */
async function apply(path: string | undefined, flags: Flags): Promise<void> {
  const { dir, json, remove, plan, as } = flags;
  if ((path === undefined) === (plan === undefined)) {
    throw new SallyportError('USAGE', 'expected a path or --plan, one of the two');
  }
  if (path === undefined) return applyPlan(plan ?? '', flags);
  const policy = await loadPolicy(path, dir);
  const changes = diffPolicy((await bundleOf(dir))?.policy, policy);
  expectRemovals(changes, remove);
  if (json !== true) for (const change of changes) tell(painted(change, 'stderr'));
  if (readHome(dir).config.scanners.length === 0 && wantsScanner(policy)) {
    tell(
      'warning: it has files scanned, and this node has no scanner: they will be refused',
      noScanner,
    );
  }
  const { head } = await control(
    dir,
    'policy-apply',
    { actor: as ?? actor() },
    encodePolicy(policy),
  );
  const { version, applied } = head as { version: number; applied: boolean };
  if (json === true) resultJson({ version, applied, changes });
  else if (applied) result(`policy version ${version} is in force`);
  else result(`nothing to apply, version ${version} is in force`);
}

const noScanner = 'name one under scanners in config.yaml; docs/operating/scanners.md';

function wantsScanner({ services }: Policy): boolean {
  const routes = services.flatMap((service) => service.routes);
  const files = routes.flatMap(({ request, response }) => [
    request.files ?? [],
    response.files ?? [],
  ]);
  return files.flat().some(({ scan }) => scan === 'required');
}

async function show({ dir, json, version }: Flags): Promise<void> {
  const bundle = await requireBundle(dir, version);
  const shown = { ...bundle, policy: withoutHashes(bundle.policy) };
  if (json === true) return resultJson(shown);
  const { issuer, issuedAtMs } = bundle;
  tell(`policy version ${bundle.version}, signed by ${issuer} on ${timeText(issuedAtMs)}`);
  result(stringify(shown.policy, { lineWidth: 100 }).trimEnd());
}

/** With who proposed and approved, where a version came from a plan. */
async function history({ dir, json }: Flags): Promise<void> {
  const versions = (await control(dir, 'policy-history')).head as Omit<StoredPolicy, 'bundle'>[];
  const plans = (await control(dir, 'policy-plans')).head as PolicyPlan[];
  const rows = versions.map((one) => {
    const plan = plans.find(({ version }) => version === one.version);
    const { id, proposer, approver, note } = plan ?? {};
    return { ...one, ...(plan && { plan: id, proposer, approver, note }) };
  });
  if (json === true) return resultJson(rows);
  for (const { version, appliedAtMs, actor: by, plan, proposer, approver } of rows) {
    const agreed = plan === undefined ? '' : `  plan of ${proposer}, approved by ${approver}`;
    result(`${String(version).padStart(6)}  ${timeText(appliedAtMs)}  ${by}${agreed}`);
  }
}

/** Keyed hashes of API keys are of no use to a reader, and best not spread. */
function withoutHashes(policy: Policy): unknown {
  const keys = policy.credentials.keys.map(({ hash: _hash, ...rest }) => rest);
  return { ...policy, credentials: { keys } };
}
