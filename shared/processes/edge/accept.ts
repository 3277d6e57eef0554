/**
 * One call, from its first byte to the last of its answer:
 *
 *   request ▶ limits ▶ head ▶ body ▶ guard ▶ answer
 *                 └──────┴──────┴──────┴───▶ problem
 *
 * A call holds its place (and its bytes) until its response is written or its caller has left.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { asSallyportError, type ErrorCode, errorTable, SallyportError } from '../../errors.ts';
import { newId } from '../../ids.ts';
import type { Answer } from '../ipc/peer.ts';
import { readReply, writeProblem, writeProblemRaw, writeReply } from './answer.ts';
import { type BodyBudget, type BodyHolder, collectBody } from './body.ts';
import { type CallHead, hasBody, readCallHead } from './call-head.ts';
import type { GuardLine } from './guard-line.ts';
import type { EdgeLimits } from './limits.ts';
import type { EdgeMetrics } from './metrics.ts';

export interface Acceptor {
  readonly inFlight: number;
  /** From now on every answer ends its connection and new calls are refused. Resolves after the last. */
  stop(): Promise<void>;
}

export interface AcceptorParts {
  readonly server: Server;
  readonly guard: GuardLine;
  readonly bounds: EdgeLimits;
  readonly metrics: EdgeMetrics;
  readonly log: Logger;
}

interface Call extends BodyHolder {
  readonly id: string;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly startedMs: number;
  stage: 'reading' | 'asked' | 'answered';
  drop: (() => void) | undefined;
}

const noBody: Buffer = Buffer.alloc(0);

/** Answers the calls of `server`; what goes wrong in one ends in one problem and one log line. */
export function acceptCalls(parts: AcceptorParts): Acceptor {
  const { server, guard, bounds, metrics, log } = parts;
  const calls = new Set<Call>();
  /** Connections whose last answer is written: what was pipelined behind it must not be read. */
  const ending = new WeakSet<Duplex>();
  const budget: BodyBudget = { bytes: 0, bytesMax: bounds.edgeBodiesBytesMax };
  let stopping = false;
  let onIdle = (): void => {};

  const begin = (req: IncomingMessage, res: ServerResponse): void => {
    if (ending.has(req.socket)) return;
    const startedMs = performance.now();
    const nowMs = Date.now();
    const id = newId(nowMs);
    const call: Call = { id, req, res, startedMs, stage: 'reading', drop: undefined, bodyBytes: 0 };
    calls.add(call);
    res.once('close', () => end(call));
    try {
      if (stopping) throw new SallyportError('NOT_READY', 'the edge is stopping');
      if (calls.size > bounds.edgeCallsInFlightMax) {
        throw new SallyportError('OVERLOADED', 'expected a free place for a call, got none');
      }
      const head = readCallHead(req, id, nowMs, bounds);
      if (hasBody(req)) collect(call, head);
      else ask(call, head, noBody);
    } catch (thrown) {
      refuse(call, asSallyportError(thrown).code);
    }
  };

  const collect = (call: Call, head: CallHead): void => {
    if (call.req.headers.expect !== undefined) call.res.writeContinue();
    collectBody(
      call.req,
      call,
      budget,
      bounds.edgeBodyBytesMax,
      (body) => ask(call, head, body),
      (error) => refuse(call, error.code),
    );
  };

  const ask = (call: Call, head: CallHead, body: Buffer): void => {
    call.stage = 'asked';
    call.drop = guard.ask(head, body, (result) => {
      if (call.stage !== 'asked') return;
      if ('error' in result) refuse(call, result.error.code);
      else answer(call, result.answer);
    });
  };

  const answer = (call: Call, given: Answer): void => {
    try {
      const reply = readReply(given);
      if (reply.code) {
        refuse(call, reply.code, reply.headers);
      } else {
        const bytes = writeReply(call.res, call.id, reply, stopping);
        answered(call, reply.status, undefined, bytes);
      }
    } catch (thrown) {
      refuse(call, asSallyportError(thrown).code);
    }
  };

  /** What was not read to its end, or not understood, leaves a connection that nothing may follow on. */
  const refuse = (call: Call, code: ErrorCode, extra?: Readonly<Record<string, string>>): void => {
    const close = stopping || code === 'REQUEST_MALFORMED' || !isRead(call);
    if (close) ending.add(call.req.socket);
    const bytes = writeProblem(call.res, call.id, code, close, extra);
    answered(call, errorTable[code].status, code, bytes);
  };

  const answered = (call: Call, status: number, code: ErrorCode | undefined, bytes: number) => {
    const ms = Math.round(performance.now() - call.startedMs);
    call.stage = 'answered';
    metrics.answered(status, code ?? 'none', ms);
    log.info({ exchange: call.id, method: call.req.method, status, code, ms, bytes }, 'answered');
    // A caller that does not read its answer: the socket may stand still for so long, not longer.
    if (call.res.writableLength > 0) call.res.socket?.setTimeout(bounds.edgeRequestTimeoutMs);
  };

  const end = (call: Call): void => {
    calls.delete(call);
    budget.bytes -= call.bodyBytes;
    if (call.stage !== 'answered') {
      const ms = Math.round(performance.now() - call.startedMs);
      call.stage = 'answered';
      call.drop?.();
      metrics.answered(0, 'aborted', ms);
      log.info({ exchange: call.id, method: call.req.method, ms }, 'aborted by the caller');
    }
    if (calls.size === 0) onIdle();
  };

  /** The parser or a timeout gave up on a connection. */
  const onClientError = (error: NodeJS.ErrnoException, socket: Duplex): void => {
    const code = clientFault(error.code);
    const onSocket = [...calls].filter((call) => call.req.socket === socket);
    const [call] = onSocket;
    if (code === undefined || !socket.writable) {
      socket.destroy();
    } else if (!call) {
      refuseRaw(socket, code);
    } else if (onSocket.length === 1 && call.stage === 'reading') {
      refuse(call, code);
    } else {
      // Bytes now would be taken for the answer to the call that is still under way.
      socket.destroy();
    }
  };

  const refuseRaw = (socket: Duplex, code: ErrorCode): void => {
    const id = newId();
    const { status } = errorTable[code];
    writeProblemRaw(socket, id, code);
    metrics.answered(status, code, 0);
    log.info({ exchange: id, status, code, ms: 0 }, 'answered');
  };

  server.on('request', begin);
  server.on('checkContinue', begin);
  server.on('checkExpectation', begin);
  server.on('connect', (_req, socket) => refuseRaw(socket, 'REQUEST_MALFORMED'));
  server.on('clientError', onClientError);
  return {
    get inFlight() {
      return calls.size;
    },
    stop() {
      stopping = true;
      return new Promise((done) => {
        onIdle = done;
        if (calls.size === 0) done();
      });
    },
  };
}

function isRead(call: Call): boolean {
  return call.req.complete || !hasBody(call.req);
}

function clientFault(code: string | undefined): ErrorCode | undefined {
  if (code === 'HPE_HEADER_OVERFLOW') return 'HEADERS_TOO_LARGE';
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return 'REQUEST_TOO_LARGE';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'REQUEST_TIMEOUT';
  return code?.startsWith('HPE_') ? 'REQUEST_MALFORMED' : undefined;
}
