import { readCredentials } from '@sallyport/inner-node/policy/credentials.ts';
import { readPolicyFiles } from '@sallyport/inner-node/policy/read.ts';
import { readHome } from '@sallyport/shared/config/home.ts';
import { asSallyportError, SallyportError } from '@sallyport/shared/errors.ts';
import { verifySigned } from '@sallyport/shared/package/cms-signed.ts';
import { readPeer } from '@sallyport/shared/pairing/peer.ts';
import { certificateDer } from '@sallyport/shared/pairing/trust-file.ts';
import { type Bundle, decodeBundle, encodePolicy } from '@sallyport/shared/policy/bundle.ts';
import { requirePolicy } from '@sallyport/shared/policy/check.ts';
import { withCredentials } from '@sallyport/shared/policy/credentials.ts';
import { type Change, diffPolicy, formatChange } from '@sallyport/shared/policy/diff.ts';
import type { Policy } from '@sallyport/shared/policy/model.ts';
import type { StoredPolicy } from '@sallyport/shared/store/port.ts';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { actor } from './actor.ts';
import { timeText } from './amounts.ts';
import { control } from './control.ts';
import { paint, result, resultJson, tell } from './print.ts';

interface Flags {
  readonly dir: string;
  readonly json?: boolean;
  readonly remove?: boolean;
}

export function register(program: Command): void {
  const policy = program.command('policy').description('what may cross: check, apply, show');
  policy
    .command('check')
    .argument('<path>', 'policy.yaml or its folder')
    .description('check a policy; needs no node')
    .option('--json', 'as JSON: the policy in normal form')
    .action(check);
  const onNode = (name: string, description: string): Command =>
    policy
      .command(name)
      .description(description)
      .requiredOption('--dir <dir>', 'home of the node')
      .option('--json', 'as JSON');
  onNode('diff', 'show what applying a policy would change')
    .argument('<path>', 'policy.yaml or its folder')
    .action(diff);
  onNode('apply', 'sign a policy and put it in force on both nodes (on the inner node)')
    .argument('<path>', 'policy.yaml or its folder')
    .option('--remove', 'allow that services, routes, consumers, grants or keys go')
    .action(apply);
  onNode('show', 'show the policy in force').action(show);
  onNode('history', 'show which versions were applied, and by whom').action(history);
}

async function check(path: string, { json }: { json?: boolean }): Promise<void> {
  const policy = requirePolicy(await readPolicyFiles(path));
  if (json === true) return resultJson(policy);
  const routes = policy.services.flatMap((service) => service.routes).length;
  const { services, consumers, grants } = policy;
  const parties = `${consumers.length} consumers, ${grants.length} grants`;
  result(`ok: ${services.length} services, ${routes} routes, ${parties}`);
}

async function diff(path: string, { dir, json }: Flags): Promise<void> {
  const changes = diffPolicy((await inForce(dir))?.policy, await loadPolicy(path, dir));
  if (json === true) return resultJson(changes);
  for (const change of changes) result(painted(change));
  if (changes.length === 0) tell('no change');
}

/** Shows the changes before it makes them. Errors: POLICY_INVALID, USAGE, and those of the node. */
async function apply(path: string, { dir, json, remove }: Flags): Promise<void> {
  const policy = await loadPolicy(path, dir);
  const changes = diffPolicy((await inForce(dir))?.policy, policy);
  const removed = changes.filter(({ kind, detail }) => kind === 'removed' && detail === '');
  if (removed.length > 0 && remove !== true) {
    throw new SallyportError('USAGE', removed.map(formatChange).join('\n'), {
      hint: 'if all of this shall go, say so with --remove',
    });
  }
  if (json !== true) for (const change of changes) tell(painted(change, 'stderr'));
  const { head } = await control(dir, 'policy-apply', { actor: actor() }, encodePolicy(policy));
  const { version, applied } = head as { version: number; applied: boolean };
  if (json === true) resultJson({ version, applied, changes });
  else if (applied) result(`policy version ${version} is in force`);
  else result(`nothing to apply, version ${version} is in force`);
}

async function show({ dir, json }: Flags): Promise<void> {
  const bundle = await inForce(dir);
  if (!bundle) throw new SallyportError('POLICY_MISSING', 'no policy has been applied', { hint });
  const shown = { ...bundle, policy: withoutHashes(bundle.policy) };
  if (json === true) return resultJson(shown);
  const { version, issuer, issuedAtMs } = bundle;
  tell(`policy version ${version}, signed by ${issuer} on ${timeText(issuedAtMs)}`);
  result(stringify(shown.policy, { lineWidth: 100 }).trimEnd());
}

async function history({ dir, json }: Flags): Promise<void> {
  const versions = (await control(dir, 'policy-history')).head as Omit<StoredPolicy, 'bundle'>[];
  if (json === true) return resultJson(versions);
  for (const { version, appliedAtMs, actor: by } of versions) {
    result(`${String(version).padStart(6)}  ${timeText(appliedAtMs)}  ${by}`);
  }
}

/** With the API keys that the inner node in `dir` has issued. Errors: POLICY_INVALID. */
async function loadPolicy(path: string, dir: string): Promise<Policy> {
  const policy = requirePolicy(await readPolicyFiles(path));
  return withCredentials(policy, await readCredentials(dir));
}

/** The bundle in force, its signature checked here too; undefined where there is none yet. */
async function inForce(dir: string): Promise<Bundle | undefined> {
  const { paths, config } = readHome(dir);
  const authority =
    config.role === 'inner'
      ? certificateDer(paths.certificate('sign'))
      : readPeer(paths, config).signDer;
  try {
    const { body } = await control(dir, 'policy-show');
    return decodeBundle(verifySigned(body, authority, 'POLICY_SIGNATURE'));
  } catch (thrown) {
    if (asSallyportError(thrown).code === 'POLICY_MISSING') return undefined;
    throw thrown;
  }
}

/** Keyed hashes of API keys are of no use to a reader, and best not spread. */
function withoutHashes(policy: Policy): unknown {
  const keys = policy.credentials.keys.map(({ hash: _hash, ...rest }) => rest);
  return { ...policy, credentials: { keys } };
}

function painted(change: Change, on: 'stdout' | 'stderr' = 'stdout'): string {
  const style = { added: 'green', removed: 'red', changed: 'yellow' } as const;
  return paint(style[change.kind], formatChange(change), on);
}

const hint = 'apply one with `sallyport policy apply`';
