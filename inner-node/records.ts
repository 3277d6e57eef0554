/**
 * Masks records of a file as answers are masked, with the keys of this node: for an operator who has the
 * right in the policy in force. What is told is durable in the audit log before.
 */
import { type Json, parseJson } from '@sallyport/shared/content/json.ts';
import type { Tally } from '@sallyport/shared/content/place.ts';
import { asSallyportError, SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { maskAll } from '@sallyport/shared/policy/file-records.ts';
import {
  expectWholeRecords,
  type FileMasking,
  maskingFor,
} from '@sallyport/shared/policy/masking.ts';
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
}

const bytesMax = limits.maskRecordsBytes + limits.recordBytesMax + limits.maskRecordsMax;

/**
 * The verb `mask-records`: an array of records in, what is left of each out. Without a body it tells the
 * shape of the records. Errors: IPC_FRAME, POLICY_MISSING, RIGHT_MISSING, GRANT_MISSING, JSON_REFUSED,
 * RESPONSE_REFUSED, those of plug-ins, HSM_*, STORE_*.
 */
export function recordHandlers(node: GuardContext): Handlers {
  const maskingOf = createMaskings(node);
  return {
    'mask-records': async (head, body) => {
      const order = readOrder(head);
      const about = { atMs: node.now(), ...order };
      try {
        const policy = node.policy()?.compiled.policy;
        if (!policy) throw new SallyportError('POLICY_MISSING', 'no policy has been applied');
        expectRight(policy, 'mask-files', order, node.now());
        const { record, recordSchema, columns } = maskingOf(policy, order);
        await node.maskKeys.open();
        const tally: Tally = { dropped: 0, rules: {} };
        const records = body.length === 0 ? [] : recordsOf(body);
        const left = await maskAll(record, records, tally, node.askPlugins);
        node.audit.append({ event: 'mask-records', ...about, rules: tally.rules });
        await node.store.write((tx) => {
          node.maskKeys.drain(tx);
          node.audit.drain(tx);
        });
        if (body.length === 0) return { head: { recordSchema, columns } };
        return { head: tally, body: Buffer.from(JSON.stringify(left)) };
      } catch (thrown) {
        node.audit.append({ event: 'refuse', ...about, code: asSallyportError(thrown).code });
        node.flushAudit();
        throw thrown;
      }
    },
  };
}

/** Compiled once for each consumer and route, as long as the policy is in force. */
function createMaskings(node: GuardContext): (policy: Policy, order: Order) => FileMasking {
  let of: Policy | undefined;
  let known = new Map<string, FileMasking>();
  return (policy, { consumer, flow }) => {
    if (of !== policy) {
      of = policy;
      known = new Map();
    }
    const key = `${consumer} ${flow}`;
    const masking = known.get(key) ?? maskingFor(policy, consumer, flow, node.maskKeys.secretsOf);
    expectWholeRecords(masking);
    known.set(key, masking);
    return masking;
  };
}

function readOrder(head: unknown): Order {
  const order = (head ?? {}) as Partial<Record<keyof Order, unknown>>;
  const { actor, consumer, flow } = order;
  const fits =
    typeof actor === 'string' &&
    actorPattern.test(actor) &&
    typeof consumer === 'string' &&
    namePattern.test(consumer) &&
    typeof flow === 'string' &&
    flow.length <= 512 &&
    flow.split('/').every((name) => namePattern.test(name));
  if (fits) return { actor, consumer, flow };
  throw new SallyportError('IPC_FRAME', 'expected actor, consumer and flow');
}

function recordsOf(body: Buffer): readonly Json[] {
  const records = parseJson(body, bytesMax);
  if (Array.isArray(records) && records.length <= limits.maskRecordsMax) return records;
  throw new SallyportError('IPC_FRAME', `expected at most ${limits.maskRecordsMax} records`);
}
