/** An edge with a fake guard on a real wire and real TLS, for one test each. */
import { once } from 'node:events';
import { Agent, type RequestOptions, request } from 'node:https';
import type { TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { CallHead } from '@sallyport/shared/processes/edge/call-head.ts';
import { type Edge, type EdgeOptions, runEdge } from '@sallyport/shared/processes/edge/run.ts';
import type { Reply } from '@sallyport/shared/processes/ipc/peer.ts';
import type { IpcLink } from '@sallyport/shared/processes/ipc/wire.ts';
import { pino } from 'pino';
import { until } from '../until.ts';
import { type Board, openBoard } from '../wires.ts';
import { selfSigned } from '../x509/self-signed.ts';
import { softKey } from '../x509/soft-key.ts';

const { privateKey, pem } = softKey();
const altNames = 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1';
/** Key and certificate for localhost, 127.0.0.1 and ::1, made once per test file. */
export const tls = { key: pem, cert: selfSigned(privateKey, 'edge', [altNames]) };

export type OnCall = (head: CallHead, body: Buffer) => Promise<Reply> | Reply;

export interface FakeGuard {
  /** Heads of all calls that arrived, in order, over all lives of the guard. */
  readonly calls: { head: CallHead; body: Buffer }[];
  /** How often the edge was connected, over all lives of the guard. */
  readonly joins: number;
  /** Asks the edge, as the guard does for an upstream call. */
  ask(verb: string, head: unknown, body?: Uint8Array): Promise<{ head: unknown; body: Buffer }>;
  onCall: OnCall;
  kill(): Promise<void>;
  start(): Promise<void>;
}

export const okReply = (body = '{"ok":true}'): Reply => ({
  head: { status: 200, headers: {}, contentType: 'application/json' },
  body: Buffer.from(body),
});

async function fakeGuard(board: Board, onCall: OnCall): Promise<FakeGuard> {
  let edge: IpcLink | undefined;
  let leave = (): void => {};
  let joins = 0;
  const guard: FakeGuard = {
    calls: [],
    get joins() {
      return joins;
    },
    onCall,
    async ask(verb, head, body) {
      await until(() => edge?.connected === true);
      if (!edge) throw new Error('no edge came');
      return edge.request(verb, head, body);
    },
    async kill() {
      leave();
      edge?.close();
      edge = undefined;
    },
    async start() {
      const joined = board.join('guard');
      leave = joined.leave;
      edge = joined.wires('edge')(
        {
          call(head, body) {
            guard.calls.push({ head: head as CallHead, body: Buffer.from(body) });
            return guard.onCall(head as CallHead, body);
          },
        },
        {
          up: () => {
            joins += 1;
          },
        },
      );
    },
  };
  await guard.start();
  return guard;
}

export interface Rig {
  readonly edge: Edge;
  readonly guard: FakeGuard;
  readonly port: number;
  /** Asks the edge, as admin does. */
  askAsAdmin(verb: string): Promise<{ head: unknown }>;
  readonly log: Record<string, unknown>[];
  /** A counter's values by their labels, as the admin process would get them. */
  counts(metric: string): Promise<Record<string, number>>;
  send(options?: RequestOptions, body?: string | Buffer): Promise<Answered>;
  /** Writes the text on a new TLS connection and reads until it ends or `ms` pass. */
  raw(text: string, ms?: number): Promise<string>;
}

export interface Answered {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
  readonly problem: Record<string, unknown>;
}

/** Starts everything and ends it with the test. */
export async function startRig(
  t: TestContext,
  options: Partial<EdgeOptions> & { onCall?: OnCall; guardAway?: boolean } = {},
): Promise<Rig> {
  const board = openBoard();
  const log: Record<string, unknown>[] = [];
  const { onCall = () => okReply(), guardAway = false, ...rest } = options;
  const guard = await fakeGuard(board, onCall);
  if (guardAway) await guard.kill();
  const joined = board.join('edge');
  const edge = await runEdge({
    guard: joined.wires('guard'),
    admin: joined.wires('admin'),
    accept: { host: '127.0.0.1', port: 0, tls },
    log: pino({ level: 'debug' }, { write: (line: string) => void log.push(JSON.parse(line)) }),
    ...rest,
  });
  const port = edge.address?.port ?? 0;
  const agent = new Agent({ keepAlive: true, ca: tls.cert });
  t.after(async () => {
    agent.destroy();
    joined.leave();
    await edge.close();
    await guard.kill();
  });
  const askAsAdmin: Rig['askAsAdmin'] = async (verb) => {
    const admin = board.join('admin');
    const link = admin.wires('edge')();
    await until(() => link.connected);
    const answer = await link.request(verb);
    admin.leave();
    link.close();
    return answer;
  };
  return {
    edge,
    guard,
    port,
    askAsAdmin,
    log,
    counts: async (metric) => countsOf((await askAsAdmin('metrics')).head, metric),
    send: (given = {}, body) => sendTo({ host: '127.0.0.1', port, agent, ...given }, body),
    raw: (text, ms) => rawTo(port, text, ms),
  };
}

function countsOf(head: unknown, name: string): Record<string, number> {
  const metrics = head as {
    name: string;
    values: { value: number; labels: Record<string, string> }[];
  }[];
  const metric = metrics.find((one) => one.name === name);
  const values = metric?.values ?? [];
  return Object.fromEntries(values.map((one) => [Object.values(one.labels).join(' '), one.value]));
}

async function sendTo(options: RequestOptions, body?: string | Buffer): Promise<Answered> {
  const req = request(options);
  req.end(body);
  const [res] = await once(req, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of res) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const isProblem = res.headers['content-type'] === 'application/problem+json';
  return {
    status: res.statusCode,
    headers: res.headers,
    text,
    problem: isProblem ? JSON.parse(text) : {},
  };
}

async function rawTo(port: number, text: string, ms = 30_000): Promise<string> {
  const socket = connectTls({ host: '127.0.0.1', port, ca: tls.cert });
  let got = '';
  socket.on('data', (chunk: Buffer) => {
    got += chunk.toString('latin1');
  });
  await once(socket, 'secureConnect');
  socket.on('error', () => {});
  socket.write(Buffer.from(text, 'latin1'));
  const timer = setTimeout(() => socket.destroy(), ms);
  await once(socket, 'close');
  clearTimeout(timer);
  return got;
}

export const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
