/** Where the verbs of `sallyport policy` get a policy from: files, the node, or one of its versions. */
import { readCredentials } from '@sallyport/inner-node/policy/credentials.ts';
import { readPolicyFiles } from '@sallyport/inner-node/policy/read.ts';
import { readHome } from '@sallyport/shared/config/read-home.ts';
import { asSallyportError, SallyportError } from '@sallyport/shared/errors.ts';
import { verifySigned } from '@sallyport/shared/package/cms-signed.ts';
import { readPeer } from '@sallyport/shared/pairing/peer.ts';
import { certificateDer } from '@sallyport/shared/pairing/trust-file.ts';
import { type Bundle, decodeBundle, outerEdition } from '@sallyport/shared/policy/bundle.ts';
import { requirePolicy } from '@sallyport/shared/policy/check.ts';
import { withCredentials } from '@sallyport/shared/policy/credentials.ts';
import { type Change, formatChange } from '@sallyport/shared/policy/diff.ts';
import type { Policy } from '@sallyport/shared/policy/model.ts';
import { control } from './control.ts';
import { paint } from './print.ts';

/** With the API keys that the inner node in `dir` has issued. Errors: POLICY_INVALID. */
export async function loadPolicy(path: string, dir: string): Promise<Policy> {
  const policy = requirePolicy(await readPolicyFiles(path));
  return withCredentials(policy, await readCredentials(dir));
}

/**
 * As the node in `dir` would have it: on the outer node without what it has no need of, and with the keys
 * that it has. Errors: POLICY_INVALID.
 */
export async function policyFor(path: string, dir: string, inForce?: Policy): Promise<Policy> {
  if (readHome(dir).config.role === 'inner') return loadPolicy(path, dir);
  const policy = requirePolicy(await readPolicyFiles(path));
  return outerEdition(inForce ? withCredentials(policy, inForce.credentials) : policy);
}

/**
 * The bundle in force, or an earlier version, its signature checked here too; undefined where there is
 * none.
 */
export async function bundleOf(dir: string, version?: number): Promise<Bundle | undefined> {
  const { paths, config } = readHome(dir);
  const authority =
    config.role === 'inner'
      ? certificateDer(paths.certificate('sign'))
      : readPeer(paths, config).signDer;
  try {
    const { body } = await control(dir, 'policy-show', version === undefined ? {} : { version });
    return decodeBundle(verifySigned(body, authority, 'POLICY_SIGNATURE'));
  } catch (thrown) {
    if (asSallyportError(thrown).code === 'POLICY_MISSING') return undefined;
    throw thrown;
  }
}

/** Errors: POLICY_MISSING. */
export async function requireBundle(dir: string, version?: number): Promise<Bundle> {
  const bundle = await bundleOf(dir, version);
  if (bundle !== undefined) return bundle;
  const which = version === undefined ? 'no policy' : `no version ${version} of the policy`;
  throw new SallyportError('POLICY_MISSING', `${which} has been applied`, {
    hint: 'apply one with `sallyport policy apply`; `sallyport policy history` lists them',
  });
}

/** Errors: USAGE where whole parts go and nobody said that they shall. */
export function expectRemovals(changes: readonly Change[], remove: boolean | undefined): void {
  const removed = changes.filter(({ kind, detail }) => kind === 'removed' && detail === '');
  // What closes something needs no flag.
  const going = removed.filter(({ part }) => !part.startsWith('unmasked/'));
  if (going.length === 0 || remove === true) return;
  const parts = going.map((change) => `  ${formatChange(change)}`);
  throw new SallyportError(
    'USAGE',
    ['expected --remove, for these parts would go:', ...parts].join('\n'),
    {
      hint: 'if all of this shall go, say so with --remove',
    },
  );
}

/** Exceptions stand out: a field that crosses unmasked is what a reviewer must see. */
export function painted(change: Change, on: 'stdout' | 'stderr' = 'stdout'): string {
  const line = formatChange(change);
  if (change.part.startsWith('unmasked/') && change.kind !== 'removed') {
    return paint(['bold', 'red'], `${line}  UNMASKED`, on);
  }
  const style = { added: 'green', removed: 'red', changed: 'yellow' } as const;
  return paint(style[change.kind], line, on);
}
