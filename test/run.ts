/**
 * `npm test [-- PART…]`: sees that the tools are there, runs every `test/**` file whose path contains
 * one of the PARTs (all without), and says at the end what failed, what was skipped and why, and what
 * took long. With CI=true a test that was skipped for want of a tool fails the run: there, everything
 * is installed. A file may take SALLYPORT_TEST_MINUTES (8): the long forms of some need more. Ended early, it
 * ends all that it started; what it could not end itself, the next run does.
 */
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { installTools } from './needed.ts';
import { type FileOutcome, runFile } from './run-file.ts';
import { endDeadRuns } from './run-folder.ts';
import { startWholeRun } from './whole-run.ts';

/** As npm sets it. */
const root = process.cwd();
const minutes = Number(process.env.SALLYPORT_TEST_MINUTES ?? 8);
const limits = { silenceMsMax: Math.max(3, minutes / 4) * 60_000, tookMsMax: minutes * 60_000 };
const slowestShown = 15;
/** Reasons that no installation can mend: third-party vectors are not ours to ship, the rest is given. */
const excused = /vectors|needs the right|no right|no IPv6/;
/** What takes long begins first, so that no core is idle at the end. */
const longFirst = ['soak', 'faults', 'docs', 'attack', 'overload', 'demo', 'fuzz', 'package'];

installTools(say);
const files = inOrder(chooseFiles(process.argv.slice(2)));
await endDeadRuns();
const search = startWholeRun();
Object.assign(process.env, search.env);
let ending: Promise<never> | undefined;
endEarlyWhereTold();
const outcomes = await runAll(files);
await ending;
const places = search.faults();
await search.close();
process.exitCode = report(outcomes) && places.length === 0 ? 0 : 1;

function chooseFiles(parts: readonly string[]): string[] {
  const all = globSync('test/**/*.test.ts', { cwd: root }).sort();
  const wanted = parts.map((part) => part.replace(/^\.\//, ''));
  const chosen = all.filter(
    (file) => wanted.length === 0 || wanted.some((part) => file.includes(part)),
  );
  if (chosen.length > 0) return chosen;
  say(`expected a part of a test file's path, got ${parts.join(' ')}`);
  process.exit(1);
}

function inOrder(files: readonly string[]): string[] {
  const rank = (file: string): number => {
    const at = longFirst.indexOf(file.split('/')[1] ?? '');
    return at === -1 ? longFirst.length : at;
  };
  return files.toSorted((a, b) => rank(a) - rank(b));
}

/** By a signal, by the end of npm, or where nobody reads what it says. */
function endEarlyWhereTold(): void {
  const end = (code: number): void => {
    ending ??= search.close().then(() => process.exit(code));
  };
  for (const [signal, number] of [
    ['SIGHUP', 1],
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const)
    process.on(signal, () => end(128 + number));
  process.stdout.on('error', () => end(1));
  const parent = process.ppid;
  if (process.env.npm_lifecycle_event === undefined) return;
  setInterval(() => process.ppid !== parent && end(1), 1_000).unref();
}

/** Some files at a time. What each says is printed when it has ended, so that it stands together. */
async function runAll(files: readonly string[]): Promise<FileOutcome[]> {
  const outcomes: FileOutcome[] = [];
  const waiting = files.values();
  const work = async (): Promise<void> => {
    for (const file of waiting) {
      if (ending) return;
      let text = '';
      const outcome = await runFile(root, file, limits, (part) => {
        search.printed(file, part);
        if (files.length === 1) process.stdout.write(part);
        else text += part;
      });
      outcomes.push(outcome);
      say(`\n${file}  (${outcomes.length} of ${files.length})\n${withoutSums(text)}`);
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, work));
  return outcomes;
}

/** The reporter's counts are of one file: they are added up at the end. */
function withoutSums(text: string): string {
  return text.replaceAll(
    /^.*ℹ (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) .*\n/gm,
    '',
  );
}

/** True where all is well. */
function report(outcomes: readonly FileOutcome[]): boolean {
  const sum = (count: (one: FileOutcome) => number): number =>
    outcomes.reduce((before, one) => before + count(one), 0);
  const linesOf = (lines: (one: FileOutcome) => readonly string[]): string[] =>
    outcomes.flatMap((one) => lines(one).map((line) => `${one.file}: ${line}`));
  const [passed, failed] = [sum((one) => one.passed), sum((one) => one.failed)];
  const [skipped, faults] = [linesOf((one) => one.skipped), linesOf((one) => one.faults)];
  const wanting = process.env.CI === 'true' ? skipped.filter((one) => !excused.test(one)) : [];
  const slowest = outcomes.toSorted((a, b) => b.tookMs - a.tookMs).slice(0, slowestShown);
  sayAll(
    'slowest files',
    slowest.map(({ file, tookMs }) => `${String(tookMs).padStart(7)} ms  ${file}`),
  );
  sayAll('skipped', skipped);
  sayAll('skipped for want of a tool: with CI=true that is a failure', wanting);
  sayAll('failed', faults);
  sayAll('a secret or a value is where it may not be', places);
  say(`\n${passed} passed, ${failed} failed, ${skipped.length} skipped`);
  return failed === 0 && passed > 0 && wanting.length === 0;
}

function sayAll(title: string, lines: readonly string[]): void {
  if (lines.length > 0) say(`\n${title}:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
