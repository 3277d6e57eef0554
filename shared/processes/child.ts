/**
 * What every process of a node does first and last: its title, its signals, its end.
 *
 *   start ──▶ report ready ──▶ … ──▶ SIGTERM, or stdin ends ──▶ close ──▶ exit 0
 *     └─ fails ──▶ report the code ──▶ exit 1
 *
 * Stdin of a supervised process is a pipe that nobody writes to: it ends when the supervisor does,
 * even by kill -9, so that no process outlives its node.
 */
import { fstatSync, writeSync } from 'node:fs';
import type { ProcessName } from '../config/home.ts';
import { asSallyportError, type ErrorCode, isErrorCode } from '../errors.ts';
import { limits } from '../limits.ts';
import { createLog, type Log } from './log.ts';

/** What a process of a node is, once it has started. */
export interface Running {
  close(): Promise<void>;
}

/** What a child tells its supervisor on an inherited pipe, one JSON line each. */
export type Report =
  | { readonly state: 'ready' }
  | {
      readonly state: 'failed';
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint?: string;
    };

/** Names the file descriptor of that pipe in the child's environment. */
export const reportVariable = 'SALLYPORT_REPORT_FD';

/** Starts the process `name` and sees to its end. Never throws: a failed start ends the process. */
export async function runChild(
  name: ProcessName,
  log: Log,
  start: () => Promise<Running>,
): Promise<void> {
  process.title = `sallyport-${name}`;
  process.umask(0o077);
  process.on('uncaughtException', (thrown) => die(log, thrown));
  process.on('unhandledRejection', (thrown) => die(log, thrown));
  let running: Running | undefined;
  let stopping = false;
  const stop = (reason: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ reason }, 'stopping');
    setTimeout(() => process.exit(1), limits.stopGraceMs).unref();
    const closed = running?.close() ?? Promise.resolve();
    closed.then(
      () => process.exit(0),
      (thrown: unknown) => die(log, thrown),
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  // A Ctrl-C reaches the whole group; a supervised process leaves the order of ending to its parent.
  const hasSupervisor = stdinIsPipe();
  process.on('SIGINT', () => hasSupervisor || stop('SIGINT'));
  if (hasSupervisor) {
    process.stdin.on('error', () => stop('the supervisor ended'));
    process.stdin.on('close', () => stop('the supervisor ended')).resume();
  }
  try {
    running = await start();
    if (stopping) return await running.close();
    log.info({ pid: process.pid }, 'started');
    report({ state: 'ready' });
  } catch (thrown) {
    die(log, thrown);
  }
}

/**
 * Ends a process that cannot even begin (its home does not read), before it has a log.
 * The supervisor then says why, as for any failed start.
 */
export function failStart(thrown: unknown): never {
  die(createLog('start', 'info'), thrown);
}

/** Reads one line of a child; undefined where it is no report, for the child may be broken. */
export function parseReport(line: string): Report | undefined {
  try {
    const { state, code, message, hint } = JSON.parse(line) as Record<string, unknown>;
    if (state === 'ready') return { state };
    if (state !== 'failed' || !isErrorCode(code)) return undefined;
    const told = { state, code, message: String(message) } as const;
    return typeof hint === 'string' ? { ...told, hint } : told;
  } catch {
    return undefined;
  }
}

function die(log: Log, thrown: unknown): never {
  const { code, message, hint } = asSallyportError(thrown);
  log.fatal({ err: thrown, code }, 'ended');
  report({ state: 'failed', code, message, ...(hint === undefined ? {} : { hint }) });
  process.exit(1);
}

function report(told: Report): void {
  const fd = Number(process.env[reportVariable]);
  if (!Number.isInteger(fd) || fd < 3) return;
  try {
    writeSync(fd, `${JSON.stringify(told)}\n`);
  } catch {
    // The supervisor is gone; stdin tells.
  }
}

function stdinIsPipe(): boolean {
  const stdin = fstatSync(0, { throwIfNoEntry: false });
  return stdin?.isSocket() === true || stdin?.isFIFO() === true;
}
