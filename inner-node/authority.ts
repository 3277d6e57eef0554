/**
 * The inner node is the policy authority: it signs each version of the policy, obeys it itself and sends it
 * to the outer node. The version only grows; what is in force is what the store holds.
 */
import { asSallyportError, SallyportError } from '@sallyport/shared/errors.ts';
import type { ControlHeader, PolicyHeader } from '@sallyport/shared/exchange/message.ts';
import type { Outgoing } from '@sallyport/shared/exchange/outbox.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { signData } from '@sallyport/shared/package/cms-signed.ts';
import { encodeMessage } from '@sallyport/shared/package/message.ts';
import {
  type Bundle,
  decodeCredentials,
  decodePolicy,
  encodeBundle,
  encodePolicy,
  expectEnds,
  outerEdition,
} from '@sallyport/shared/policy/bundle.ts';
import { withCredentials } from '@sallyport/shared/policy/credentials.ts';
import { pluginFaults } from '@sallyport/shared/policy/vet.ts';
import type { GuardContext, Taking } from '@sallyport/shared/processes/guard/context.ts';
import { enforceable, readBundle } from '@sallyport/shared/processes/guard/policy.ts';
import type { Handlers, Reply } from '@sallyport/shared/processes/ipc/peer.ts';
import { digestOf, expectOthersApproval, type Put, planHandlers } from './plans.ts';

export interface Authority {
  readonly handlers: Handlers;
  /** The outer node said which version it obeys. */
  wanted(header: ControlHeader): Taking;
}

export function authority(node: GuardContext): Authority {
  let applying = false;
  let sentAtMs = Number.NEGATIVE_INFINITY;
  let sending: NodeJS.Timeout | undefined;

  /**
   * Answers with the version in force and whether it is a new one: a policy that is in force already makes
   * none. Errors: POLICY_INVALID, PLAN_SELF_APPROVED, OVERLOADED, HSM_*, STORE_*.
   */
  const put: Put = async (policy, actor, also = () => {}) => {
    if (applying) throw new SallyportError('OVERLOADED', 'another policy is being applied');
    applying = true;
    try {
      const current = inStore(node);
      const body = encodePolicy(policy);
      if (current && Buffer.from(encodePolicy(current.policy)).equals(body)) {
        return { head: { version: current.version, applied: false } };
      }
      const faults = await pluginFaults(policy, node.askPlugins, current?.policy);
      if (faults.length > 0) {
        throw new SallyportError('POLICY_INVALID', faults.join('\n'), {
          hint: 'see `sallyport plugin list --dir` of this node, and `plugin check`',
        });
      }
      const version = (current?.version ?? 0) + 1;
      const issuedAtMs = node.now();
      expectEnds(policy, issuedAtMs);
      const issue = { version, issuer: node.self.nodeId, issuedAtMs };
      const inForce = enforceable({ version, policy }, issuedAtMs, node.maskKeys.secretsOf);
      const bundle = await sign(node, { ...issue, policy });
      const edition = await sign(node, { ...issue, policy: outerEdition(policy) });
      const stored = { version, bundle, appliedAtMs: issuedAtMs, actor };
      await node.sending.enqueue({
        ...carry(version, edition),
        record(tx) {
          tx.putPolicy(stored);
          also(tx, version);
          node.audit.append({
            event: 'policy-apply',
            atMs: issuedAtMs,
            policyVersion: version,
            actor,
          });
        },
      });
      node.obey(inForce);
      return { head: { version, applied: true } };
    } catch (thrown) {
      const { code } = asSallyportError(thrown);
      node.audit.append({ event: 'refuse', atMs: node.now(), code, actor });
      node.flushAudit();
      throw thrown;
    } finally {
      applying = false;
    }
  };

  /**
   * Body: canonical JSON of a checked policy. Errors: PLAN_NEEDED where the node wants two people for what
   * is more than a change of issued keys, and those of put.
   */
  const apply = async (head: unknown, body: Buffer): Promise<Reply> => {
    const actor = actorOf(head);
    const policy = decided(node, actor, () => {
      const read = decodePolicy(body);
      const current = inStore(node)?.policy;
      expectOthersApproval(read, current, actor);
      if (node.fourEyes && digestOf(read) !== digestOf(current)) {
        throw new SallyportError('PLAN_NEEDED', 'expected an approved plan, got a policy', {
          hint: 'propose it with `sallyport policy plan`; another person approves it',
        });
      }
      return read;
    });
    return put(policy, actor);
  };

  /**
   * Body: all issued keys. The policy in force is signed again with them. Errors: POLICY_MISSING,
   * those of apply.
   */
  const applyCredentials = async (head: unknown, body: Buffer): Promise<Reply> => {
    const credentials = decodeCredentials(body);
    const current = inStore(node);
    if (!current) throw new SallyportError('POLICY_MISSING', 'no policy has been applied');
    return apply(head, Buffer.from(encodePolicy(withCredentials(current.policy, credentials))));
  };

  return {
    handlers: {
      'policy-apply': apply,
      ...planHandlers(node, { put, current: () => inStore(node), actorOf }),
      'credentials-apply': applyCredentials,
    },
    wanted(header) {
      if (header.version >= (node.policy()?.version ?? 0)) return {};
      return {
        after() {
          // However often it is asked, the policy is signed and sent once in a while.
          const waitMs = Math.max(0, sentAtMs + limits.policyResendMs - performance.now());
          if (sending) return;
          sending = setTimeout(() => {
            sending = undefined;
            sentAtMs = performance.now();
            if (!node.stopping.aborted) void sendAgain(node);
          }, waitMs);
        },
      };
    },
  };
}

/** What refuses a policy before it is put in force is recorded with who brought it. */
function decided<T>(node: GuardContext, actor: string, decide: () => T): T {
  try {
    return decide();
  } catch (thrown) {
    const { code } = asSallyportError(thrown);
    node.audit.append({ event: 'refuse', atMs: node.now(), code, actor });
    node.flushAudit();
    throw thrown;
  }
}

function sign(node: GuardContext, bundle: Bundle): Promise<Buffer> {
  return signData(encodeBundle(bundle), {
    certificate: node.self.signCertificate,
    sign: (digest) => node.signer.sign('sign', digest),
  });
}

function carry(version: number, edition: Buffer): Outgoing {
  const header: PolicyHeader = { type: 'policy', id: newId(), version };
  return { message: encodeMessage({ header, body: edition }), awaitsReceipt: true };
}

/** The bundle in force. Errors: POLICY_SIGNATURE, POLICY_INVALID. */
function inStore(node: GuardContext): Bundle | undefined {
  const stored = node.store.policyBundle();
  return stored && readBundle(Buffer.from(stored.bundle), node.self);
}

/** The outer node asks at each of its starts, so a failure here is not the last word. */
async function sendAgain(node: GuardContext): Promise<void> {
  try {
    const bundle = inStore(node);
    if (!bundle) return;
    const edition = await sign(node, { ...bundle, policy: outerEdition(bundle.policy) });
    await node.sending.enqueue(carry(bundle.version, edition));
  } catch (thrown) {
    node.log.warn({ code: asSallyportError(thrown).code }, 'policy not sent');
  }
}

function actorOf(head: unknown): string {
  const actor = (head as { actor?: unknown } | null)?.actor;
  return typeof actor === 'string' && /^[\w.@-]{1,64}$/.test(actor) ? actor : 'local';
}
