/** check ▶ mask: what leaves the inner domain, before it is sealed. Nothing after this adds a field. */

import { named } from '@sallyport/shared/content/headers.ts';
import { jsonType } from '@sallyport/shared/content/media.ts';
import type { FileText } from '@sallyport/shared/content/place.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { foundIn, hitsOf } from '@sallyport/shared/masking/net.ts';
import { type MaskedAnswer, maskResponse } from '@sallyport/shared/masking/response.ts';
import type { Decision } from '@sallyport/shared/policy/decide.ts';
import type { GuardContext } from '@sallyport/shared/processes/guard/context.ts';
import type { UpstreamAnswer } from './call.ts';

interface About {
  readonly exchangeId: string;
  readonly consumer: string;
  readonly flow: string;
}

/** What may leave, as a response message carries it. */
export interface Released {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly masked: Readonly<Record<string, number>>;
  readonly body: Buffer;
  /** To be examined before it is sealed. */
  readonly files?: readonly FileText[];
}

/**
 * What the second net finds, or is refused for, is also an event of its own: the owner of the data reads
 * it. Errors: RESPONSE_REFUSED, MASK_KEYS_MISSING.
 */
export function maskAnswer(
  node: GuardContext,
  about: About,
  decision: Decision,
  answer: UpstreamAnswer,
): Released {
  const startedMs = performance.now();
  const { body, rules, files } = masked(node, about, decision, answer);
  tellOwner(node, about, foundIn(rules));
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
    ...(files && { files }),
  };
}

function masked(
  node: GuardContext,
  about: About,
  decision: Decision,
  answer: UpstreamAnswer,
): MaskedAnswer {
  try {
    // The walk reads the format itself; that it is the one of the route is known by its type.
    const { answer: format } = decision;
    const known = format?.accepts(answer.contentType) ?? true;
    const answered = { ...answer, contentType: known ? jsonType : undefined };
    return withExceptions(maskResponse(decision, answered), decision.unmasked);
  } catch (thrown) {
    if (thrown instanceof SallyportError) tellOwner(node, about, hitsOf(thrown));
    throw thrown;
  }
}

/** That a mask did not run is evidence too: `unmasked $.idNumber`. */
function withExceptions(answer: MaskedAnswer, unmasked: readonly string[]): MaskedAnswer {
  if (unmasked.length === 0 || answer.body.length === 0) return answer;
  const open = Object.fromEntries(unmasked.map((field) => [`unmasked ${field}`, 1]));
  return { ...answer, rules: { ...answer.rules, ...open } };
}

function tellOwner(
  node: GuardContext,
  about: About,
  rules: Readonly<Record<string, number>> | undefined,
): void {
  if (rules !== undefined)
    node.audit.append({ event: 'detect', atMs: node.now(), ...about, rules });
}
