/**
 * Issued keys on their way into force: signed by this node, obeyed by the other, and seen to be.
 */
import { readCredentials } from '@sallyport/inner-node/policy/credentials.ts';
import type { CredentialUse } from '@sallyport/shared/accounts/last-use.ts';
import { asSallyportError, SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { encodeCredentials } from '@sallyport/shared/policy/bundle.ts';
import type { NodeStatus } from '@sallyport/shared/processes/admin/status.ts';
import { actor } from './actor.ts';
import { control } from './control.ts';
import { bundleOf } from './policy-source.ts';
import { tell } from './print.ts';

/**
 * Puts the issued keys of a home into the policy in force, and waits until the other node obeys
 * it. Where no node runs or no policy is in force, the keys wait for the next `policy apply`, and
 * this says so. Errors: POLICY_UNCONFIRMED, and those of the node.
 */
export async function putInForce(
  dir: string,
  waitMs: number = limits.policyConfirmMs,
): Promise<void> {
  const version = await apply(dir);
  if (version === undefined) {
    tell('it takes effect with the next `sallyport policy apply`');
    return;
  }
  tell(`in force at this node with policy version ${version}`);
  const startedMs = performance.now();
  let told = { peer: 'the other node', obeys: 'an unknown version' };
  while (performance.now() - startedMs < waitMs) {
    const { peer, version: obeyed } = await peerPolicy(dir);
    told = { peer, obeys: obeyed === undefined ? told.obeys : `version ${obeyed}` };
    if (obeyed !== undefined && obeyed >= version) {
      const tookMs = Math.round(performance.now() - startedMs);
      tell(`in force at the boundary: ${peer} obeys version ${obeyed}, ${tookMs} ms later`);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  const expected = `expected ${told.peer} to obey version ${version}, it obeys ${told.obeys}`;
  throw new SallyportError('POLICY_UNCONFIRMED', expected, {
    hint: 'the bundle is on its way and comes into force by itself; `sallyport status` shows when',
  });
}

const pollMs = 100;

/**
 * The version that has the keys; undefined where there is nothing yet that they could be part of.
 */
async function apply(dir: string): Promise<number | undefined> {
  const body = encodeCredentials(await readCredentials(dir));
  try {
    const { head } = await control(dir, 'credentials-apply', { actor: actor() }, body);
    return (head as { version: number }).version;
  } catch (thrown) {
    const { code } = asSallyportError(thrown);
    if (code === 'NODE_NOT_RUNNING' || code === 'POLICY_MISSING') return undefined;
    throw thrown;
  }
}

/** Whether a policy is in force in which this consumer is not, or may have no keys. */
export async function takesNoKeys(dir: string, consumer: string): Promise<boolean> {
  try {
    const consumers = (await bundleOf(dir))?.policy.consumers;
    const one = consumers?.find(({ name }) => name === consumer);
    return consumers !== undefined && !one?.credentials.some(({ type }) => type === 'key');
  } catch (thrown) {
    if (asSallyportError(thrown).code === 'NODE_NOT_RUNNING') return false;
    throw thrown;
  }
}

async function peerPolicy(dir: string): Promise<{ peer: string; version: number | undefined }> {
  const { peer, processes } = (await control(dir, 'status')).head as NodeStatus;
  const guard = processes.find(({ name }) => name === 'guard')?.told ?? {};
  const { peerVersion } = (guard.policy ?? {}) as { peerVersion?: unknown };
  return {
    peer: peer?.node ?? 'the other node',
    version: typeof peerVersion === 'number' ? peerVersion : undefined,
  };
}

/** When each credential was used last. Errors: those of the node. */
export async function usesOf(dir: string): Promise<readonly CredentialUse[]> {
  return (await control(dir, 'credentials-used')).head as CredentialUse[];
}

/** When each key was used last, by id; undefined where no node answers. */
export async function lastUses(dir: string): Promise<ReadonlyMap<string, number> | undefined> {
  try {
    const uses = await usesOf(dir);
    return new Map(uses.map(({ credential, atMs }) => [credential.replace(/^key /, ''), atMs]));
  } catch (thrown) {
    if (asSallyportError(thrown).code === 'NODE_NOT_RUNNING') return undefined;
    throw thrown;
  }
}
