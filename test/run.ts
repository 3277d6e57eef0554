/**
 * `npm test [-- PART…]`: sees that the tools are there, runs every `test/**` file whose path contains
 * one of the PARTs (all without), and says at the end what was skipped and why, and what took long.
 * With CI=true a test that was skipped for want of a tool fails the run: there, everything is installed.
 */
import { type SpawnSyncOptions, spawnSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

interface Tool {
  readonly debianPackage: string;
  /** Any one of these files proves it. */
  readonly files: readonly string[];
  readonly usedFor: string;
}

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly string[];
  readonly files: readonly { readonly file: string; readonly tookMs: number }[];
}

const root = join(import.meta.dirname, '..');
/** Without any news for so long, what runs is stopped and counts as failed: a hang is no wait. */
const silenceMsMax = 3 * 60_000;
const slowestShown = 10;
/** Reasons that no installation can mend: third-party vectors are not ours to ship, rights are given. */
const excused = /vectors|needs the right/;

const tools: readonly Tool[] = [
  {
    debianPackage: 'softhsm2',
    files: ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib64/softhsm/libsofthsm2.so'],
    usedFor: 'keys in a PKCS#11 token',
  },
  { debianPackage: 'opensc', files: onPath('pkcs11-tool'), usedFor: 'a second look at the token' },
  {
    debianPackage: 'faketime',
    files: globSync('/usr/lib/*/faketime/libfaketimeMT.so.1').concat(onPath('faketime')),
    usedFor: 'clocks that jump',
  },
  { debianPackage: 'strace', files: onPath('strace'), usedFor: 'the order of writes and syncs' },
  {
    debianPackage: 'openssl',
    files: onPath('openssl'),
    usedFor: 'checking packages by other code',
  },
  {
    debianPackage: 'clamav-daemon',
    files: ['/usr/sbin/clamd'],
    usedFor: 'scanning for what is harmful',
  },
  { debianPackage: 'c-icap', files: onPath('c-icap'), usedFor: 'scanning by ICAP' },
  { debianPackage: 'slowhttptest', files: onPath('slowhttptest'), usedFor: 'slow HTTP attacks' },
];

installTools();
const files = chooseFiles(process.argv.slice(2));
const outcome = await runFiles(files);
const wanting =
  process.env.CI === 'true' ? outcome.skipped.filter((one) => !excused.test(one)) : [];
report(outcome, wanting);
process.exitCode = outcome.failed > 0 || outcome.passed === 0 || wanting.length > 0 ? 1 : 0;

function onPath(command: string): string[] {
  return (process.env.PATH ?? '').split(':').map((folder) => join(folder, command));
}

/** As root on a Debian machine missing tools are installed; elsewhere they are named. */
function installTools(): void {
  const missing = tools.filter((tool) => !tool.files.some((file) => existsSync(file)));
  if (missing.length === 0) return;
  const packages = missing.map((tool) => tool.debianPackage);
  if (process.getuid?.() === 0 && onPath('apt-get').some((file) => existsSync(file))) {
    say(`installing ${packages.join(' ')}`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const options: SpawnSyncOptions = { env, stdio: ['ignore', 'ignore', 'inherit'] };
    spawnSync('apt-get', ['update', '-qq'], options);
    const args = ['install', '-y', '-qq', '--no-install-recommends', ...packages];
    if (spawnSync('apt-get', args, options).status === 0) return;
    say('apt-get could not install them');
  }
  for (const tool of missing) say(`missing: ${tool.debianPackage} (${tool.usedFor})`);
  say(`hint: as root, run apt-get install ${packages.join(' ')}`);
}

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

/** Runs each file in a process of its own and prints as it goes. */
async function runFiles(files: readonly string[]): Promise<Outcome> {
  const skipped: string[] = [];
  const took: { file: string; tookMs: number }[] = [];
  const counts = { passed: 0, failed: 0 };
  const watchdog = new AbortController();
  const silence = setTimeout(() => watchdog.abort(), silenceMsMax);
  const stream = run({
    cwd: root,
    files: files.map((file) => join(root, file)),
    concurrency: Math.max(2, availableParallelism()),
    signal: watchdog.signal,
  });
  stream.on('data', () => silence.refresh());
  stream.on('test:pass', ({ name, file, skip, todo }) => {
    const reason = skip || todo;
    if (!reason) return;
    const where = file?.slice(root.length + 1) ?? '';
    skipped.push(`${where}: ${name}: ${reason === true ? 'no reason given' : reason}`);
  });
  stream.on('test:summary', ({ file, counts: all, duration_ms }) => {
    if (file !== undefined) {
      took.push({ file: file.slice(root.length + 1), tookMs: Math.round(duration_ms) });
      return;
    }
    counts.passed = all.passed;
    counts.failed = all.tests - all.passed - all.skipped - all.todo;
  });
  for await (const text of stream.compose(new spec())) process.stdout.write(text);
  clearTimeout(silence);
  return { ...counts, skipped, files: took };
}

function report({ passed, failed, skipped, files }: Outcome, wanting: readonly string[]): void {
  const slowest = files.toSorted((a, b) => b.tookMs - a.tookMs).slice(0, slowestShown);
  say('\nslowest files:');
  for (const { file, tookMs } of slowest) say(`${String(tookMs).padStart(7)} ms  ${file}`);
  if (skipped.length > 0) say('\nskipped:');
  for (const line of skipped) say(`  ${line}`);
  if (wanting.length > 0)
    say(`\n${wanting.length} of them for want of a tool: with CI=true that is a failure`);
  say(`\n${passed} passed, ${failed} failed, ${skipped.length} skipped`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
