/**
 * The folder of one run of tests, in which all that it starts has its temporary files. By that the processes
 * of a run are known, also those whose parent is gone, and by the process in it whether a run goes on.
 */
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface RunFolder {
  readonly dir: string;
  /** TMPDIR of what the run starts. */
  readonly temporary: string;
}

const prefix = 'sp-';
/** What a process may take to end by itself. */
const graceMs = 2_000;
/** Then they are past help. */
const endMsMax = 30_000;
const lookMs = 50;

export function makeRunFolder(): RunFolder {
  // Short: the path of a socket has a maximum of 107 bytes.
  const dir = mkdtempSync(join(tmpdir(), prefix));
  writeFileSync(join(dir, 'process'), lifeOf(process.pid));
  mkdirSync(temporaryOf(dir));
  return { dir, temporary: temporaryOf(dir) };
}

/** Ends what has its temporary files in it, unmounts what is mounted in it, and removes it. */
export async function endRun(dir: string): Promise<void> {
  const startedMs = performance.now();
  const asked = new Set<number>();
  for (;;) {
    const found = processesOf(dir);
    const tookMs = performance.now() - startedMs;
    if (found.length === 0 || tookMs > endMsMax) break;
    const isLate = tookMs > graceMs;
    for (const pid of found.filter((one) => isLate || !asked.has(one))) {
      asked.add(pid);
      signal(pid, isLate ? 'SIGKILL' : 'SIGTERM');
    }
    await sleep(lookMs);
  }
  for (const [, at = ''] of read('/proc/mounts').matchAll(/^\S+ (\S+)/gm))
    if (at.startsWith(`${dir}/`)) spawnSync('umount', ['-l', at]);
  rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
}

/** Ends what is left of runs that could not do it themselves. */
export async function endDeadRuns(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((one) => one.startsWith(prefix))) {
    const dir = join(tmpdir(), name);
    if (statSync(dir, { throwIfNoEntry: false })?.uid !== process.getuid?.()) continue;
    const life = read(join(dir, 'process'));
    if (life !== '' && lifeOf(Number.parseInt(life, 10)) !== life) await endRun(dir);
  }
}

const temporaryOf = (dir: string): string => join(dir, 't');

/** A pid comes again, but not with the same start. */
function lifeOf(pid: number): string {
  const [state, ...fields] = read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];
  return state === undefined || 'ZX'.includes(state) ? '' : `${pid} ${fields[18]}`;
}

function processesOf(dir: string): number[] {
  const variable = `\0TMPDIR=${temporaryOf(dir)}`;
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid)
    .filter((pid) => {
      const [, after] = `\0${read(`/proc/${pid}/environ`)}`.split(variable);
      return after !== undefined && /^[\0/]/.test(after) && lifeOf(pid) !== '';
    });
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}

/** Of what is gone, or another's, there is nothing. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
