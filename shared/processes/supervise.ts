/**
 * The processes of a node, kept alive by one supervisor:
 *
 *   lock the home ──▶ start signer guard edge mover admin (scanner, plugins) ──▶ restart whichever ends
 *                       └─ a fault that only a person can mend: say it once, stop all, exit 1
 *   stop ──▶ edge, mover, guard, scanner, plugins, signer, admin: nothing new comes in, then what is in
 *            hand is finished
 */
import { renameSync, writeFileSync } from 'node:fs';
import { homePaths, type ProcessName } from '../config/home.ts';
import type { ErrorCode } from '../errors.ts';
import type { Report } from './child.ts';
import { emptyCoreDumps } from './core-dumps.ts';
import { type Kept, keepRunning, type ProcessState } from './supervise-child.ts';
import { lockHome } from './supervise-lock.ts';
import { createSwitchboard } from './supervise-wires.ts';

export interface SuperviseOptions {
  /** The node's home, absolute. */
  readonly dir: string;
  /** Those of this node, in the order in which they start. */
  readonly processes: readonly ProcessName[];
  /** What confines each process: flags for Node. */
  readonly flags: (name: ProcessName) => readonly string[];
  /** What each process finds in its environment, besides what the supervisor has in its own. */
  readonly env?: Readonly<Record<string, string>>;
  /** The node's main.ts, started as `main.ts <process> --dir .` in the home. */
  readonly main: string;
  /** Talk for the operator: one line, and what to do about it. */
  readonly tell: (line: string, hint?: string) => void;
}

export interface Supervisor {
  /** Stops everything in order. */
  stop(): Promise<void>;
  /** Resolves when all is stopped: true where a fault needs a person, false where it was asked for. */
  readonly ended: Promise<boolean>;
}

/** What run/processes.json says, for `status`. */
export interface ProcessesFile {
  readonly supervisor: number;
  /** `scanner` and `plugins` are there where the node has them. */
  readonly processes: Readonly<Record<ProcessName, ProcessState>>;
}

const stopOrder: readonly ProcessName[] = [
  ...(['edge', 'mover', 'guard', 'scanner', 'plugins', 'signer', 'admin'] as const),
];

/** Why a process cannot start, where trying again mends nothing. */
const needsPerson: ReadonlySet<ErrorCode> = new Set([
  'CONFIG_INVALID',
  'NOT_CONFINED',
  'HOME_MISSING',
  'USAGE',
  'PEER_MISSING',
  'PEER_WRONG',
  'TRUST_FILE_INVALID',
  'CERTIFICATE_REFUSED',
  'KEYSPEC_INVALID',
  'STORE_DAMAGED',
  'STORE_VERSION',
  'AUDIT_BROKEN',
]);

/** Errors: HOME_IN_USE where another supervisor holds the home. */
export function supervise(options: SuperviseOptions): Supervisor {
  const { dir, main, processes, flags, env = {}, tell } = options;
  emptyCoreDumps();
  const paths = homePaths(dir);
  const unlock = lockHome(paths.lock);
  const board = createSwitchboard(paths.run);
  const kept = new Map<ProcessName, Kept>();
  const told = new Map<ProcessName, string>();
  const troubled = new Set<ProcessName>();
  let finish = (_failed: boolean): void => {};
  const ended = new Promise<boolean>((resolve) => {
    finish = resolve;
  });

  const record = (): void => {
    if (kept.size < processes.length) return;
    const states = Object.fromEntries([...kept].map(([name, one]) => [name, one.state]));
    writeWhole(paths.processes, JSON.stringify({ supervisor: process.pid, processes: states }));
  };
  /** Says the same about the same process once, until it is well again. */
  const tellOnce = (name: ProcessName, line: string, hint?: string): void => {
    if (stopping || told.get(name) === line) return;
    told.set(name, line);
    tell(line, hint);
  };
  const onReport = (name: ProcessName, report: Report): void => {
    switch (report.state) {
      case 'cut':
        board.cut(name, report.other);
        return;
      case 'alive':
      case 'signalled':
        return;
      case 'ready':
        if (!troubled.has(name)) told.delete(name);
        return;
      case 'well':
        if (troubled.delete(name)) tellOnce(name, `${name}: well again`);
        told.delete(name);
        return;
      default: {
        const { state, code, message, hint } = report;
        const isFatal = state === 'failed' && needsPerson.has(code);
        if (state === 'trouble') troubled.add(name);
        const line = `${name}: ${message} [${code}]`;
        tellOnce(name, isFatal ? line : `${line}; trying again`, hint);
        if (isFatal) void stop(true);
      }
    }
  };
  let stopping: Promise<void> | undefined;
  const stop = (failed: boolean): Promise<void> => {
    stopping ??= (async () => {
      for (const name of stopOrder) await kept.get(name)?.stop();
      unlock();
      finish(failed);
    })();
    return stopping;
  };

  for (const name of processes) {
    const one = keepRunning({
      name,
      main,
      flags: flags(name),
      env,
      dir,
      logFile: paths.log(name),
      board,
      isStopping: () => stopping !== undefined,
      onChange: record,
      onReport: (report) => onReport(name, report),
      onCrash: (how) => tellOnce(name, `${name} ended (${how}); starting it again`),
    });
    kept.set(name, one);
  }
  record();
  return { stop: () => stop(false), ended };
}

function writeWhole(path: string, text: string): void {
  try {
    writeFileSync(`${path}.tmp`, text, { mode: 0o600 });
    renameSync(`${path}.tmp`, path);
  } catch {
    // It only informs; a full disk must not stop the node.
  }
}
