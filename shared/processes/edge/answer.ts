/**
 * What a caller gets to see. Errors are problem details (RFC 9457) made of the error table alone: no detail
 * of the inside ever stands in one. docs/spec/http.md is the norm.
 */
import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ErrorCode, errorTable, isErrorCode, SallyportError } from '../../errors.ts';
import type { Answer } from '../ipc/peer.ts';
import { hopByHop } from './hop.ts';

/** The guard's answer to a call. With a `code` the body is a problem and the guard sent none. */
export interface CallReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string | undefined;
  readonly code: ErrorCode | undefined;
  readonly body: Buffer;
}

/** Headers that the edge alone decides about. */
const ours: ReadonlySet<string> = new Set([
  ...hopByHop,
  'cache-control',
  'content-length',
  'content-type',
  'date',
  'sallyport-exchange',
  'server',
  'set-cookie',
  'x-content-type-options',
  'x-powered-by',
]);

/** Checks what the guard sent. INTERNAL where it is not an answer. */
export function readReply(answer: Answer): CallReply {
  const { status, headers, contentType, code } = (answer.head ?? {}) as Record<string, unknown>;
  const known = typeof status === 'number' && Number.isInteger(status);
  if (!known || status < 200 || status > 599) {
    throw new SallyportError('INTERNAL', 'expected a status from 200 to 599 from the guard');
  }
  return {
    status,
    headers:
      typeof headers === 'object' && headers !== null ? (headers as CallReply['headers']) : {},
    contentType: typeof contentType === 'string' ? contentType : undefined,
    code: isErrorCode(code) ? code : undefined,
    body: answer.body,
  };
}

/** Writes the guard's answer; returns the bytes of its body. Throws before the first byte or not at all. */
export function writeReply(
  res: ServerResponse,
  id: string,
  reply: CallReply,
  close: boolean,
): number {
  const head = commonHeaders(id, close);
  for (const [name, value] of Object.entries(reply.headers)) {
    if (!ours.has(name) && typeof value === 'string') head.push(name, value);
  }
  const bare = reply.status === 204 || reply.status === 304;
  const body = bare ? noBody : reply.body;
  if (body.length > 0) head.push('content-type', reply.contentType ?? 'application/octet-stream');
  // An answer to HEAD states a length only where the guard knows the body that GET would give.
  if (!bare && (body.length > 0 || res.req.method !== 'HEAD')) {
    head.push('content-length', String(body.length));
  }
  res.writeHead(reply.status, head);
  res.end(body);
  return body.length;
}

/** Writes a problem; `extra` are headers that the guard gave along (Allow, Retry-After). */
export function writeProblem(
  res: ServerResponse,
  id: string,
  code: ErrorCode,
  close: boolean,
  extra: Readonly<Record<string, string>> = {},
): void {
  const body = problemBody(id, code);
  const head = problemHeaders(id, code, body, close, extra['retry-after']);
  for (const [name, value] of Object.entries(extra)) {
    if (!ours.has(name) && !head.includes(name)) head.push(name, value);
  }
  res.writeHead(errorTable[code].status, head);
  res.end(body);
}

/** The same where there is no response object: the parser gave up. The connection ends with it. */
export function writeProblemRaw(socket: Duplex, id: string, code: ErrorCode): void {
  const { status } = errorTable[code];
  const body = problemBody(id, code);
  const head = problemHeaders(id, code, body, true);
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`;
  for (let i = 0; i < head.length; i += 2) text += `${head[i]}: ${head[i + 1]}\r\n`;
  text += `date: ${new Date().toUTCString()}\r\n\r\n`;
  socket.end(Buffer.concat([Buffer.from(text, 'latin1'), body]), () => socket.destroy());
}

const noBody: Buffer = Buffer.alloc(0);

function problemBody(id: string, code: ErrorCode): Buffer {
  const { status, text } = errorTable[code];
  return Buffer.from(
    JSON.stringify({
      type: `urn:sallyport:error:${code}`,
      title: text,
      status,
      code,
      instance: `urn:sallyport:exchange:${id}`,
      exchange: id,
    }),
  );
}

function problemHeaders(
  id: string,
  code: ErrorCode,
  body: Buffer,
  close: boolean,
  retryAfter = '1',
): string[] {
  const { status } = errorTable[code];
  const head = commonHeaders(id, close);
  head.push('content-type', 'application/problem+json', 'content-length', String(body.length));
  if (status === 401) head.push('www-authenticate', 'Bearer realm="sallyport"');
  if (status === 503) head.push('retry-after', retryAfter);
  return head;
}

function commonHeaders(id: string, close: boolean): string[] {
  const head = ['sallyport-exchange', id, 'cache-control', 'no-store'];
  head.push('x-content-type-options', 'nosniff');
  if (close) head.push('connection', 'close');
  return head;
}
