/**
 * One end of a local socket between two processes of a node. Both ends may ask and notify.
 * Everything written in one turn of the event loop leaves in one write.
 *
 * What a peer that does not read leaves unsent here is bounded: from half of `ipcUnsentBytesMax` on nothing
 * new is asked, and beyond all of it the line ends, for an answer can neither be refused nor dropped. Both
 * ends go on where they were when they are connected again.
 */
import type { Socket } from 'node:net';
import { asSallyportError, isErrorCode, SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { createFrameReader, encodeFrame, type Frame, type FrameKind } from './frame.ts';

export interface Reply {
  readonly head?: unknown;
  readonly body?: Uint8Array;
}

export interface Answer {
  readonly head: unknown;
  readonly body: Buffer;
}

/** Verb → what to do. The verb's head is not validated here: each handler does that itself. */
export type Handlers = Readonly<
  Record<
    string,
    (head: unknown, body: Buffer, peer: IpcPeer) => Promise<Reply | void> | Reply | void
  >
>;

export interface IpcPeer {
  /** Asks and waits. Errors: the peer's own code, IPC_LOST, IPC_TIMEOUT, OVERLOADED. */
  request(verb: string, head?: unknown, body?: Uint8Array, timeoutMs?: number): Promise<Answer>;
  /** Tells, without an answer. Lost silently where the socket is down. */
  notify(verb: string, head?: unknown, body?: Uint8Array): void;
  close(): void;
  readonly closed: boolean;
  /** Bytes that the peer has not taken yet. */
  readonly unsentBytes: number;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: SallyportError) => void;
  readonly dueMs: number;
}

const noBody = new Uint8Array(0);
const sweepMs = 250;

export function createPeer(
  socket: Socket,
  handlers: Handlers,
  onClose: (error: SallyportError) => void,
): IpcPeer {
  const waiting = new Map<number, Waiting>();
  let nextId = 1;
  let outgoing: Buffer[] = [];
  let outgoingBytes = 0;
  let closed = false;

  const flush = (): void => {
    const batch = outgoing;
    outgoing = [];
    outgoingBytes = 0;
    if (batch.length === 0 || closed) return;
    socket.write(batch.length === 1 ? (batch[0] ?? noBody) : Buffer.concat(batch));
  };
  const post = (kind: FrameKind, id: number, head: unknown, body: Uint8Array): void => {
    const parts = encodeFrame(kind, id, head, body);
    if (outgoing.length === 0) setImmediate(flush);
    for (const part of parts) {
      outgoing.push(part);
      outgoingBytes += part.length;
    }
    if (unsentBytes() > limits.ipcUnsentBytesMax) {
      end(new SallyportError('IPC_LOST', 'expected a peer that reads, got one that does not'));
    }
  };
  const unsentBytes = (): number => socket.writableLength + outgoingBytes;
  const end = (error: SallyportError): void => {
    if (closed) return;
    closed = true;
    clearInterval(sweeper);
    outgoing = [];
    socket.destroy();
    for (const one of waiting.values()) one.reject(error);
    waiting.clear();
    onClose(error);
  };
  const giveUp = (nowMs: number): void => {
    for (const [id, one] of waiting) {
      if (one.dueMs > nowMs) continue;
      waiting.delete(id);
      one.reject(new SallyportError('IPC_TIMEOUT', 'expected an answer in time, got none'));
    }
  };
  // Not before what has come is read: it may be this process that was held up.
  const sweeper = setInterval(() => setImmediate(giveUp, performance.now()), sweepMs);
  sweeper.unref();

  const serve = async (frame: Frame): Promise<void> => {
    try {
      const { verb, value } = readVerb(frame.head);
      const handler = Object.hasOwn(handlers, verb) ? handlers[verb] : undefined;
      if (!handler) throw new SallyportError('IPC_VERB', `expected a known verb, got ${verb}`);
      const reply = await handler(value, frame.body, peer);
      if (frame.kind === 'request') {
        post('response', frame.id, reply?.head ?? null, reply?.body ?? noBody);
      }
    } catch (thrown) {
      if (frame.kind !== 'request') return;
      const error = asSallyportError(thrown);
      const head = { code: error.code, message: error.message, hint: error.hint };
      post('error', frame.id, head, noBody);
    }
  };
  const settle = (frame: Frame): void => {
    const one = waiting.get(frame.id);
    if (!one) return;
    waiting.delete(frame.id);
    if (frame.kind === 'response') one.resolve({ head: frame.head, body: frame.body });
    else one.reject(readError(frame.head));
  };
  const read = createFrameReader((frame) => {
    if (frame.kind === 'request' || frame.kind === 'notify') void serve(frame);
    else settle(frame);
  });

  socket.on('data', (chunk: Buffer) => {
    try {
      read(chunk);
    } catch (thrown) {
      end(asSallyportError(thrown));
    }
  });
  socket.on('error', (cause) => end(new SallyportError('IPC_LOST', 'socket failed', { cause })));
  socket.on('close', () => end(new SallyportError('IPC_LOST', 'socket closed')));

  const peer: IpcPeer = {
    request(verb, head, body = noBody, timeoutMs = limits.ipcRequestTimeoutMs) {
      return new Promise((resolve, reject) => {
        if (closed) return reject(new SallyportError('IPC_LOST', 'socket closed'));
        const full = unsentBytes() >= limits.ipcUnsentBytesMax / 2;
        if (full || waiting.size >= limits.ipcInFlightMax) {
          return reject(new SallyportError('OVERLOADED', 'too many internal requests in flight'));
        }
        const id = nextId;
        nextId = nextId === 0xffffffff ? 1 : nextId + 1;
        try {
          post('request', id, [verb, head ?? null], body);
        } catch (thrown) {
          return reject(asSallyportError(thrown));
        }
        waiting.set(id, { resolve, reject, dueMs: performance.now() + timeoutMs });
      });
    },
    notify(verb, head, body = noBody) {
      if (!closed) post('notify', 0, [verb, head ?? null], body);
    },
    close: () => end(new SallyportError('IPC_LOST', 'closed here')),
    get closed() {
      return closed;
    },
    get unsentBytes() {
      return unsentBytes();
    },
  };
  return peer;
}

function readVerb(head: unknown): { verb: string; value: unknown } {
  if (Array.isArray(head) && head.length === 2 && typeof head[0] === 'string') {
    return { verb: head[0], value: head[1] };
  }
  throw new SallyportError('IPC_FRAME', 'expected a verb');
}

function readError(head: unknown): SallyportError {
  const { code, message, hint } = (head ?? {}) as Record<string, unknown>;
  const known = isErrorCode(code) ? code : 'INTERNAL';
  const text = typeof message === 'string' ? message : 'no detail';
  return new SallyportError(known, text, typeof hint === 'string' ? { hint } : {});
}
