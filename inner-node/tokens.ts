/**
 * Turns a token back into its value: for an operator who has the right in the policy in force, and not
 * before it is durable in the audit log who asked for whose.
 */
import { asSallyportError, SallyportError } from '@sallyport/shared/errors.ts';
import { isOfForm } from '@sallyport/shared/masking/ff1.ts';
import { ff1Of, tokenPattern } from '@sallyport/shared/masking/keyed.ts';
import type { Mask } from '@sallyport/shared/masking/mask.ts';
import { unknownToken } from '@sallyport/shared/masking/vault.ts';
import { actorPattern, namePattern, type Policy } from '@sallyport/shared/policy/model.ts';
import type { GuardContext } from '@sallyport/shared/processes/guard/context.ts';
import type { Handlers } from '@sallyport/shared/processes/ipc/peer.ts';
import { expectRight } from './rights.ts';

/** What an operator asks; untrusted but for `actor`, which the control socket's owner vouches for. */
interface Order {
  readonly actor: string;
  readonly consumer: string;
  /** `service/route`. */
  readonly flow: string;
  readonly field: string;
  readonly token: string;
}

/** The verb `token-reverse`. Errors: IPC_FRAME, RIGHT_MISSING, TOKEN_UNKNOWN, HSM_*, STORE_*. */
export function tokenHandlers(node: GuardContext): Handlers {
  return {
    'token-reverse': async (head) => {
      const order = readOrder(head);
      const { actor, consumer, flow } = order;
      const about = { atMs: node.now(), actor, consumer, flow };
      try {
        const policy = node.policy()?.compiled.policy;
        if (!policy) throw new SallyportError('POLICY_MISSING', 'no policy has been applied');
        expectRight(policy, 'reverse-tokens', order, node.now());
        const mask = maskOf(policy, order);
        await node.maskKeys.open();
        const value = reversed(node, mask, order);
        const rules = { [`token ${mask.field}`]: 1 };
        node.audit.append({ event: 'token-reverse', ...about, rules });
        await node.store.write((tx) => node.audit.drain(tx));
        return { body: Buffer.from(value) };
      } catch (thrown) {
        const { code } = asSallyportError(thrown);
        node.audit.append({ event: 'refuse', ...about, code });
        node.flushAudit();
        throw thrown;
      }
    },
  };
}

function readOrder(head: unknown): Order {
  const order = (head ?? {}) as Partial<Record<keyof Order, unknown>>;
  const { actor, consumer, flow, field, token } = order;
  const fits =
    isText(actor) &&
    actorPattern.test(actor) &&
    isText(consumer) &&
    namePattern.test(consumer) &&
    isText(flow) &&
    flow.split('/').every((name) => namePattern.test(name)) &&
    isText(field) &&
    isText(token);
  if (fits) return { actor, consumer, flow, field, token };
  throw new SallyportError('IPC_FRAME', 'expected actor, consumer, flow, field and token');
}

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= 512;

function maskOf(policy: Policy, { flow, field }: Order): Mask & { transform: 'token' } {
  for (const service of policy.services) {
    for (const route of service.routes) {
      if (`${service.name}/${route.name}` !== flow) continue;
      for (const mask of route.response.masks) {
        if (mask.field === field && mask.transform === 'token') return mask;
      }
    }
  }
  throw unknownToken();
}

function reversed(
  node: GuardContext,
  { as }: Mask & { transform: 'token' },
  { consumer, token }: Order,
): string {
  if (as === 'random') {
    if (!tokenPattern.test(token)) throw unknownToken();
    return node.maskKeys.valueOf(consumer, token);
  }
  if (!isOfForm(as, token)) throw unknownToken();
  const secrets = node.maskKeys.secretsOf(consumer);
  return ff1Of(as, { name: consumer, secrets }).decrypt(token);
}
