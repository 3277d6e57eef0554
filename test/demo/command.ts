/** The `sallyport` command as a person runs it, and what became of it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../..');
const sallyportFile = join(root, 'bin/sallyport');

export interface Done {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command to its end, in the project's root. */
export function command(file: string, args: readonly string[]): Promise<Done> {
  return begin(file, args).done;
}

export const sallyport = (...args: string[]): Promise<Done> => command(sallyportFile, args);

export interface Begun {
  readonly child: ChildProcess;
  readonly done: Promise<Done>;
  /** Resolves with all that was printed when stdout contains `text`. */
  says(text: string): Promise<string>;
}

export const beginSallyport = (...args: string[]): Begun => begin(sallyportFile, args);

function begin(file: string, args: readonly string[]): Begun {
  const env = { ...process.env, NO_COLOR: '1' };
  const child = spawn(file, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  const waiting = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      said[name] += chunk;
      for (const look of waiting) look();
    });
  }
  const done = new Promise<Done>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...said }));
  });
  return {
    ...{ child, done },
    says: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!said.stdout.includes(text)) return;
          waiting.delete(look);
          resolve(said.stdout);
        };
        waiting.add(look);
        look();
        void done.then(() => reject(new Error(`ended without ${text}: ${said.stderr}`)));
      }),
  };
}

/** Processes that were told this directory, or work in it. */
export function processesIn(dir: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && isIn(name, dir))
    .map(Number);
}

function isIn(pid: string, dir: string): boolean {
  try {
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return commandLine.includes(dir) || readlinkSync(`/proc/${pid}/cwd`).startsWith(dir);
  } catch {
    return false;
  }
}
