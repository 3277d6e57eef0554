/**
 * What the edge tells the guard about a call. Everything in it is untrusted; the edge only makes sure that
 * it has one meaning. What two parsers could read in two ways is refused, never repaired.
 */
import type { IncomingMessage } from 'node:http';
import type { SignedRequest } from '../../accounts/signature-base.ts';
import { traceparentPattern } from '../../content/headers.ts';
import { normalisePath, type QueryPair } from '../../content/path.ts';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { readCertificates } from './client-certificate.ts';
import { dropNominated, hopByHop } from './hop.ts';
import type { EdgeLimits } from './limits.ts';

export interface CallHead {
  /** The guard was lost while it had this call: it may know the exchange. */
  readonly again?: boolean;
  /** The exchange id, minted by the edge; the same call is told again under the same id. */
  readonly id: string;
  readonly method: string;
  /** Normal form, see content/path.ts. */
  readonly path: string;
  readonly query: readonly QueryPair[];
  /** Lower-case names; without connection headers and without those that have a field here. */
  readonly headers: Readonly<Record<string, string>>;
  /** The secret itself: for the guard alone, never for a log. */
  readonly apiKey: string | undefined;
  /** Set where the call has a signature: what may be signed, as it came. */
  readonly signed?: Omit<SignedRequest, 'method'>;
  /** The client certificate of the connection and what came with it, DER in base64. */
  readonly certificates?: readonly string[];
  readonly idempotencyKey: string | undefined;
  readonly respondAsync: boolean;
  /** How long the caller wants to wait at most (RFC 7240 `wait`). */
  readonly waitMs: number | undefined;
  readonly traceparent: string | undefined;
  /** IP address of the caller; an IPv4 address is never written as IPv6. */
  readonly remote: string;
  readonly receivedAtMs: number;
}

/** Headers that must not come twice: Node would keep the first and hide the others. */
const single: ReadonlySet<string> = new Set(
  `age authorization content-encoding content-length content-type etag expect expires from host
  idempotency-key if-modified-since if-unmodified-since last-modified location max-forwards
  proxy-authorization referer retry-after server traceparent transfer-encoding upgrade user-agent
  x-api-key`.split(/\s+/),
);

/** Kept from the guard: connection matters, and what has a field of its own. */
const notTold: ReadonlySet<string> = new Set([
  ...hopByHop,
  'content-length',
  'expect',
  'idempotency-key',
  'prefer',
  'set-cookie',
  'traceparent',
  'x-api-key',
]);

/** TRACE would show a caller what intermediaries add; nobody needs the rest of what a parser knows. */
const methods: ReadonlySet<string> = new Set([
  'DELETE',
  'GET',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'POST',
  'PUT',
]);

const bearerKey = /^bearer +(sp_[\x21-\x7e]+)$/i;
const visible = /^[\x21-\x7e]+$/;

/**
 * Reads and checks a request's head. Errors in check order: HEADERS_TOO_LARGE, REQUEST_MALFORMED,
 * METHOD_REFUSED, CONTENT_TYPE_REFUSED (a content coding), REQUEST_TOO_LARGE, PATH_REFUSED.
 */
export function readCallHead(
  req: IncomingMessage,
  id: string,
  remote: string,
  receivedAtMs: number,
  bounds: EdgeLimits,
): CallHead {
  const given = req.headers;
  const bearer = bearerKey.exec(given.authorization ?? '')?.[1];
  const headers = tellableHeaders(req, bounds.edgeHeaderCountMax, bearer !== undefined);
  checkShape(req, bounds.edgeBodyBytesMax);
  const { path, query } = normalisePath(req.url ?? '');
  const apiKey = oneKey(bearer, given['x-api-key']);
  return {
    id,
    method: req.method ?? '',
    path,
    query,
    headers,
    apiKey,
    ...readSigned(req),
    ...readCertificates(req.socket),
    idempotencyKey: readIdempotencyKey(given['idempotency-key']),
    ...readPrefer(given.prefer),
    traceparent: readTrace(given.traceparent),
    remote,
    receivedAtMs,
  };
}

/** True where the request carries a body, or may. */
export function hasBody(req: IncomingMessage): boolean {
  const length = req.headers['content-length'];
  return req.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

function tellableHeaders(
  req: IncomingMessage,
  countMax: number,
  hasKey: boolean,
): Record<string, string> {
  const count = req.rawHeaders.length / 2;
  if (count > countMax) {
    throw new SallyportError('HEADERS_TOO_LARGE', `expected at most ${countMax} headers, got more`);
  }
  const given = req.headers;
  const headers: Record<string, string> = Object.create(null);
  let names = 0;
  for (const name in given) {
    names += 1;
    const value = given[name];
    if (typeof value !== 'string' || notTold.has(name)) continue;
    // Where it is our key, it has a field of its own.
    if (!hasKey || name !== 'authorization') headers[name] = value;
  }
  if (names !== count) refuseRepeated(req.rawHeaders);
  if (given.connection !== undefined) dropNominated(headers, given.connection);
  return headers;
}

function refuseRepeated(rawHeaders: readonly string[]): void {
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    if (seen.has(name) && single.has(name)) throw malformed(`${name} once`, 'it twice');
    seen.add(name);
  }
}

function checkShape(req: IncomingMessage, bodyBytesMax: number): void {
  const given = req.headers;
  // Node's parser takes HTTP/0.9 and HTTP/2.0 in the form of HTTP/1 too.
  if (req.httpVersionMajor !== 1) throw malformed('HTTP/1', 'another version');
  if (given.host === undefined) throw malformed('a host header', 'none');
  if (given.upgrade !== undefined) throw malformed('no upgrade', 'one');
  if (given.expect !== undefined && given.expect.toLowerCase() !== '100-continue') {
    throw malformed('100-continue or nothing', 'another expectation');
  }
  const coding = given['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    throw malformed('chunked or nothing', 'another transfer coding');
  }
  if (coding !== undefined && req.httpVersionMinor === 0) {
    throw malformed('no transfer coding in HTTP/1.0', 'one');
  }
  if (!req.url?.startsWith('/')) throw malformed('an origin-form target', 'another form');
  if (!methods.has(req.method ?? '')) {
    throw new SallyportError('METHOD_REFUSED', 'expected a method that a route can have');
  }
  const content = given['content-encoding'];
  if (content !== undefined && content.toLowerCase() !== 'identity') {
    throw new SallyportError('CONTENT_TYPE_REFUSED', 'expected no content coding, got one');
  }
  if (Number(given['content-length'] ?? 0) > bodyBytesMax) throw bodyTooLarge(bodyBytesMax);
}

export function bodyTooLarge(bytesMax: number): SallyportError {
  return new SallyportError('REQUEST_TOO_LARGE', `expected at most ${bytesMax} bytes, got more`);
}

/** All header fields and the target byte for byte: only the guard knows what of it is covered. */
function readSigned(req: IncomingMessage): Pick<CallHead, 'signed'> {
  const given = req.headers;
  if (given['signature-input'] === undefined && given.signature === undefined) return {};
  const fields: Record<string, string> = Object.create(null);
  for (const name in given) {
    const value = given[name];
    if (typeof value === 'string') fields[name] = value;
  }
  const scheme = 'encrypted' in req.socket ? 'https' : 'http';
  return { signed: { scheme, target: req.url ?? '', fields } };
}

function oneKey(bearer: string | undefined, header: string | string[] | undefined) {
  if (header === undefined) return bearer;
  if (bearer !== undefined) throw malformed('one API key', 'two');
  if (typeof header !== 'string' || !visible.test(header)) {
    throw malformed('visible ASCII as API key', 'something else');
  }
  return header;
}

function readIdempotencyKey(value: string | string[] | undefined): string | undefined {
  if (value === undefined) return undefined;
  const fits = typeof value === 'string' && value.length <= limits.idempotencyKeyBytesMax;
  if (!fits || !visible.test(value)) {
    throw malformed(`1 to ${limits.idempotencyKeyBytesMax} visible ASCII characters`, 'a bad key');
  }
  return value;
}

/** RFC 7240; a preference that is not understood is no preference. */
function readPrefer(value: string | string[] | undefined) {
  if (typeof value !== 'string') return { respondAsync: false, waitMs: undefined };
  const wishes = value.toLowerCase().split(',');
  const wait = wishes.map((wish) => /^\s*wait\s*=\s*(\d{1,6})\s*$/.exec(wish)?.[1]).find(Boolean);
  return {
    respondAsync: wishes.some((wish) => wish.trim() === 'respond-async'),
    waitMs: wait === undefined ? undefined : Number(wait) * 1000,
  };
}

/** W3C Trace Context, version 00; anything else is dropped as that text demands. */
function readTrace(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' && traceparentPattern.test(value) ? value : undefined;
}

function malformed(expected: string, got: string): SallyportError {
  return new SallyportError('REQUEST_MALFORMED', `expected ${expected}, got ${got}`);
}
