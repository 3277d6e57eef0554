/** check ▶ mask: what leaves the inner domain, before it is sealed. Nothing after this adds a field. */

import { named } from '@sallyport/shared/content/headers.ts';
import { jsonType } from '@sallyport/shared/content/media.ts';
import type { FileText } from '@sallyport/shared/content/place.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { foundIn, hitsOf } from '@sallyport/shared/masking/net.ts';
import {
  type MaskedAnswer,
  maskResponse,
  maskResponseAsking,
} from '@sallyport/shared/masking/response.ts';
import type { PluginUse } from '@sallyport/shared/plugins/ask.ts';
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
 * it. Errors: RESPONSE_REFUSED.
 */
export function maskAnswer(
  node: GuardContext,
  about: About,
  decision: Decision,
  answer: UpstreamAnswer,
): Released {
  const startedMs = performance.now();
  try {
    const masked = maskResponse(decision, knownType(decision, answer));
    return recorded(node, about, { decision, answer, masked, startedMs });
  } catch (thrown) {
    throw told(node, about, thrown);
  }
}

/** As maskAnswer, where plug-ins have a part in it. Errors: besides, those of plug-ins. */
export async function maskAnswerAsking(
  node: GuardContext,
  about: About,
  decision: Decision,
  answer: UpstreamAnswer,
): Promise<Released> {
  const startedMs = performance.now();
  try {
    const typed = knownType(decision, answer);
    const masked = await maskResponseAsking(decision, typed, node.askPlugins);
    return recorded(node, about, { decision, answer, masked, startedMs });
  } catch (thrown) {
    throw told(node, about, thrown);
  }
}

/**
 * That the plug-ins of an answer are there, before the service is called: an answer that cannot be masked
 * would be lost, and its effect stay. Errors: those of plug-ins.
 */
export async function expectPlugins(node: GuardContext, uses: readonly PluginUse[]): Promise<void> {
  await node.askPlugins(uses.map((use) => ({ use, verb: use.kind, items: [] })));
}

interface Masking {
  readonly decision: Decision;
  readonly answer: UpstreamAnswer;
  readonly masked: MaskedAnswer;
  readonly startedMs: number;
}

function recorded(
  node: GuardContext,
  about: About,
  { decision, answer, masked, startedMs }: Masking,
): Released {
  const { body, rules, files } = withExceptions(masked, decision.unmasked);
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

/** The walk reads the format itself; that it is the one of the route is known by its type. */
function knownType({ answer: format }: Decision, answer: UpstreamAnswer): UpstreamAnswer {
  const known = format?.accepts(answer.contentType) ?? true;
  return { ...answer, contentType: known ? jsonType : undefined };
}

/** What was found in an answer that is refused for it, told to its owner. */
function told(node: GuardContext, about: About, thrown: unknown): unknown {
  if (thrown instanceof SallyportError) tellOwner(node, about, hitsOf(thrown));
  return thrown;
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
