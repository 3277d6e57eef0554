/**
 * The inner node's part of a call's journey; the only place that knows the order.
 *
 *   upstream ◀ call ◀ examine ◀ decide ◀ check ◀ open ◀ collect ◄── import
 *            check ▶ mask ▶ examine ▶ seal ▶ send ────────────────▶ export
 *
 * A request is recorded as released before its upstream can see it. So after a crash the node knows what
 * may have taken effect: safe and idempotent routes are called again, others are reported as in doubt.
 */
import { createLastUse } from '@sallyport/shared/accounts/last-use.ts';
import { createReplays } from '@sallyport/shared/accounts/replays.ts';
import {
  asSallyportError,
  type ErrorCode,
  errorTable,
  SallyportError,
} from '@sallyport/shared/errors.ts';
import { crossingCode } from '@sallyport/shared/exchange/crossing.ts';
import type { RequestHeader, ResponseHeader } from '@sallyport/shared/exchange/message.ts';
import { createShares } from '@sallyport/shared/exchange/shares.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { encodeMessage } from '@sallyport/shared/package/message.ts';
import type { AuditEvent } from '@sallyport/shared/ports.ts';
import { createAllowance } from '@sallyport/shared/processes/guard/allowance.ts';
import type {
  Arrived,
  GuardContext,
  Journey,
  Taking,
} from '@sallyport/shared/processes/guard/context.ts';
import { examineAnswer } from '@sallyport/shared/processes/guard/examine-answer.ts';
import type { FinishedState } from '@sallyport/shared/store/port.ts';
import { type Admitted, expectNames, tryAdmit } from './admit.ts';
import { needsPlugins, tryAdmitAsking } from './asked.ts';
import { authority } from './authority.ts';
import { callUpstream } from './call.ts';
import { toldFacts } from './facts.ts';
import { expectPlugins, maskAnswer, maskAnswerAsking } from './mask.ts';
import { recordHandlers } from './records.ts';
import { tokenHandlers } from './tokens.ts';
import { createTurns, type Turn, type Turns } from './turns.ts';

export function innerJourney(node: GuardContext): Journey {
  let serving = 0;
  const bodies = createShares(limits.requestsServingBytesMax);
  const turns = createTurns();
  const policies = authority(node);
  const replays = createReplays(node.store.signatureUses(node.now()));
  const lastUse = createLastUse();
  const allowance = createAllowance(node);

  const takeRequest = (arrived: Arrived<RequestHeader>): Taking => {
    const { header, place } = arrived;
    expectNames(header);
    if (!arrived.again && node.store.inboundMessage(header.id)) {
      throw new SallyportError('MESSAGE_DUPLICATE', 'the message was received before');
    }
    const { id, flow, consumer, deadlineMs } = header;
    const receivedAtMs = node.now();
    if (!arrived.again && serving >= limits.requestsServingMax) {
      // More than a sound outer node ever has waiting: an answer to each would be a queue without end.
      const about = { code: 'OVERLOADED', exchangeId: id, flow, consumer } as const;
      node.refusals.record({ event: 'refuse', atMs: receivedAtMs, ...about });
      return {};
    }
    const held = arrived.body.length;
    const counted = { replays, allowance };
    const waits = needsPlugins(node, header);
    const fits = arrived.again || bodies.fits(consumer, held);
    const admitted = !fits
      ? new SallyportError('OVERLOADED', `${consumer} has its share of bytes in memory`)
      : waits
        ? undefined
        : tryAdmit(node, arrived, counted);
    const noteUse = (decided: Admitted | SallyportError): void => {
      if (decided instanceof SallyportError || header.credential === undefined) return;
      lastUse.note({ consumer, credential: header.credential, atMs: receivedAtMs });
    };
    if (admitted !== undefined) noteUse(admitted);
    // A copy: a body is a piece of its package, and would keep all of it in memory.
    const alone = { ...arrived, body: Buffer.from(arrived.body) };
    const released = { id, flow, consumer, deadlineMs, receivedAtMs, state: 'RELEASED' } as const;
    return {
      open: true,
      ...(!arrived.again && {
        record: (tx) => {
          tx.recordMessage({ ...released, lane: place.lane, sequence: place.sequence });
          if (admitted === undefined || admitted instanceof SallyportError) return;
          if (admitted.use) tx.recordSignatureUse(admitted.use);
        },
      }),
      after: () => {
        serving += 1;
        bodies.take(consumer, held);
        const decided = admitted ?? tryAdmitAsking(node, alone, counted);
        if (decided instanceof Promise) void decided.then(noteUse);
        void serve(node, turns, alone, decided)
          .catch((err) => node.log.error({ err, id }, 'a request is left without an answer'))
          .finally(() => {
            serving -= 1;
            bodies.give(consumer, held);
          });
      },
    };
  };

  return {
    handlers: {
      ...policies.handlers,
      'credentials-used': () => ({ head: lastUse.merged(node.store.credentialUses()) }),
      ...tokenHandlers(node),
      ...recordHandlers(node),
    },
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
    tick(nowMs) {
      replays.sweep(nowMs);
      allowance.tick();
      const uses = lastUse.due(nowMs);
      if (uses.length === 0) return;
      void node.store.later((tx) => uses.forEach(tx.recordCredentialUse)).catch(() => {});
    },
    announce() {},
    status: () => ({ serving, waitingForTurn: turns.waiting }),
  };
}

/** call ▶ check ▶ mask ▶ seal ▶ send. Every request that was recorded is answered. */
async function serve(
  node: GuardContext,
  turns: Turns,
  arrived: Arrived<RequestHeader>,
  decided: Admitted | SallyportError | Promise<Admitted | SallyportError>,
): Promise<void> {
  const { id: exchangeId, consumer, flow } = arrived.header;
  const about = { exchangeId, consumer, flow };
  let called = false;
  let turn: Turn | undefined;
  try {
    const admitted = decided instanceof Promise ? await decided : decided;
    if (admitted instanceof SallyportError) throw admitted;
    const { open } = admitted.decision;
    if (open) await expectPlugins(node, open.uses);
    // Before the service is called: an answer that cannot be masked would leave its effect in doubt.
    if (admitted.decision.compiled.keyed) await node.maskKeys.open();
    const { compiled } = admitted.decision;
    const { files } = admitted.request;
    const dueMs = node.steady() + admitted.deadlineMs - node.now();
    if (files) await node.examine(about, compiled.files.request, files, dueMs);
    turn = await turns.take(consumer, admitted.decision.upstream.targets);
    const startedMs = performance.now();
    const answer = await callUpstream(node, arrived.header, admitted);
    called = true;
    const callMs = Math.round(performance.now() - startedMs);
    const { status, body: raw } = answer;
    turn.answered(raw.length);
    const call = { event: 'call', ...about, status, bytes: raw.length, tookMs: callMs };
    node.audit.append({ ...call, atMs: node.now() });
    const masked =
      open === undefined
        ? maskAnswer(node, about, admitted.decision, answer)
        : await maskAnswerAsking(node, about, admitted.decision, answer);
    const { body, files: left, ...rest } = masked;
    if (left) {
      const { idempotent: mayRepeat } = admitted.decision;
      const rules = compiled.files.response;
      await examineAnswer(node, about, { rules, files: left, dueMs, mayRepeat });
    }
    const released = { ...rest, steps: { call: callMs } };
    await respond(node, arrived, { answer: released, body, state: 'DELIVERED' });
  } catch (thrown) {
    const error = asSallyportError(thrown);
    const { code } = error;
    node.log.warn({ ...about, code, detail: error.message }, 'request not answered by upstream');
    const told = called ? toldOfAnswer(code) : toldOfRequest(code, arrived.again);
    const event = told === 'IN_DOUBT' ? 'in-doubt' : 'refuse';
    await respond(node, arrived, {
      answer: { status: errorTable[told].status, headers: {}, error: told },
      body: new Uint8Array(0),
      state: finishedAs(told),
      refusal: {
        ...{ event, atMs: node.now(), ...about, ...toldFacts(arrived.header), code },
        ...whyOf(node, error),
      },
    });
  } finally {
    turn?.end();
  }
}

/**
 * Once the service has answered, only its answer can be at fault, or the call may be repeated; all else
 * leaves the effect open.
 */
function toldOfAnswer(code: ErrorCode): ErrorCode {
  if (code === 'SCAN_FAILED') return code;
  return code === 'RESPONSE_REFUSED' || ofPlugins.has(code) ? 'RESPONSE_REFUSED' : 'IN_DOUBT';
}

/** Before the service is called nothing took effect, where it was not called before a restart either. */
function toldOfRequest(code: ErrorCode, again: boolean): ErrorCode {
  if (!ofPlugins.has(code)) return crossingCode(code);
  return again ? 'IN_DOUBT' : 'NOT_READY';
}

const ofPlugins: ReadonlySet<ErrorCode> = new Set([
  'PLUGIN_MISSING',
  'PLUGIN_REFUSED',
  'PLUGIN_FAILED',
  'PLUGIN_ANSWER',
]);

/** Which version refused, and which of its rules. */
function whyOf(node: GuardContext, { rule }: SallyportError): Partial<AuditEvent> {
  const policyVersion = node.policy()?.version;
  return {
    ...(policyVersion !== undefined && { policyVersion }),
    ...(rule !== undefined && { rule }),
  };
}

interface Ending {
  readonly answer: Omit<ResponseHeader, 'type' | 'id' | 'correlationId' | 'requestDigest'>;
  readonly body: Uint8Array;
  readonly state: FinishedState;
  /** Why it ends without an answer of the service. */
  readonly refusal?: AuditEvent & { readonly code: ErrorCode };
}

/**
 * Answers until the answer is durable. The package that holds the request stays until then, so nothing
 * is lost when the HSM, the disk or the guard itself goes away meanwhile.
 */
async function respond(
  node: GuardContext,
  { header: request, digest, place }: Arrived<RequestHeader>,
  { answer, body, state, refusal }: Ending,
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
  let untold = refusal;
  while (!node.stopping.aborted) {
    try {
      if (untold?.event === 'refuse') node.refusals.record(untold);
      else if (untold) node.audit.append(untold);
      untold = undefined;
      await node.sending.enqueue({
        message,
        awaitsReceipt: true,
        record(tx) {
          tx.finishMessage(request.id, state, node.now(), refusal?.code);
          node.maskKeys.drain(tx);
          node.finish(tx, place, request.id);
        },
      });
      return;
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
