/**
 * check ▶ examine ▶ release of an answer in which plug-ins have a part, or that has files. Others are asked
 * after the package is recorded, so the message stays unfinished until the answer is durable: what a crash
 * interrupts is taken again.
 */

import type { FileText } from '@sallyport/shared/content/place.ts';
import { asSallyportError } from '@sallyport/shared/errors.ts';
import type { ResponseHeader } from '@sallyport/shared/exchange/message.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { checkReleaseAsking } from '@sallyport/shared/masking/response.ts';
import type { Arrived, GuardContext, Taking } from '@sallyport/shared/processes/guard/context.ts';
import { examineAnswer } from '@sallyport/shared/processes/guard/examine-answer.ts';
import type { StoredAnswer } from '@sallyport/shared/store/port.ts';
import type { Exchanges, Pending } from './exchanges.ts';
import { answerOf, type Plans, refusedHere, releaseEvent } from './release.ts';

interface Release {
  readonly arrived: Arrived<ResponseHeader>;
  readonly pending: Pending;
  readonly plans: Plans;
  readonly startedMs: number;
}

/** Asks, and then ends the exchange: with the answer, or with its refusal. */
export function releasing(node: GuardContext, exchanges: Exchanges, release: Release): Taking {
  const { arrived, pending } = release;
  const { header, place } = arrived;
  const { consumer, flow, deadlineMs } = pending;
  // A copy: a body is a piece of its package, and would keep all of it in memory.
  const alone = { ...release, arrived: { ...arrived, body: Buffer.from(arrived.body) } };
  const about = { id: header.id, consumer, flow, deadlineMs, receivedAtMs: node.now() };
  const { lane, sequence } = place;
  return {
    open: true,
    record: (tx) => tx.recordMessage({ ...about, state: 'RELEASED', lane, sequence }),
    after: () => void decide(node, exchanges, alone),
  };
}

/** Its exchange has ended: nothing is left to do with the message. */
export function finishing(node: GuardContext, arrived: Arrived<ResponseHeader>): Taking {
  return { open: true, after: () => void finish(node, arrived, undefined) };
}

/** Never rejects. */
async function decide(node: GuardContext, exchanges: Exchanges, release: Release): Promise<void> {
  const { arrived, pending, plans, startedMs } = release;
  const { header, body } = arrived;
  const received = { status: header.status, body };
  const answeredAtMs = node.now();
  let answer: StoredAnswer;
  try {
    const proven = await checkReleaseAsking(plans.now, received, node.askPlugins).catch(
      (thrown) => {
        if (plans.now === plans.before) throw thrown;
        return checkReleaseAsking(plans.before, received, node.askPlugins);
      },
    );
    if (proven.files) await examine(node, pending, plans, proven.files);
    answer = answerOf(plans.now, header, proven.body, answeredAtMs);
  } catch (thrown) {
    answer = refusedHere(node, pending, thrown, answeredAtMs);
  }
  // It may have passed its deadline meanwhile.
  const waits = exchanges.get(pending.id) !== undefined;
  const event = waits ? releaseEvent(node, arrived, { pending, answer, startedMs }) : undefined;
  const isDurable = await finish(node, arrived, event && { answer, event });
  if (waits && isDurable) exchanges.end(pending.id, answer);
}

/** Errors: those of examineAnswer. */
async function examine(
  node: GuardContext,
  { id: exchangeId, consumer, flow, deadlineMs }: Pending,
  { now }: Plans,
  files: readonly FileText[],
): Promise<void> {
  const { files: rules, mayRepeat } = now;
  const dueMs = node.steady() + deadlineMs - node.now();
  await examineAnswer(node, { exchangeId, consumer, flow }, { rules, files, dueMs, mayRepeat });
}

/** Tries until it is durable; false where the node stops before. */
async function finish(
  node: GuardContext,
  { header, place }: Arrived<ResponseHeader>,
  decided: { answer: StoredAnswer; event: ReturnType<typeof releaseEvent> } | undefined,
): Promise<boolean> {
  let untold = decided?.event;
  while (!node.stopping.aborted) {
    try {
      if (untold) node.audit.append(untold);
      untold = undefined;
      await node.store.write((tx) => {
        if (decided) tx.recordAnswer(header.correlationId, decided.answer);
        tx.finishMessage(header.id, 'DELIVERED', node.now());
        node.finish(tx, place, header.id);
        node.audit.drain(tx);
      });
      return true;
    } catch (thrown) {
      node.log.warn({ code: asSallyportError(thrown).code, id: header.id }, 'answer waits');
      await new Promise((resolve) => setTimeout(resolve, limits.answerRetryMs));
    }
  }
  return false;
}
