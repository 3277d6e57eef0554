/**
 * The consumer load, in a process of its own: keeps as many calls in flight as it has connections and times
 * each. It shares the processors with what it measures, so it does as little as is honest: TLS sockets that
 * stay open, one request in bytes that are made once, and of each answer its status and its whole length.
 *
 *   parent ── open ──▶ connect, one call on each ── opened ──▶
 *          ── run ───▶ calls for `seconds` ──────── result ──▶
 *          ── leave ─▶ close ─────────────────────── left ──▶
 */
import { readFileSync } from 'node:fs';
import { connect, type TLSSocket } from 'node:tls';

export interface LoadOpen {
  readonly kind: 'open';
  readonly url: string;
  readonly caFile: string;
  readonly key: string;
  readonly path: string;
  readonly connections: number;
}

export interface LoadRun {
  readonly kind: 'run';
  readonly seconds: number;
}

export interface LoadLeave {
  readonly kind: 'leave';
}

export interface LoadResult {
  /** Answers of status 200, all of one length. */
  readonly answered: number;
  /** Answers of any other status. */
  readonly refused: number;
  readonly wallMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly bodyBytes: number;
}

interface Answer {
  readonly status: number;
  readonly bodyBytes: number;
}

type Caller = () => Promise<Answer>;

let callers: Caller[] = [];
let sockets: TLSSocket[] = [];

process.on('message', (order: LoadOpen | LoadRun | LoadLeave) => {
  obey(order).then(
    (result) => process.send?.(result),
    (thrown: unknown) => {
      process.stderr.write(`load: ${thrown instanceof Error ? thrown.message : thrown}\n`);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit(0));

async function obey(order: LoadOpen | LoadRun | LoadLeave): Promise<object> {
  if (order.kind === 'run') return run(order.seconds);
  for (const socket of sockets)
    socket
      .removeAllListeners()
      .on('error', () => {})
      .destroy();
  [sockets, callers] = [[], []];
  return order.kind === 'open' ? open(order) : { left: true };
}

/** Makes one call on each connection, so that all stand when the clock starts. */
async function open(order: LoadOpen): Promise<{ opened: number }> {
  const { hostname, port, host } = new URL(order.url);
  const ca = readFileSync(order.caFile);
  const lines = [`GET ${order.path} HTTP/1.1`, `host: ${host}`];
  const text = [...lines, `authorization: Bearer ${order.key}`, '', ''].join('\r\n');
  const request = Buffer.from(text, 'latin1');
  sockets = Array.from({ length: order.connections }, () =>
    connect({ host: hostname, port: Number(port), ca }).setNoDelay(true),
  );
  callers = sockets.map((socket) => callerOn(socket, request));
  await Promise.all(callers.map((call) => call()));
  return { opened: callers.length };
}

async function run(seconds: number): Promise<LoadResult> {
  const tookMs: number[] = [];
  const lengths = new Set<number>();
  let refused = 0;
  const startedMs = performance.now();
  const untilMs = startedMs + seconds * 1000;
  const keepCalling = async (call: Caller): Promise<void> => {
    for (let sentMs = startedMs; sentMs < untilMs; ) {
      const { status, bodyBytes } = await call();
      const nowMs = performance.now();
      if (status === 200) {
        tookMs.push(nowMs - sentMs);
        lengths.add(bodyBytes);
      } else refused += 1;
      sentMs = nowMs;
    }
  };
  await Promise.all(callers.map(keepCalling));
  const wallMs = performance.now() - startedMs;
  if (lengths.size > 1) throw new Error(`answers of ${[...lengths].join(' and ')} bytes`);
  tookMs.sort((a, b) => a - b);
  const at = (share: number): number => tookMs[Math.floor(tookMs.length * share)] ?? 0;
  const [bodyBytes = 0] = lengths;
  return { answered: tookMs.length, refused, wallMs, p50Ms: at(0.5), p99Ms: at(0.99), bodyBytes };
}

/** One call at a time on a connection. Fails for good when the connection ends. */
function callerOn(socket: TLSSocket, request: Buffer): Caller {
  let waiting: PromiseWithResolvers<Answer> | undefined;
  let held: Buffer | undefined;
  let ended: Error | undefined;
  const fail = (error: Error): void => {
    ended ??= error;
    waiting?.reject(ended);
  };
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('a connection was closed')));
  socket.on('data', (chunk: Buffer) => {
    const bytes = held ? Buffer.concat([held, chunk]) : chunk;
    const answer = readAnswer(bytes);
    held = answer ? undefined : bytes;
    if (!answer) return;
    const answered = waiting;
    waiting = undefined;
    answered?.resolve(answer);
  });
  return () => {
    waiting = Promise.withResolvers<Answer>();
    if (ended) waiting.reject(ended);
    else socket.write(request);
    return waiting.promise;
  };
}

/** A whole answer, or nothing yet. One without a Content-Length is none that this load takes. */
function readAnswer(bytes: Buffer): Answer | undefined {
  const headBytes = bytes.indexOf('\r\n\r\n');
  if (headBytes === -1) return undefined;
  const head = bytes.toString('latin1', 0, headBytes);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error('expected a Content-Length');
  const bodyBytes = Number(length);
  const total = headBytes + 4 + bodyBytes;
  if (bytes.length > total) throw new Error('an answer is longer than it says');
  return bytes.length < total ? undefined : { status: Number(head.slice(9, 12)), bodyBytes };
}
