/**
 * accept: what the edge took from a consumer, checked for shape. The edge parsed hostile bytes, so the
 * guard believes nothing of it but the types that it checks here.
 */

import type { SignedRequest } from '@sallyport/shared/accounts/signature-base.ts';
import { traceparentPattern } from '@sallyport/shared/content/headers.ts';
import type { QueryPair } from '@sallyport/shared/content/path.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { isId } from '@sallyport/shared/ids.ts';
import { limits } from '@sallyport/shared/limits.ts';

/** A consumer's call as the edge hands it over. Untrusted but well-typed. */
export interface Call {
  /** Minted by the edge; the exchange id. The same call comes again when the guard was lost. */
  readonly id: string;
  readonly method: string;
  /** Normal form of shared/content/path.ts. */
  readonly path: string;
  readonly query: readonly QueryPair[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** IP address of the caller, as the edge saw it. */
  readonly remote?: string;
  readonly apiKey?: string;
  /** What may be signed, where the call has a signature. */
  readonly signed?: Omit<SignedRequest, 'method'>;
  /** DER in base64, the caller's own first. */
  readonly certificates?: readonly string[];
  readonly idempotencyKey?: string;
  /** The edge hands the call over again, because the guard was lost while it had it. */
  readonly again?: boolean;
  readonly respondAsync: boolean;
  readonly waitMs?: number;
  readonly traceparent?: string;
}

/** Errors: IPC_FRAME for a head of another shape, REQUEST_TOO_LARGE. */
export function accept(head: unknown, body: Buffer): Call {
  const call = head as Partial<Call> | null;
  const fits =
    typeof call === 'object' &&
    call !== null &&
    isId(call.id) &&
    isText(call.method) &&
    isText(call.path) &&
    isPairs(call.query) &&
    isTexts(call.headers) &&
    isTextOrAbsent(call.remote) &&
    isTextOrAbsent(call.apiKey) &&
    (call.signed === undefined || isSigned(call.signed)) &&
    (call.certificates === undefined || isChain(call.certificates)) &&
    isTextOrAbsent(call.idempotencyKey) &&
    (call.traceparent === undefined || isTraceparent(call.traceparent)) &&
    typeof call.respondAsync === 'boolean' &&
    (call.again === undefined || typeof call.again === 'boolean') &&
    (call.waitMs === undefined || (Number.isFinite(call.waitMs) && call.waitMs >= 0));
  if (!fits) throw new SallyportError('IPC_FRAME', 'expected a call, got another shape');
  if (body.length > limits.edgeBodyBytesMax) {
    throw new SallyportError(
      'REQUEST_TOO_LARGE',
      `expected at most ${limits.edgeBodyBytesMax} bytes, got ${body.length}`,
    );
  }
  return { ...(call as Call), body };
}

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= limits.edgeHeaderBytesMax;

const isTraceparent = (value: unknown): boolean => isText(value) && traceparentPattern.test(value);

const isTextOrAbsent = (value: unknown): boolean => value === undefined || isText(value);

function isSigned(value: unknown): boolean {
  const { scheme, target, fields } = (value ?? {}) as Partial<SignedRequest>;
  return (scheme === 'http' || scheme === 'https') && isText(target) && isTexts(fields);
}

const isChain = (value: unknown): boolean =>
  Array.isArray(value) && value.length <= limits.certificateChainMax && value.every(isText);

const isTexts = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.values(value).every(isText);

const isPairs = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(isText));
