/** The outer node's side of the policy: it obeys what the inner node signed, only ever a higher version. */
import { SallyportError } from '@sallyport/shared/errors.ts';
import type { PolicyHeader } from '@sallyport/shared/exchange/message.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { encodeMessage } from '@sallyport/shared/package/message.ts';
import type { Arrived, GuardContext, Taking } from '@sallyport/shared/processes/guard/context.ts';
import { readBundle } from '@sallyport/shared/processes/guard/policy.ts';

/** Errors: POLICY_SIGNATURE, POLICY_INVALID, POLICY_VERSION. */
export function takePolicy(
  node: GuardContext,
  { header, body, place }: Arrived<PolicyHeader>,
): Taking {
  const bundle = readBundle(body, node.peer);
  const inForce = node.policy()?.version ?? 0;
  if (bundle.version !== header.version || bundle.version <= inForce) {
    throw new SallyportError(
      'POLICY_VERSION',
      `expected a version above ${inForce}, got ${bundle.version}`,
    );
  }
  const { version } = bundle;
  const policy = { version, bundle: body, appliedAtMs: node.now(), actor: node.peer.nodeId };
  node.audit.append({
    event: 'policy-apply',
    atMs: policy.appliedAtMs,
    policyVersion: version,
    ...place,
  });
  return { record: (tx) => tx.putPolicy(policy), after: () => node.obey(policy) };
}

/** Tells the inner node which version is in force here; it answers with a newer one if it has it. */
export function wantPolicy(node: GuardContext): void {
  const version = node.policy()?.version ?? 0;
  const header = { type: 'control', id: newId(), action: 'policy-wanted', version } as const;
  node.sending
    .enqueue({ message: encodeMessage({ header, body: new Uint8Array(0) }), awaitsReceipt: true })
    .catch(() => {
      if (!node.stopping.aborted) setTimeout(() => wantPolicy(node), retryMs);
    });
}

const retryMs = 1_000;
