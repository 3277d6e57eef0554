/** One test file in a process of its own, ended where it is silent or busy for too long. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

export interface FileOutcome {
  readonly file: string;
  readonly tookMs: number;
  readonly passed: number;
  readonly failed: number;
  /** Name and reason of each. */
  readonly skipped: readonly string[];
  /** Names of tests that failed, or why the whole file did. */
  readonly faults: readonly string[];
}

export interface FileLimits {
  /** Without any news for so long. */
  readonly silenceMsMax: number;
  /** Altogether. */
  readonly tookMsMax: number;
}

/** `file`: under `root`. `told` hears what the reporter says of it, as it goes. */
export async function runFile(
  root: string,
  file: string,
  { silenceMsMax, tookMsMax }: FileLimits,
  told: (text: string) => void,
): Promise<FileOutcome> {
  const startedMs = performance.now();
  const skipped: string[] = [];
  const faults: string[] = [];
  const counts = { passed: 0, failed: 0 };
  const ending = new AbortController();
  const end = (why: string): void => ending.abort(new Error(`${file} ${why}: it was ended`));
  const silence = setTimeout(end, silenceMsMax, `said nothing for ${seconds(silenceMsMax)}`);
  const limit = setTimeout(end, tookMsMax, `took more than ${seconds(tookMsMax)}`);
  const stream = run({
    cwd: root,
    files: [join(root, file)],
    signal: ending.signal,
    env: envOf(join(root, file)),
    // So that what a test started is ended with it.
    execArgv: ['--import', join(import.meta.dirname, 'end-on-signal.ts')],
  });
  stream.on('data', () => silence.refresh());
  stream.on('test:pass', ({ name, skip, todo }) => {
    const reason = skip || todo;
    if (reason) skipped.push(`${name}: ${reason === true ? 'no reason given' : reason}`);
  });
  stream.on('test:fail', ({ name, details: { error } }) => {
    faults.push(ending.signal.aborted ? error.message : name);
  });
  stream.on('test:summary', ({ file: of, counts: all }) => {
    if (of !== undefined) return;
    counts.passed = all.passed;
    counts.failed = all.tests - all.passed - all.skipped - all.todo;
  });
  for await (const text of stream.compose(new spec())) told(String(text));
  clearTimeout(silence);
  clearTimeout(limit);
  const tookMs = Math.round(performance.now() - startedMs);
  return { file, tookMs, ...counts, skipped, faults };
}

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;

/**
 * Compiled code is kept from one test process to the next, the commands that tests start included: loading is
 * a third of all they do. Where the engine counts which functions were entered it would be less exact. The
 * processes of a node never use it (no NODE_* variable reaches them).
 */
function envOf(path: string): NodeJS.ProcessEnv {
  const counts = /entered\.ts|node:inspector/.test(readFileSync(path, 'utf8'));
  return { ...process.env, ...(!counts && { NODE_COMPILE_CACHE: compiledDir }) };
}

const compiledDir = join(import.meta.dirname, '../node_modules/.cache/sallyport-tests');
