/** check ▶ mask: what leaves the inner domain, before it is sealed. Nothing after this adds a field. */

import { named } from '@sallyport/shared/content/headers.ts';
import { jsonType } from '@sallyport/shared/content/media.ts';
import { maskResponse } from '@sallyport/shared/masking/response.ts';
import type { Decision } from '@sallyport/shared/policy/decide.ts';
import type { GuardContext } from '@sallyport/shared/processes/guard/context.ts';
import type { UpstreamAnswer } from './call.ts';

/** What may leave, as a response message carries it. */
export interface Released {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly masked: Readonly<Record<string, number>>;
  readonly body: Buffer;
}

/** Errors: RESPONSE_REFUSED. */
export function maskAnswer(
  node: GuardContext,
  about: { exchangeId: string; consumer: string; flow: string },
  decision: Decision,
  answer: UpstreamAnswer,
): Released {
  const startedMs = performance.now();
  const { body, rules } = maskResponse(decision, answer);
  node.audit.append({
    event: 'mask',
    atMs: node.now(),
    ...about,
    status: answer.status,
    bytes: body.length,
    rules,
    tookMs: performance.now() - startedMs,
  });
  return {
    status: answer.status,
    headers: named(answer.headers, decision.responseHeaders),
    ...(body.length > 0 && { contentType: jsonType }),
    masked: rules,
    body,
  };
}
