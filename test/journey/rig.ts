/**
 * Two guards in this process, each with its own home, soft keystore and signer, and between them a mover
 * made of weather: it drops, repeats, reorders and delays packages by a seed. Around them stand a consumer
 * and an upstream, both played by the test. The clock is the test's.
 */
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeHome } from '@sallyport/cli/init-home.ts';
import { labelsOf, parseKeyspec } from '@sallyport/hsm/keyspec.ts';
import { openHsm } from '@sallyport/hsm/open.ts';
import { innerJourney } from '@sallyport/inner-node/journey.ts';
import { issueConsumerKey, readCredentials } from '@sallyport/inner-node/policy/credentials.ts';
import { readPolicyFiles } from '@sallyport/inner-node/policy/read.ts';
import { outerJourney } from '@sallyport/outer-node/journey.ts';
import { linesOf } from '@sallyport/shared/audit/chain.ts';
import { everyBlock, readAuditBlocks } from '@sallyport/shared/audit/transfer.ts';
import { homePaths, type ProcessName } from '@sallyport/shared/config/home.ts';
import type { Scanner } from '@sallyport/shared/content/scan/scanner.ts';
import { type ErrorCode, SallyportError } from '@sallyport/shared/errors.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { encodePolicy } from '@sallyport/shared/policy/bundle.ts';
import { requirePolicy } from '@sallyport/shared/policy/check.ts';
import { withCredentials } from '@sallyport/shared/policy/credentials.ts';
import type { AuditEvent, Role } from '@sallyport/shared/ports.ts';
import { runGuard } from '@sallyport/shared/processes/guard/run.ts';
import type { Handlers } from '@sallyport/shared/processes/ipc/peer.ts';
import type { IpcLink } from '@sallyport/shared/processes/ipc/wire.ts';
import { runScanner } from '@sallyport/shared/processes/scanner/scanner.ts';
import { runSigner } from '@sallyport/shared/processes/signer/signer.ts';
import type { Store } from '@sallyport/shared/store/port.ts';
import { openStore } from '@sallyport/shared/store/sqlite/open.ts';
import { type Logger, pino } from 'pino';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { type Board, openBoard } from '../wires.ts';

const quiet = pino({ level: 'silent' });

/** What the mover does to a package; `random` is seeded. */
export type Weather = (random: () => number) => {
  readonly copies: number;
  readonly delayMs: number;
};

export const clearSky: Weather = () => ({ copies: 1, delayMs: 0 });

export const storm: Weather = (random) => ({
  copies: random() < 0.25 ? 0 : random() < 0.2 ? 2 : 1,
  delayMs: Math.floor(random() * 30),
});

export interface Side {
  readonly dir: string;
  readonly edge: IpcLink;
  readonly admin: IpcLink;
  readonly mover: IpcLink;
  /** Kills the guard as a crash would, as far as one process can, and starts another. */
  restartGuard(): Promise<void>;
  stopGuard(): Promise<void>;
  events(): Promise<AuditEvent[]>;
}

export interface Rig {
  readonly outer: Side;
  readonly inner: Side;
  readonly clock: { offsetMs: number };
  /** By how much the clock of one node alone is wrong. */
  readonly skewMs: Partial<Record<Role, number>>;
  weather: Weather;
  /** While set, nothing can be stored on that side. */
  readonly storeFault: Partial<Record<Role, ErrorCode>>;
  /** Every sealed package that the movers saw, by file name, as bytes. */
  readonly seen: Map<string, Buffer>;
  /** Puts bytes into a node's spool as its mover would. */
  deliver(to: Role, name: string, bytes: Buffer): void;
  issueKey(consumer: string): Promise<string>;
  /** The sample policy, where no other is named. */
  applyPolicy(path?: string): Promise<void>;
  close(): Promise<void>;
}

export type Upstream = (call: {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly idempotencyKey?: string;
}) => Promise<{
  status: number;
  headers?: Record<string, string>;
  /** Bytes as they are, or a value to be sent as JSON. */
  body: unknown;
  contentType?: string;
}>;

export const samplePolicy = join(
  import.meta.dirname,
  '../../examples/citizen-registry/policy/policy.yaml',
);

export async function startRig(options: {
  seed: number;
  upstream: Upstream;
  /** The policy comes into force by an approved plan alone. */
  fourEyes?: boolean;
  /** Scanners beside each node, in a scanner process of its own. */
  scanners?: Partial<Record<Role, readonly Scanner[]>>;
  /** A process that runs plug-ins beside each node, played by the test. */
  plugins?: Partial<Record<Role, Handlers>>;
  /** Where the guards' lines of log go; nowhere without. */
  log?: Logger;
}): Promise<Rig> {
  const dir = temporaryFolder();
  const random = randomFrom(options.seed);
  const clock = { offsetMs: 0 };
  const skewMs: Partial<Record<Role, number>> = {};
  const seen = new Map<string, Buffer>();
  const dirs = { outer: join(dir, 'outer'), inner: join(dir, 'inner') };
  for (const role of ['outer', 'inner'] as const) await makeHome(dirs[role], configOf(role));
  const storeFault: Partial<Record<Role, ErrorCode>> = {};
  const state: { weather: Weather; closed: boolean } = { weather: clearSky, closed: false };
  const sides: Partial<Record<Role, Side>> = {};

  const deliver = (to: Role, name: string, bytes: Buffer): void => {
    if (state.closed) return;
    const spool = homePaths(dirs[to]).spoolIn;
    const temporary = join(dir, `${to}-${newId()}.tmp`);
    writeAtomically(temporary, join(spool, name), bytes);
    sides[to]?.mover.notify('collected', { files: [name] });
  };
  const carry = (from: Role, names: readonly string[]): void => {
    const to = from === 'outer' ? 'inner' : 'outer';
    const files = names.filter((name) => existsSync(join(homePaths(dirs[from]).spoolOut, name)));
    for (const name of files) {
      const bytes = readFileSync(join(homePaths(dirs[from]).spoolOut, name));
      seen.set(name, bytes);
      const { copies, delayMs } = state.weather(random);
      for (let copy = 0; copy < copies; copy += 1) {
        setTimeout(() => deliver(to, name, bytes), delayMs * (copy + 1));
      }
    }
    sides[from]?.mover.notify('sent', { files });
  };
  const start = (role: Role) =>
    startSide(role, dirs, {
      clock,
      skewMs: () => skewMs[role] ?? 0,
      storeFault: () => storeFault[role],
      carry: (names) => carry(role, names),
      upstream: options.upstream,
      fourEyes: options.fourEyes ?? false,
      scanners: options.scanners?.[role] ?? [],
      plugins: options.plugins?.[role],
      log: options.log ?? quiet,
    });
  const outer = await start('outer');
  const inner = await start('inner');
  sides.outer = outer;
  sides.inner = inner;
  return {
    outer,
    inner,
    clock,
    skewMs,
    storeFault,
    seen,
    deliver,
    get weather() {
      return state.weather;
    },
    set weather(weather) {
      state.weather = weather;
    },
    async issueKey(consumer) {
      return (await issueConsumerKey(dirs.inner, { consumer, nowMs: Date.now() })).key;
    },
    async applyPolicy(path = samplePolicy) {
      const policy = requirePolicy(await readPolicyFiles(path));
      const complete = withCredentials(policy, await readCredentials(dirs.inner));
      const apply = () =>
        inner.admin.request('policy-apply', { actor: 'test' }, encodePolicy(complete));
      // On a busy machine the soft keystore takes its time to open.
      const opening = (error: SallyportError): boolean => {
        if (error.code !== 'HSM_LOST') throw error;
        return false;
      };
      await until(() => apply().then(() => true, opening));
    },
    async close() {
      state.closed = true;
      await Promise.all([outer.close(), inner.close()]);
    },
  };
}

interface SideParts {
  readonly clock: { offsetMs: number };
  readonly skewMs: () => number;
  readonly storeFault: () => ErrorCode | undefined;
  readonly carry: (names: readonly string[]) => void;
  readonly upstream: Upstream;
  readonly fourEyes: boolean;
  readonly scanners: readonly Scanner[];
  readonly plugins: Handlers | undefined;
  readonly log: Logger;
}

async function startSide(role: Role, dirs: Record<Role, string>, parts: SideParts) {
  const dir = dirs[role];
  const paths = homePaths(dir);
  const node = `${role}-1`;
  const other = role === 'outer' ? 'inner' : 'outer';
  const der = (home: string, key: 'sign' | 'decrypt'): Buffer =>
    new X509Certificate(readFileSync(homePaths(home).certificate(key))).raw;
  const board = openBoard();
  const signerEnds = board.join('signer').wires;
  const signer = await runSigner({
    guard: signerEnds('guard'),
    admin: signerEnds('admin'),
    open: () => openHsm({ kind: 'soft', file: paths.keystore, pinFile: paths.pin }),
    labels: labelsOf(parseKeyspec(readFileSync(paths.keyspec, 'utf8'), node)),
    log: quiet,
  });
  const scanner = startScanner(board, parts.scanners);
  const plugins = parts.plugins && board.join('plugins').wires('guard')(parts.plugins);
  const startGuard = () => {
    const { wires, leave } = board.join('guard');
    leaveBoard = leave;
    return runGuard({
      self: {
        nodeId: node,
        role,
        signCertificate: der(dir, 'sign'),
        decryptCertificate: der(dir, 'decrypt'),
      },
      peer: {
        nodeId: `${other}-1`,
        signCertificate: der(dirs[other], 'sign'),
        decryptCertificate: der(dirs[other], 'decrypt'),
      },
      store: unreliable(openStore(paths.database), parts.storeFault),
      spool: {
        outDir: paths.spoolOut,
        inDir: paths.spoolIn,
        refusedDir: paths.spoolRefused,
        archiveOutDir: paths.archiveOut,
        archiveInDir: paths.archiveIn,
      },
      disks: [dir],
      auditFiles: paths.auditFiles,
      wires,
      expiresMs: 60_000,
      resendFirstMs: 150,
      heartbeatMs: 400,
      journey: role === 'outer' ? outerJourney : innerJourney,
      fourEyes: role === 'inner' && parts.fourEyes,
      scanners: parts.scanners.map(({ name }) => name),
      hasPlugins: parts.plugins !== undefined,
      log: parts.log,
      now: () => Date.now() + parts.clock.offsetMs + parts.skewMs(),
      steady: () => performance.now() + parts.clock.offsetMs,
    });
  };
  let leaveBoard = (): void => {};
  let guard: Awaited<ReturnType<typeof startGuard>> | undefined = await startGuard();
  const stopGuard = async (): Promise<void> => {
    leaveBoard();
    await guard?.close();
    guard = undefined;
  };
  const dial = (name: ProcessName, handlers: Handlers): IpcLink =>
    board.join(name).wires('guard')(handlers);
  const filesOf = (head: unknown): readonly string[] => (head as { files: string[] }).files;
  const mover = dial('mover', {
    queued: (head) => parts.carry(filesOf(head)),
    resend: (head) => parts.carry(filesOf(head)),
  });
  const edge = dial('edge', {
    async upstream(head, body) {
      const call = head as Parameters<Upstream>[0];
      const answer = await parts.upstream({ ...call, body });
      return {
        head: {
          status: answer.status,
          headers: answer.headers ?? {},
          contentType: answer.contentType ?? 'application/json',
        },
        body: Buffer.isBuffer(answer.body) ? answer.body : Buffer.from(JSON.stringify(answer.body)),
      };
    },
  });
  const admin = dial('admin', {});
  await until(() => mover.connected && edge.connected && admin.connected);
  return {
    dir,
    edge,
    admin,
    mover,
    stopGuard,
    async restartGuard() {
      await stopGuard();
      await until(() => !mover.connected && !edge.connected && !admin.connected);
      guard = await startGuard();
      await until(() => mover.connected && edge.connected && admin.connected);
    },
    async events() {
      const blocks = everyBlock(async (from) =>
        readAuditBlocks(await admin.request('audit-blocks', { from, count: 500 })),
      );
      const events: AuditEvent[] = [];
      for await (const block of blocks) {
        for (const line of linesOf(block)) events.push(JSON.parse(line));
      }
      return events;
    },
    async close() {
      for (const link of [mover, edge, admin]) link.close();
      await stopGuard();
      await scanner?.close();
      plugins?.close();
      await signer.close();
    },
  };
}

function startScanner(board: Board, scanners: readonly Scanner[]) {
  if (scanners.length === 0) return undefined;
  const { wires } = board.join('scanner');
  return runScanner({ guard: wires('guard'), admin: wires('admin'), scanners, log: quiet });
}

function unreliable(store: Store, fault: () => ErrorCode | undefined): Store {
  const unless =
    (write: Store['write']): Store['write'] =>
    async (work) => {
      const code = fault();
      if (code !== undefined) throw new SallyportError(code, 'nothing can be stored');
      return write(work);
    };
  return { ...store, write: unless(store.write), later: unless(store.later) };
}

function configOf(role: Role) {
  const ports = role === 'outer' ? [9701, 9702] : [9702, 9701];
  const [send = 0, receive = 0] = ports;
  return {
    role,
    node: `${role}-1`,
    edge: role === 'outer' ? { host: '127.0.0.1', port: 8443, tls: true } : undefined,
    management: { host: '127.0.0.1', port: 9600 },
    send: { kind: 'link', host: '127.0.0.1', port: send },
    receive: { kind: 'link', host: '127.0.0.1', port: receive },
    hsm: { kind: 'soft', file: 'keys/soft.keystore', pinFile: 'keys/pin' },
  } as const;
}

function writeAtomically(temporary: string, path: string, bytes: Buffer): void {
  writeFileSync(temporary, bytes);
  renameSync(temporary, path);
}

/** A seeded generator (mulberry32), so that a failing run can be seen again. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A call as the edge hands it to the guard. */
export function callHead(key: string | undefined, method: string, path: string, more: object = {}) {
  return {
    id: newId(),
    method,
    path,
    query: [],
    headers: {},
    ...(key !== undefined && { apiKey: key }),
    respondAsync: false,
    ...more,
  };
}
