/**
 * One search after a whole run of tests, for every value that any of its files declared and for API keys of
 * any node: in what each file printed, in arguments and environments of all that it started, and in what lies
 * about outside of the folders that the files search and remove themselves.
 *
 *   run ─▶ TMPDIR of its own ─▶ files run, processes are looked at ─▶ search ─▶ gone
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Declared, declaredVariable, readDeclared } from './declared.ts';
import { endRun, makeRunFolder } from './run-folder.ts';

export interface WholeRun {
  /** Of each test file. */
  readonly env: NodeJS.ProcessEnv;
  /** What a test file said. */
  printed(file: string, text: string): void;
  /** Each `place: what` that may not be there. */
  faults(): string[];
  /** Ends it and all that was started in it, and removes what is left. */
  close(): Promise<void>;
}

const lookMs = 500;
const apiKey = /sp_[0-9a-f]{12}_[A-Za-z0-9_-]{43}/;
/** Their own places; a test file that was ended had no time to remove them. */
const ownPlace = /(?:^|\/)(?:keys|tls|softhsm)\/|\.pin$/;
/** Of a store of a test file that was ended. */
const bytesMax = 256 * 1024 * 1024;

/** `above`: the process whose children, and theirs, are looked at. */
export function startWholeRun(above = process.pid): WholeRun {
  const { dir, temporary } = makeRunFolder();
  const declared = join(dir, 'declared');
  writeFileSync(declared, '');
  const said = new Map<string, string>();
  const processes = new Map<string, string>();
  const toldNow = watchProcesses(above);
  const look = (): void => {
    for (const { name, text } of toldNow()) processes.set(text, name);
  };
  const timer = setInterval(look, lookMs);
  timer.unref();
  return {
    env: { TMPDIR: temporary, [declaredVariable]: declared },
    printed: (file, text) => void said.set(file, (said.get(file) ?? '') + text),
    faults() {
      look();
      const values = readDeclared(declared);
      const texts = [
        ...[...said].map(([file, text]) => [`printed by ${file}`, text] as const),
        ...[...processes].map(([text, name]) => [name, text] as const),
        ...leftIn(temporary),
      ];
      return [...new Set(texts.flatMap(([place, text]) => foundIn(place, text, values)))];
    },
    close() {
      clearInterval(timer);
      return endRun(dir);
    },
  };
}

function foundIn(place: string, text: string, values: readonly Declared[]): string[] {
  const found = values.filter(({ value }) => text.includes(value)).map(({ name }) => name);
  return [...found, ...(apiKey.test(text) ? ['an API key'] : [])].map(
    (what) => `${place}: ${what}`,
  );
}

function leftIn(dir: string): (readonly [string, string])[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).flatMap((name) => {
    const path = join(dir, name);
    const stats = statSync(path, { throwIfNoEntry: false });
    const isSearched = stats?.isFile() === true && stats.size <= bytesMax && !ownPlace.test(name);
    return isSearched
      ? [[`left at ${relative(dir, path)}`, readFileSync(path, 'latin1')] as const]
      : [];
  });
}

/**
 * Arguments and environment of what descends from a process, told for the first few looks at each: they do
 * not change later, but for a process that gives itself a title.
 */
function watchProcesses(above: number): () => { name: string; text: string }[] {
  const known = new Map<number, { readonly parent: number; looks: number }>();
  const descends = (pid: number): boolean => {
    const parent = known.get(pid)?.parent;
    return parent !== undefined && (parent === above || descends(parent));
  };
  return () => {
    const pids = readdirSync('/proc').map(Number).filter(Boolean);
    const there = new Set(pids);
    for (const pid of known.keys()) if (!there.has(pid)) known.delete(pid);
    for (const pid of pids.filter((one) => !known.has(one))) {
      const [, parent] = /^\d+ \(.*\) \S (\d+)/s.exec(read(`/proc/${pid}/stat`)) ?? [];
      if (parent !== undefined) known.set(pid, { parent: Number(parent), looks: 0 });
    }
    return [...known].flatMap(([pid, one]) => {
      if (one.looks >= looksMax || !descends(pid)) return [];
      one.looks += 1;
      const words = read(`/proc/${pid}/cmdline`);
      const of = words.replaceAll('\0', ' ').slice(0, 60).trim();
      return [
        { name: `arguments of ${of}`, text: words },
        { name: `environment of ${of}`, text: read(`/proc/${pid}/environ`) },
      ];
    });
  };
}

const looksMax = 4;

/** Of a process that ended meanwhile there is nothing. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
