/** One process kept running: started, listened to, started again with a growing pause, stopped. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { ProcessName } from '../config/home.ts';
import { limits } from '../limits.ts';
import { parseReport, type Report, reportVariable } from './child.ts';
import { watchLife } from './supervise-life.ts';
import { openLogFile } from './supervise-log.ts';
import type { HandOver, Switchboard } from './supervise-wires.ts';
import type { Handover } from './wires.ts';

export interface ProcessState {
  readonly state: 'starting' | 'running' | 'waiting' | 'stopped';
  readonly pid?: number;
  readonly sinceMs: number;
  /** Ends that nobody asked for. */
  readonly restarts: number;
}

export interface Kept {
  readonly state: ProcessState;
  /** Asks it to end, SIGKILL after `limits.stopGraceMs`. Resolves when the process is gone. */
  stop(): Promise<void>;
}

export interface KeepOptions {
  readonly name: ProcessName;
  readonly main: string;
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The node's home, which becomes the working directory. */
  readonly dir: string;
  readonly logFile: string;
  readonly board: Pick<Switchboard, 'join' | 'leave'>;
  /** The node is to end: what ends from now on stays away. */
  readonly isStopping: () => boolean;
  readonly onChange: () => void;
  readonly onReport: (told: Report) => void;
  /** It ended by itself or hung, with no report of why; `how` is its exit code or signal. */
  readonly onCrash: (how: string) => void;
}

export function keepRunning(options: KeepOptions): Kept {
  const log = openLogFile(options.logFile);
  let state: ProcessState = { state: 'starting', sinceMs: Date.now(), restarts: 0 };
  let child: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  let delayMs: number = limits.restartFirstMs;
  let gone = (): void => {};

  const become = (next: Omit<ProcessState, 'sinceMs' | 'restarts'>, restarts = 0): void => {
    state = { ...next, sinceMs: Date.now(), restarts: state.restarts + restarts };
    options.onChange();
  };
  const start = (): void => {
    if (options.isStopping()) return;
    const startedMs = performance.now();
    let explained = false;
    let signalled = false;
    const fresh = launch(options, (told) => {
      life.sign();
      explained ||= told.state === 'failed';
      if (told.state === 'ready' && !options.isStopping()) become({ ...state, state: 'running' });
      if (told.state === 'signalled' && !signalled) {
        signalled = true;
        setTimeout(onSignal, limits.stopGroupMs, fresh).unref();
      }
      options.onReport(told);
    });
    const life = watchLife(fresh);
    options.board.join(options.name, handOverTo(fresh));
    child = fresh;
    fresh.stdout?.on('data', (chunk: Buffer) => log.write(chunk));
    fresh.stderr?.on('data', (chunk: Buffer) => log.write(chunk));
    become(fresh.pid === undefined ? { state: 'starting' } : { state: 'starting', pid: fresh.pid });
    ended(fresh).then((how) => {
      child = undefined;
      options.board.leave(options.name);
      if (options.isStopping()) return gone();
      if (performance.now() - startedMs >= limits.restartCalmMs) delayMs = limits.restartFirstMs;
      become({ state: 'waiting' }, 1);
      if (life.hung) options.onCrash('no sign of life');
      else if (!explained) options.onCrash(signalled ? 'by a signal' : how);
      timer = setTimeout(start, delayMs);
      delayMs = Math.min(delayMs * 2, limits.restartMaxMs);
    });
  };
  /** A signal to the whole group reaches the supervisor too, and then ends the node in its order. */
  const onSignal = (signalled: ChildProcess): void => {
    if (child === signalled && !options.isStopping()) askToEnd(signalled);
  };
  const end = async (): Promise<void> => {
    clearTimeout(timer);
    if (child) {
      const left = new Promise<void>((resolve) => {
        gone = resolve;
      });
      askToEnd(child);
      await left;
    }
    become({ state: 'stopped' });
    log.close();
  };
  start();
  let ending: Promise<void> | undefined;
  return {
    get state() {
      return state;
    },
    stop() {
      ending ??= end();
      return ending;
    },
  };
}

/** Otherwise a SIGUSR1 opens a port where anybody on the machine can read the memory of the process. */
const noDebugger: readonly string[] = ['--disable-sigusr1'];

/** What Node reads from its environment (NODE_OPTIONS above all) could widen what a process may do. */
const isForNode = (name: string): boolean => name.startsWith('NODE_');

function launch(options: KeepOptions, onReport: (told: Report) => void): ChildProcess {
  const { name, main, flags, env, dir } = options;
  const inherited = Object.entries(process.env).filter(([variable]) => !isForNode(variable));
  const child = spawn(process.execPath, [...noDebugger, ...flags, main, name, '--dir', '.'], {
    cwd: dir,
    env: { ...Object.fromEntries(inherited), ...env, [reportVariable]: '3' },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'ipc'],
  });
  // It has nothing to say on the channel on which its wires come: a process that does is not ours any more.
  child.once('message', () => child.kill('SIGKILL'));
  child.stdin?.on('error', () => {});
  readLines(child.stdio[3] as Readable, (line) => {
    const told = parseReport(line);
    if (told) onReport(told);
  });
  return child;
}

/** Its wires reach it on a channel of its own. One that cannot be handed over any more is closed. */
export function handOverTo(child: ChildProcess): HandOver {
  return (other, socket, gone) => {
    const handover: Handover = { wire: other };
    const sent = (error: Error | null): void => {
      if (error) socket.destroy();
      gone();
    };
    if (child.connected) child.send(handover, socket, sent);
    else sent(new Error('it has ended'));
  };
}

/** Its stdin ends: that reaches this process alone, and no signal that others send looks like it. */
function askToEnd(child: ChildProcess): void {
  child.stdin?.end();
  const killer = setTimeout(() => child.kill('SIGKILL'), limits.stopGraceMs);
  child.once('close', () => clearTimeout(killer));
}

/** 'close' comes after the last byte of every pipe: a report is never overtaken by the end. */
function ended(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => child.pid === undefined && resolve(error.message));
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

const lineBytesMax = 64 * 1024;

function readLines(stream: Readable, onLine: (line: string) => void): void {
  let held = '';
  stream.setEncoding('utf8').on('data', (text: string) => {
    const lines = (held + text).split('\n');
    held = (lines.pop() ?? '').slice(0, lineBytesMax);
    for (const line of lines) onLine(line);
  });
  stream.on('error', () => {});
}
