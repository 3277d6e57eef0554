/** A run of tests that is ended early leaves no process and no file; or the next run sees to it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isAlive } from './faults/world.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { until } from './until.ts';

const program = join(import.meta.dirname, 'run.ts');
/** What it starts hears no SIGTERM, and has another parent at once. */
const hangs = `import { spawn } from 'node:child_process';
  import { renameSync, writeFileSync } from 'node:fs';
  import { test } from 'node:test';
  test('hangs', () => new Promise(() => {
    const { stdout } = spawn('sh', ['-c', 'trap "" TERM; sleep 600 & echo $!']);
    stdout.once('data', (pid) => {
      writeFileSync('pids.new', process.pid + ' ' + pid);
      renameSync('pids.new', 'pids');
    });
  }));`;

interface Run {
  readonly dir: string;
  readonly child: ChildProcess;
  /** Of the test file, and of what it started. */
  readonly pids: readonly number[];
}

async function startHanging(t: TestContext, above: readonly string[] = []): Promise<Run> {
  const dir = temporaryFolder();
  mkdirSync(join(dir, 'test'));
  writeFileSync(join(dir, 'test/hangs.test.ts'), hangs);
  const child = start(dir, 'hangs', above);
  t.after(() => child.kill('SIGKILL'));
  await until(() => existsSync(join(dir, 'pids')));
  const pids = readFileSync(join(dir, 'pids'), 'utf8').split(' ').map(Number);
  t.after(() => {
    for (const pid of pids.filter(isAlive)) process.kill(pid, 'SIGKILL');
  });
  return { dir, child, pids };
}

/** `above`: the command that runs it. */
function start(dir: string, part: string, above: readonly string[] = []): ChildProcess {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const [command = '', ...args] = [...above, process.execPath, program, part];
  return spawn(command, args, {
    cwd: dir,
    env: { ...env, TMPDIR: dir, npm_lifecycle_event: 'test' },
    stdio: 'ignore',
  });
}

const foldersIn = (dir: string): string[] =>
  readdirSync(dir).filter((name) => name.startsWith('sp-'));

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} ends all that a run started, and its folder goes`, async (t) => {
    const { dir, child, pids } = await startHanging(t);
    assert.deepEqual([pids.map(isAlive), foldersIn(dir).length], [[true, true], 1]);
    child.kill(signal);
    assert.deepEqual(await once(child, 'exit'), [code, null]);
    assert.deepEqual([pids.map(isAlive), foldersIn(dir)], [[false, false], []]);
  });
}

test('a run whose npm is killed ends likewise', async (t) => {
  const { dir, child, pids } = await startHanging(t, ['sh', '-c', '"$@"; true', 'sh']);
  child.kill('SIGKILL');
  await until(() => foldersIn(dir).length === 0);
  assert.deepEqual(pids.map(isAlive), [false, false]);
});

test('what a killed run left is ended by the next one, and a run that goes on is not', async (t) => {
  const { dir, child, pids } = await startHanging(t);
  writeFileSync(join(dir, 'test/good.test.ts'), `import 'node:test';`);
  await once(start(dir, 'good'), 'exit');
  assert.deepEqual([pids.map(isAlive), foldersIn(dir).length], [[true, true], 1]);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.deepEqual([pids.map(isAlive), foldersIn(dir).length], [[true, true], 1]);
  await once(start(dir, 'good'), 'exit');
  assert.deepEqual([pids.map(isAlive), foldersIn(dir)], [[false, false], []]);
});
