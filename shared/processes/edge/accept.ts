/**
 * One call, from its first byte to the last of its answer:
 *
 *   request ▶ limits ▶ head ▶ body ▶ guard ▶ answer
 *                 └──────┴──────┴──────┴───▶ problem
 *
 * While it is read, a call is bounded by its connection and by the room for bodies; with the guard it holds a
 * place; its answer has room and time until its caller has taken it.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { asSallyportError, type ErrorCode, errorTable, SallyportError } from '../../errors.ts';
import { newId } from '../../ids.ts';
import type { Answer } from '../ipc/peer.ts';
import { readReply, writeProblem, writeProblemRaw, writeReply } from './answer.ts';
import { collectBody } from './body.ts';
import { type CallHead, hasBody, readCallHead } from './call-head.ts';
import type { Caller, Connections } from './connections.ts';
import type { GuardLine } from './guard-line.ts';
import type { EdgeLimits } from './limits.ts';
import type { EdgeMetrics } from './metrics.ts';
import type { Notes } from './notes.ts';
import { createRoom, type Holder } from './room.ts';
import { watchUnread } from './unread.ts';

export interface Acceptor {
  readonly inFlight: number;
  /** Bytes of bodies and of answers that are held now. */
  readonly heldBytes: number;
  /** From now on every answer ends its connection and new calls are refused. Resolves after the last. */
  stop(): Promise<void>;
}

export interface AcceptorParts {
  readonly server: Server;
  readonly connections: Connections;
  readonly guard: GuardLine;
  readonly bounds: EdgeLimits;
  readonly metrics: EdgeMetrics;
  readonly notes: Notes;
}

interface Call extends Holder {
  readonly id: string;
  readonly caller: Caller;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly startedMs: number;
  stage: 'reading' | 'asked' | 'answered';
  drop: (() => void) | undefined;
  heldBytes: number;
}

const noBody: Buffer = Buffer.alloc(0);

/** Answers the calls of `server`; what goes wrong in one ends in one problem. */
export function acceptCalls(parts: AcceptorParts): Acceptor {
  const { server, connections, guard, bounds, metrics, notes } = parts;
  const calls = new Set<Call>();
  let asked = 0;
  let stopping = false;
  let onIdle = (): void => {};
  const bodies = createRoom<Call>(bounds.edgeBodiesBytesMax, (call) => refuse(call, 'OVERLOADED'));
  const cutOff = (call: Call): void => void call.req.socket.destroy();
  const answers = createRoom<Call>(bounds.edgeAnswersBytesMax, cutOff);

  const begin = (req: IncomingMessage, res: ServerResponse): void => {
    const caller = connections.of(req.socket);
    if (caller.ending) return;
    const startedMs = performance.now();
    const nowMs = Date.now();
    const id = newId(nowMs);
    const call: Call = {
      id,
      caller,
      req,
      res,
      startedMs,
      stage: 'reading',
      drop: undefined,
      heldBytes: 0,
    };
    calls.add(call);
    caller.calls += 1;
    res.once('close', () => end(call));
    try {
      if (stopping) throw new SallyportError('NOT_READY', 'the edge is stopping');
      // One connection must not take the places of all: what it sends ahead has a limit of its own.
      if (caller.calls > bounds.edgePipelinedMax) {
        caller.ending = true;
        throw new SallyportError('OVERLOADED', 'expected fewer calls ahead on a connection');
      }
      const head = readCallHead(req, id, caller.address, nowMs, bounds);
      if (hasBody(req)) collect(call, head);
      else ask(call, head, noBody);
    } catch (thrown) {
      refuse(call, asSallyportError(thrown).code);
    }
  };

  const collect = (call: Call, head: CallHead): void => {
    if (call.req.headers.expect !== undefined) call.res.writeContinue();
    const take = (bytes: number): boolean => {
      if (call.stage === 'reading') bodies.take(call, bytes);
      return call.stage === 'reading';
    };
    collectBody(
      call.req,
      bounds.edgeBodyBytesMax,
      take,
      (body) => {
        if (call.stage === 'reading') ask(call, head, body);
      },
      (error) => refuse(call, error.code),
    );
  };

  const ask = (call: Call, head: CallHead, body: Buffer): void => {
    // Asked here and not before: a call that was read to its end keeps its connection when it is refused.
    if (asked >= bounds.edgeCallsInFlightMax) {
      refuse(call, 'OVERLOADED');
      return;
    }
    bodies.keep(call);
    call.stage = 'asked';
    asked += 1;
    call.caller.asked += 1;
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
        settle(call, reply.status, 'none');
        if (!call.res.closed) answers.take(call, bytes);
      }
    } catch (thrown) {
      refuse(call, asSallyportError(thrown).code);
    }
  };

  /** What was not read to its end, or not understood, leaves a connection that nothing may follow on. */
  const refuse = (call: Call, code: ErrorCode, extra?: Readonly<Record<string, string>>): void => {
    const { caller } = call;
    const close = caller.ending || stopping || code === 'REQUEST_MALFORMED' || !isRead(call);
    caller.ending = close;
    writeProblem(call.res, call.id, code, close, extra);
    settle(call, errorTable[code].status, code);
    note(call.id, code, call.caller);
  };

  const note = (exchange: string, code: ErrorCode, { network }: Caller): void => {
    notes.note(code, { exchange, status: errorTable[code].status, network }, 'refused');
  };

  /** The call is over but for its caller taking the answer. */
  const settle = (call: Call, status: number, code: string): void => {
    if (call.stage === 'asked') {
      asked -= 1;
      call.caller.asked -= 1;
    }
    call.stage = 'answered';
    bodies.leave(call);
    metrics.answered(status, code, performance.now() - call.startedMs);
  };

  const end = (call: Call): void => {
    calls.delete(call);
    call.caller.calls -= 1;
    const told = { exchange: call.id, network: call.caller.network };
    if (call.stage !== 'answered') {
      call.drop?.();
      settle(call, 0, 'aborted');
      notes.note('aborted', told, 'caller left');
    } else if (!call.res.writableFinished) {
      metrics.refusedConnection('unread');
      notes.note('unread', told, 'answer not taken');
    }
    answers.leave(call);
    if (calls.size === 0) onIdle();
  };

  /** The parser or a timeout gave up on a connection. */
  const onClientError = (error: NodeJS.ErrnoException, socket: Duplex): void => {
    const code = clientFault(error.code);
    const caller = connections.of(socket);
    if (code === undefined || !socket.writable) {
      socket.destroy();
    } else if (caller.calls === 0) {
      refuseRaw(socket, code);
    } else {
      const call = [...calls].find((one) => one.req.socket === socket);
      // Bytes now would be taken for the answer to a call that is still under way.
      if (caller.calls === 1 && call?.stage === 'reading') refuse(call, code);
      else socket.destroy();
    }
  };

  const refuseRaw = (socket: Duplex, code: ErrorCode): void => {
    const id = newId();
    writeProblemRaw(socket, id, code);
    metrics.answered(errorTable[code].status, code, 0);
    note(id, code, connections.of(socket));
  };

  server.on('request', begin);
  server.on('checkContinue', begin);
  server.on('checkExpectation', begin);
  server.on('connect', (_req, socket) => refuseRaw(socket, 'REQUEST_MALFORMED'));
  server.on('clientError', onClientError);
  const unread = watchUnread(calls, bounds, cutOff);
  return {
    get inFlight() {
      return calls.size;
    },
    get heldBytes() {
      return bodies.bytes + answers.bytes;
    },
    stop() {
      stopping = true;
      return new Promise<void>((done) => {
        onIdle = done;
        if (calls.size === 0) done();
      }).finally(unread.stop);
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
