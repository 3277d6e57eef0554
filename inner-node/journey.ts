/**
 * The inner node's part of a call's journey; the only place that knows the order.
 *
 *   upstream ◀ call ◀ decide ◀ check ◀ open ◀ collect ◄── import
 *            check ▶ mask ▶ seal ▶ send ─────────────────▶ export
 *
 * A request is recorded as released before its upstream can see it. So after a crash the node knows what
 * may have taken effect: safe and idempotent routes are called again, others are reported as in doubt.
 */
import { asSallyportError, type ErrorCode, SallyportError } from '@sallyport/shared/errors.ts';
import type { RequestHeader, ResponseHeader } from '@sallyport/shared/exchange/message.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { encodeMessage } from '@sallyport/shared/package/message.ts';
import type {
  Arrived,
  GuardContext,
  Journey,
  Taking,
} from '@sallyport/shared/processes/guard/context.ts';
import type { FinishedState } from '@sallyport/shared/store/port.ts';
import { type Admitted, admit } from './admit.ts';
import { authority } from './authority.ts';
import { callUpstream } from './call.ts';
import { maskAnswer } from './mask.ts';

export function innerJourney(node: GuardContext): Journey {
  let serving = 0;
  const policies = authority(node);

  const takeRequest = (arrived: Arrived<RequestHeader>): Taking => {
    const { header, place } = arrived;
    if (!arrived.again && node.store.inboundMessage(header.id)) {
      throw new SallyportError('MESSAGE_DUPLICATE', 'the message was received before');
    }
    const admitted = tryAdmit(node, arrived);
    const { id, flow, consumer, deadlineMs } = header;
    const receivedAtMs = node.now();
    const released = { id, flow, consumer, deadlineMs, receivedAtMs, state: 'RELEASED' } as const;
    return {
      open: true,
      ...(!arrived.again && {
        record: (tx) =>
          tx.recordMessage({ ...released, lane: place.lane, sequence: place.sequence }),
      }),
      after: () => {
        serving += 1;
        void serve(node, arrived, admitted).finally(() => {
          serving -= 1;
        });
      },
    };
  };

  return {
    handlers: policies.handlers,
    take(arrived) {
      const { header } = arrived;
      switch (header.type) {
        case 'request':
          return takeRequest({ ...arrived, header });
        case 'control':
          return policies.wanted(header);
        default:
          throw new SallyportError('PACKAGE_MESSAGE', `expected no ${header.type} from outside`);
      }
    },
    tick() {},
    started() {},
    status: () => ({ serving }),
  };
}

/** decide ▶ check, again and independently: the outer node may have fallen. */
function tryAdmit(node: GuardContext, arrived: Arrived<RequestHeader>): Admitted | SallyportError {
  try {
    return admit(node, arrived);
  } catch (thrown) {
    return asSallyportError(thrown);
  }
}

/** call ▶ check ▶ mask ▶ seal ▶ send. Never throws: every request that was recorded is answered. */
async function serve(
  node: GuardContext,
  arrived: Arrived<RequestHeader>,
  admitted: Admitted | SallyportError,
): Promise<void> {
  const { id: exchangeId, consumer, flow } = arrived.header;
  const about = { exchangeId, consumer, flow };
  try {
    if (admitted instanceof SallyportError) throw admitted;
    const startedMs = performance.now();
    const answer = await callUpstream(node, arrived.header, admitted);
    const callMs = Math.round(performance.now() - startedMs);
    const released = maskAnswer(node, about, admitted.decision, answer);
    const { body, ...rest } = released;
    await respond(node, arrived, { ...rest, steps: { call: callMs } }, body, 'DELIVERED');
  } catch (thrown) {
    const error = asSallyportError(thrown);
    const { code } = error;
    node.log.warn({ ...about, code, detail: error.message }, 'request not answered by upstream');
    const event = code === 'IN_DOUBT' ? 'in-doubt' : 'refuse';
    node.audit.append({ event, atMs: node.now(), ...about, code });
    const ending = { status: 502, headers: {}, error: code };
    await respond(node, arrived, ending, new Uint8Array(0), finishedAs(code), code);
  }
}

type Answer = Omit<ResponseHeader, 'type' | 'id' | 'correlationId' | 'requestDigest'>;

/**
 * Answers until the answer is durable. The package that holds the request stays until then, so nothing
 * is lost when the HSM, the disk or the guard itself goes away meanwhile.
 */
async function respond(
  node: GuardContext,
  { header: request, digest, place }: Arrived<RequestHeader>,
  answer: Answer,
  body: Uint8Array,
  state: FinishedState,
  code?: ErrorCode,
): Promise<void> {
  const header: ResponseHeader = {
    type: 'response',
    id: newId(),
    correlationId: request.id,
    requestDigest: digest,
    ...answer,
    ...(request.traceparent !== undefined && { traceparent: request.traceparent }),
  };
  const message = encodeMessage({ header, body });
  while (!node.stopping.aborted) {
    try {
      await node.sending.enqueue({
        message,
        awaitsReceipt: true,
        record(tx) {
          tx.finishMessage(request.id, state, node.now(), code);
          node.finish(tx, place, request.id);
        },
      });
      return node.finished(place);
    } catch (thrown) {
      node.log.warn({ code: asSallyportError(thrown).code, id: request.id }, 'answer waits');
      await new Promise((resolve) => setTimeout(resolve, limits.answerRetryMs));
    }
  }
}

function finishedAs(code: ErrorCode): FinishedState {
  if (code === 'IN_DOUBT') return 'IN_DOUBT';
  return code === 'DEADLINE_PASSED' ? 'EXPIRED' : 'REFUSED';
}
