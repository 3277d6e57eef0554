/** call: the edge speaks to the department's API; what happens to it there decides what may be repeated. */
import { asSallyportError, SallyportError } from '@sallyport/shared/errors.ts';
import type { RequestHeader } from '@sallyport/shared/exchange/message.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { GuardContext } from '@sallyport/shared/processes/guard/context.ts';
import type { Admitted } from './admit.ts';

/** What the upstream answered, as the edge read it. Untrusted. */
export interface UpstreamAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string | undefined;
  readonly body: Buffer;
}

/**
 * Calls until an answer comes, the deadline passes, or another call could do harm.
 * Errors: UPSTREAM_*, DEADLINE_PASSED, IN_DOUBT (the edge was lost with the call on its way).
 */
export async function callUpstream(
  node: GuardContext,
  header: RequestHeader,
  admitted: Admitted,
): Promise<UpstreamAnswer> {
  const { idempotent } = admitted.decision;
  const dueMs = node.steady() + admitted.deadlineMs - node.now();
  for (;;) {
    const leftMs = dueMs - node.steady();
    if (leftMs <= 0) throw new SallyportError('DEADLINE_PASSED', 'no answer before the deadline');
    try {
      return await ask(node, header, admitted, leftMs);
    } catch (thrown) {
      const error = asSallyportError(thrown);
      if (lost.has(error.code) && !idempotent) {
        throw new SallyportError('IN_DOUBT', 'the edge was lost during the call', { cause: error });
      }
      if (error.code === 'IPC_TIMEOUT') {
        throw new SallyportError('UPSTREAM_TIMEOUT', 'the edge gave no answer', { cause: error });
      }
      const away = error.code === 'IPC_LOST' || error.code === 'NOT_READY';
      if (!away || node.stopping.aborted) throw error;
      await new Promise((resolve) => setTimeout(resolve, limits.answerRetryMs));
    }
  }
}

async function ask(
  node: GuardContext,
  header: RequestHeader,
  { decision, request }: Admitted,
  leftMs: number,
): Promise<UpstreamAnswer> {
  const timeoutMs = Math.min(decision.upstream.timeoutMs, leftMs);
  const head = {
    id: header.id,
    targets: decision.upstream.targets,
    method: header.method,
    path: header.path,
    query: request.query,
    headers: header.headers,
    ...(request.contentType !== undefined && { contentType: request.contentType }),
    ...(decision.sendsIdempotencyKey && { idempotencyKey: header.id }),
    timeoutMs,
  };
  // The edge keeps the time itself, and where it hangs the supervisor replaces it before this is over.
  const patienceMs = timeoutMs + limits.upstreamGraceMs;
  const answer = await node.askEdge('upstream', head, request.body, patienceMs);
  const { status, headers, contentType } = (answer.head ?? {}) as UpstreamAnswer;
  if (!Number.isInteger(status) || typeof headers !== 'object' || headers === null) {
    throw new SallyportError('UPSTREAM_REFUSED', 'expected an answer from the edge, got none');
  }
  return { status, headers, contentType, body: answer.body };
}

/** The call may have reached the service, and nobody can say any more. */
const lost: ReadonlySet<string> = new Set(['IPC_LOST', 'IPC_TIMEOUT']);
