/**
 * One request to one upstream address. The code of a failure tells whether the request may have reached it:
 * UPSTREAM_UNREACHABLE means certainly not, every other code means that it may have.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher, Pool } from 'undici';
import { SallyportError } from '../../errors.ts';
import type { Deadlines, Due } from './deadlines.ts';
import type { EdgeLimits } from './limits.ts';
import { addPiece, joinPieces, startPieces } from './pieces.ts';
import { createRoom, type Holder, type Room } from './room.ts';

export interface UpstreamRequest {
  readonly method: string;
  /** Path and query as they go on the wire. */
  readonly path: string;
  /** Name, value, name, value. */
  readonly headers: string[];
  readonly body: Buffer;
}

export interface UpstreamResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Holds the room for `body`; whoever is done with it lets it leave. */
  readonly holder: Collecting;
}

const unsent = { hint: 'nothing was sent: it is safe to send the request again' };
const noConnection = 'expected a connection in time, got none';
const maybeSent = { hint: 'the request may have reached the service' };

/** What all dispatches share. */
export interface Dispatching {
  readonly deadlines: Deadlines;
  readonly room: Room<Collecting>;
  readonly bounds: EdgeLimits;
}

/** An answer that is coming in. */
export interface Collecting extends Holder {
  heldBytes: number;
  readonly stop: (error: SallyportError) => void;
}

/** Answers of all upstreams together; where they are too many, the largest is given up. */
export function createAnswerRoom(bytesMax: number): Room<Collecting> {
  const fault = (): SallyportError => tooLarge(`answers of at most ${bytesMax} bytes together`);
  return createRoom<Collecting>(bytesMax, (one) => one.stop(fault()));
}

/**
 * Sends and collects, all within `timeoutMs`. No redirect is followed, nothing is decompressed. The bytes
 * of the answer stay counted in the room until `holder` leaves it.
 * Errors: UPSTREAM_UNREACHABLE, UPSTREAM_TIMEOUT, UPSTREAM_TOO_LARGE, UPSTREAM_REFUSED.
 */
export function dispatch(
  pool: Pool,
  request: UpstreamRequest,
  timeoutMs: number,
  { deadlines, room, bounds }: Dispatching,
): Promise<UpstreamResponse> {
  return new Promise((resolve, reject) => {
    const pieces = startPieces();
    const bytesMax = bounds.upstreamBodyBytesMax;
    let controller: Dispatcher.DispatchController | undefined;
    let status = 0;
    let headers: IncomingHttpHeaders = {};

    const holder: Collecting = { heldBytes: 0, stop: (error) => controller?.abort(error) };
    const due: Due = {
      dueMs: performance.now() + timeoutMs,
      expire() {
        if (controller) controller.abort(timeout('expected an answer in time, got none'));
        // Still queued for a connection: it is taken out when its turn comes, before a byte is written.
        else reject(unreachable(noConnection));
      },
    };
    deadlines.add(due);

    pool.dispatch(
      { method: request.method, path: request.path, headers: request.headers, body: request.body },
      {
        onRequestStart(started) {
          if (performance.now() >= due.dueMs) throw unreachable(noConnection);
          controller = started;
        },
        onResponseStart(started, code, fields) {
          if (code < 200) return;
          status = code;
          headers = fields;
          const fault = headFault(request.method, code, fields, bytesMax);
          if (fault) started.abort(fault);
        },
        onResponseData(started, chunk) {
          if (holder.heldBytes + chunk.length > bytesMax) {
            started.abort(tooLarge(`at most ${bytesMax} bytes`));
          } else {
            addPiece(pieces, chunk);
            room.take(holder, chunk.length);
          }
        },
        onResponseEnd() {
          deadlines.delete(due);
          room.keep(holder);
          resolve({ status, headers, body: joinPieces(pieces), holder });
        },
        onResponseError(_started, error) {
          deadlines.delete(due);
          room.leave(holder);
          reject(asUpstreamError(error, controller !== undefined));
        },
      },
    );
  });
}

function headFault(
  method: string,
  status: number,
  headers: IncomingHttpHeaders,
  bytesMax: number,
): SallyportError | undefined {
  if (status > 599) return refused('a status from 200 to 599');
  const coding = headers['content-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'identity') {
    return refused('no content coding');
  }
  if (Array.isArray(headers['content-type'])) return refused('one content type');
  const length = Number(headers['content-length'] ?? 0);
  if (method !== 'HEAD' && length > bytesMax) return tooLarge(`at most ${bytesMax} bytes`);
  return undefined;
}

function asUpstreamError(error: Error, started: boolean): SallyportError {
  if (error instanceof SallyportError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? error.name;
  if (!started) return unreachable(`cannot connect: ${code}`, error);
  if (code === 'UND_ERR_BODY_TIMEOUT') {
    return timeout('expected the answer to go on, got silence', error);
  }
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return tooLarge('headers in their limit', error);
  return refused(`a whole HTTP answer (${code})`, error);
}

function unreachable(message: string, cause?: Error): SallyportError {
  return new SallyportError('UPSTREAM_UNREACHABLE', message, { ...unsent, cause });
}

function timeout(message: string, cause?: Error): SallyportError {
  return new SallyportError('UPSTREAM_TIMEOUT', message, { ...maybeSent, cause });
}

function tooLarge(expected: string, cause?: Error): SallyportError {
  const message = `expected ${expected}, got more`;
  return new SallyportError('UPSTREAM_TOO_LARGE', message, { ...maybeSent, cause });
}

function refused(expected: string, cause?: Error): SallyportError {
  const message = `expected ${expected}, got something else`;
  return new SallyportError('UPSTREAM_REFUSED', message, { ...maybeSent, cause });
}
