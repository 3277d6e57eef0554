/**
 * The answer of a service: masked at the inner node before sealing, proven at the outer node before
 * release.
 */
import { isJson } from '../content/media.ts';
import type { FileText, Rewritten } from '../content/place.ts';
import type { Rewrite } from '../content/rewrite.ts';
import { asSallyportError, SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { AskPlugins, PluginUse } from '../plugins/ask.ts';
import type { OpenRewrite } from './open.ts';

/** What a policy says about the answers of one route to one consumer. */
export interface ReleasePlan {
  /** Statuses whose body is released; ascending. */
  readonly statuses: readonly number[];
  /** Lower-case names of the headers that may cross. */
  readonly responseHeaders: readonly string[];
  /** Masks what leaves the inner domain; undefined where the route answers without body. */
  readonly release: Rewrite | undefined;
  /** Proves on the far side what `release` did. */
  readonly verify: Rewrite | undefined;
  /** Both where plug-ins have a part in them; then the two above refuse. */
  readonly open?: OpenPlan | undefined;
}

/** A body that may be released, once its files were examined. */
export interface Proven {
  /** Regenerated JSON; empty where only the status is told. */
  readonly body: Buffer;
  readonly files?: readonly FileText[];
}

/** As in ReleasePlan, with places left open. */
export interface OpenPlan {
  readonly release: OpenRewrite;
  readonly verify: OpenRewrite;
  /** The plug-ins that have a part in a release. */
  readonly uses: readonly PluginUse[];
}

/** What a service answered. Untrusted. */
export interface UpstreamAnswer {
  readonly status: number;
  readonly contentType?: string | undefined;
  readonly body: Uint8Array;
}

export interface MaskedAnswer {
  /** Regenerated JSON; empty where only the status may leave. */
  readonly body: Buffer;
  /** Mask id → how many values it changed. */
  readonly rules: Record<string, number>;
  /** Members and values that did not leave, masks aside. */
  readonly fieldsDropped: number;
  /** The files in the body, to be examined before it leaves; absent where there are none. */
  readonly files?: readonly FileText[];
}

/**
 * What a consumer must be able to learn from a service: the status alone crosses, without a body.
 */
const plainStatuses: ReadonlySet<number> = new Set([404, 409, 410, 412, 422]);

/**
 * Errors: RESPONSE_REFUSED for a status that the route does not name, another content type, text
 * that is not strict JSON, a granted field that breaks its schema, a document of which nothing is
 * granted.
 */
export function maskResponse(plan: ReleasePlan, answer: UpstreamAnswer): MaskedAnswer {
  const release = releaseOf(plan, answer, plan.release);
  if (release === undefined) return bodiless;
  return released(coded(() => release(answer.body, limits.upstreamBodyBytesMax)));
}

/** As maskResponse, with what plug-ins give. Errors: besides, those of plug-ins. */
export async function maskResponseAsking(
  plan: ReleasePlan,
  answer: UpstreamAnswer,
  ask: AskPlugins,
): Promise<MaskedAnswer> {
  if (plan.open === undefined) return maskResponse(plan, answer);
  const release = releaseOf(plan, answer, plan.open.release);
  if (release === undefined) return bodiless;
  const { asks, close } = coded(() => release(answer.body, limits.upstreamBodyBytesMax));
  const given = await ask(asks);
  return released(coded(() => close(given)));
}

const bodiless: MaskedAnswer = { body: Buffer.alloc(0), rules: {}, fieldsDropped: 0 };

function releaseOf<T>(
  { statuses }: ReleasePlan,
  { status, contentType }: UpstreamAnswer,
  release: T | undefined,
): T | undefined {
  const named = statuses.includes(status);
  if (!named && !plainStatuses.has(status)) throw refused(`a status of the route, got ${status}`);
  // Without a schema, and with 204 (RFC 9110 §15.3.5), there is no body to release.
  if (!named || release === undefined || status === 204) return undefined;
  if (!isJson(contentType)) throw refused('JSON, got another content type');
  return release;
}

function released({ body, rules, dropped, files }: Rewritten): MaskedAnswer {
  if (body === undefined) throw refused('a document with a granted field, got none');
  return { body, rules, fieldsDropped: dropped, ...(files && { files }) };
}

/**
 * Proves from this node's own policy that a status may be told, and that a body holds only granted
 * fields, each fit for its schema or masked as its rule says. Errors: RESPONSE_REFUSED.
 */
export function checkRelease(plan: ReleasePlan, answer: Received): Proven {
  const verify = verifyOf(plan, answer, plan.verify);
  if (verify === undefined) return { body: Buffer.alloc(0) };
  return proven(coded(() => verify(answer.body, limits.messageBodyBytesMax)));
}

/** As checkRelease, asking the plug-ins of the plan. Errors: besides, those of plug-ins. */
export async function checkReleaseAsking(
  plan: ReleasePlan,
  answer: Received,
  ask: AskPlugins,
): Promise<Proven> {
  if (plan.open === undefined) return checkRelease(plan, answer);
  const verify = verifyOf(plan, answer, plan.open.verify);
  if (verify === undefined) return { body: Buffer.alloc(0) };
  const { asks, close } = coded(() => verify(answer.body, limits.messageBodyBytesMax));
  const given = await ask(asks);
  return proven(coded(() => close(given)));
}

interface Received {
  readonly status: number;
  readonly body: Uint8Array;
}

function verifyOf<T>(
  { statuses }: ReleasePlan,
  { status, body }: Received,
  verify: T | undefined,
): T | undefined {
  const named = statuses.includes(status);
  if (!named && !plainStatuses.has(status)) throw refused(`a status of the route, got ${status}`);
  if (body.length === 0) return undefined;
  if (!named || verify === undefined || status === 204) throw refused('no body, got one');
  return verify;
}

function proven({ body, files }: Rewritten): Proven {
  if (body === undefined) throw refused('a document with a granted field, got none');
  return { body, ...(files && { files }) };
}

function coded<T>(step: () => T): T {
  try {
    return step();
  } catch (cause) {
    const { code, message } = asSallyportError(cause);
    if (code !== 'JSON_REFUSED') throw cause;
    throw new SallyportError('RESPONSE_REFUSED', message, { cause });
  }
}

function refused(expected: string): SallyportError {
  return new SallyportError('RESPONSE_REFUSED', `expected ${expected}`, {
    hint: 'compare the answer of the service with response.statuses and response.schema',
  });
}
