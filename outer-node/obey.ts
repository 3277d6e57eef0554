/** The outer node's side of the policy: it obeys what the inner node signed, only ever a higher version. */
import { SallyportError } from '@sallyport/shared/errors.ts';
import type { PolicyHeader } from '@sallyport/shared/exchange/message.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { encodeMessage } from '@sallyport/shared/package/message.ts';
import type { Arrived, GuardContext, Taking } from '@sallyport/shared/processes/guard/context.ts';
import { enforceable, readBundle } from '@sallyport/shared/processes/guard/policy.ts';

export interface Obedience {
  /** Errors: POLICY_SIGNATURE, POLICY_INVALID, POLICY_VERSION. */
  take(arrived: Arrived<PolicyHeader>): Taking;
  /** Tells the inner node which version is in force here; it answers with a newer one if it has it. */
  announce(): void;
}

export function createObedience(node: GuardContext): Obedience {
  /** Highest version that was taken, and by which message; it may not be in force yet. */
  let taken = { version: 0, id: '' };

  const announce = (): void => {
    const version = node.policy()?.version ?? 0;
    const header = { type: 'control', id: newId(), action: 'policy-wanted', version } as const;
    node.sending
      .enqueue({ message: encodeMessage({ header, body: new Uint8Array(0) }), awaitsReceipt: true })
      .catch(() => {
        if (!node.stopping.aborted) setTimeout(announce, retryMs);
      });
  };

  return {
    announce,
    take({ header, body, place }) {
      const bundle = readBundle(body, node.peer);
      const { version } = bundle;
      const inForce = node.policy()?.version ?? 0;
      const above = taken.id === header.id ? inForce : Math.max(inForce, taken.version);
      if (version !== header.version || version <= above) {
        throw new SallyportError(
          'POLICY_VERSION',
          `expected a version above ${above}, got ${version}`,
        );
      }
      const appliedAtMs = node.now();
      const compiled = enforceable(bundle, appliedAtMs);
      const policy = { version, bundle: body, appliedAtMs, actor: node.peer.nodeId };
      const about = { atMs: appliedAtMs, policyVersion: version, ...place };
      node.audit.append({ event: 'policy-apply', ...about });
      taken = { version, id: header.id };
      return { record: (tx) => tx.putPolicy(policy), after: () => node.obey(compiled) };
    },
  };
}

const retryMs = 1_000;
