/**
 * What every process of a node does first and last: its title, its signals, its end.
 *
 *   start ──▶ report ready ──▶ … ──▶ stdin ends ──▶ close ──▶ exit 0
 *     └─ fails ──▶ report the code ──▶ exit 1
 *
 * Stdin of a supervised process is a pipe. It ends when the supervisor wants the process to end, or has
 * ended itself, even by kill -9, so that no process outlives its node. Until then each byte in it asks
 * whether the process is alive, and is answered with a report.
 * SIGTERM and SIGINT often reach the whole group at once, while a node ends in an order: a supervised
 * process only reports them, and its supervisor decides.
 */
import { fstatSync, writeSync } from 'node:fs';
import { isProcessName, type ProcessName } from '../config/home.ts';
import { asSallyportError, type ErrorCode, isErrorCode, type SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import { createLog, type Log } from './log.ts';

/** What a process of a node is, once it has started. */
export interface Running {
  close(): Promise<void>;
}

/** What a child tells its supervisor on an inherited pipe, one JSON line each. */
export type Report =
  | { readonly state: 'ready' }
  /** Answers a ping: its event loop turns. */
  | { readonly state: 'alive' }
  /** Its wire to another process needs a new socket. */
  | { readonly state: 'cut'; readonly other: ProcessName }
  /** Somebody sent it SIGTERM or SIGINT. */
  | { readonly state: 'signalled' }
  /** It ends (`failed`), or goes on without what it needs (`trouble`). */
  | {
      readonly state: 'failed' | 'trouble';
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint?: string;
    }
  /** No trouble, or no longer. */
  | { readonly state: 'well' };

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
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => report({ state: 'signalled' }) || stop(signal));
  }
  if (stdinIsPipe()) {
    process.stdin.on('error', () => stop('stdin failed'));
    process.stdin.on('close', () => stop('stdin ended'));
    process.stdin.on('data', () => report({ state: 'alive' }));
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

/** What keeps a started process from its work, each time it changes; undefined when nothing does. */
export type TellTrouble = (trouble: SallyportError | undefined) => void;

/** Has the supervisor say it to the operator. */
export const reportTrouble: TellTrouble = (trouble) => {
  report(trouble ? because('trouble', trouble) : { state: 'well' });
};

/** Has the supervisor make the wire to `other` anew. */
export function reportCut(other: ProcessName): void {
  report({ state: 'cut', other });
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
    const { state, other, code, message, hint } = JSON.parse(line) as Record<string, unknown>;
    if (isPlain(state)) return { state };
    if (state === 'cut') return isProcessName(other) ? { state, other } : undefined;
    if ((state !== 'failed' && state !== 'trouble') || !isErrorCode(code)) return undefined;
    const told = { state, code, message: String(message) } as const;
    return typeof hint === 'string' ? { ...told, hint } : told;
  } catch {
    return undefined;
  }
}

function isPlain(state: unknown): state is Exclude<Report['state'], 'cut' | 'failed' | 'trouble'> {
  return state === 'ready' || state === 'alive' || state === 'signalled' || state === 'well';
}

function die(log: Log, thrown: unknown): never {
  const error = asSallyportError(thrown);
  log.fatal({ err: thrown, code: error.code }, 'ended');
  report(because('failed', error));
  process.exit(1);
}

function because(state: 'failed' | 'trouble', { code, message, hint }: SallyportError): Report {
  return { state, code, message, ...(hint === undefined ? {} : { hint }) };
}

/** False where nobody supervises, or no longer: stdin tells that as well. */
function report(told: Report): boolean {
  const fd = Number(process.env[reportVariable]);
  if (!Number.isInteger(fd) || fd < 3) return false;
  try {
    writeSync(fd, `${JSON.stringify(told)}\n`);
    return true;
  } catch {
    return false;
  }
}

function stdinIsPipe(): boolean {
  const stdin = fstatSync(0, { throwIfNoEntry: false });
  return stdin?.isSocket() === true || stdin?.isFIFO() === true;
}
