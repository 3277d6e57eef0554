import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ProcessName, processNames } from '@sallyport/shared/config/home.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import {
  type ProcessesFile,
  type Supervisor,
  supervise,
} from '@sallyport/shared/processes/supervise.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';

const main = join(import.meta.dirname, 'fake-main.ts');

function makeHome(): string {
  const dir = temporaryFolder();
  for (const part of ['run', 'log']) mkdirSync(join(dir, part));
  return dir;
}

function start(t: TestContext, dir: string): { supervisor: Supervisor; told: string[] } {
  const told: string[] = [];
  const supervisor = supervise({
    dir,
    main,
    processes: processNames,
    flags: () => [],
    tell: (line, hint) => told.push(hint === undefined ? line : `${line} (${hint})`),
  });
  t.after(() => supervisor.stop());
  return { supervisor, told };
}

const stateOf = (dir: string): ProcessesFile =>
  JSON.parse(readFileSync(join(dir, 'run/processes.json'), 'utf8'));
const pidOf = (dir: string, name: ProcessName): number => stateOf(dir).processes[name].pid ?? 0;
const lines = (dir: string, file: string): string[] =>
  existsSync(join(dir, file)) ? readFileSync(join(dir, file), 'utf8').trim().split('\n') : [];

const allRun = (dir: string): boolean =>
  existsSync(join(dir, 'run/processes.json')) &&
  processNames.every((name) => stateOf(dir).processes[name].state === 'running');

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

test('a process that is killed starts again, and a stop ends all five in order', async (t) => {
  const dir = makeHome();
  const { supervisor, told } = start(t, dir);
  await until(() => allRun(dir));
  const before = pidOf(dir, 'guard');
  process.kill(before, 'SIGKILL');
  await until(() => allRun(dir) && pidOf(dir, 'guard') !== before);
  assert.equal(stateOf(dir).processes.guard.restarts, 1);
  assert.equal(stateOf(dir).processes.edge.restarts, 0);
  assert.deepEqual(told, ['guard ended (SIGKILL); starting it again']);
  await supervisor.stop();
  assert.equal(await supervisor.ended, false);
  assert.deepEqual(lines(dir, 'stops'), ['edge', 'mover', 'guard', 'signer', 'admin']);
  assert.match(readFileSync(join(dir, 'log/edge.log'), 'utf8'), /"process":"edge".*"started"/);
});

test('a second start in the same home is refused, and allowed again after the first ended', async (t) => {
  const dir = makeHome();
  const { supervisor } = start(t, dir);
  const second = (): Supervisor =>
    supervise({ dir, main, processes: processNames, flags: () => [], tell: () => {} });
  assert.throws(second, (e) => e instanceof SallyportError && e.code === 'HOME_IN_USE');
  await supervisor.stop();
  const third = second();
  await third.stop();
});

test('when the supervisor is killed its processes end and its lock is free', async (t) => {
  const dir = makeHome();
  const first = spawn(process.execPath, [join(import.meta.dirname, 'fake-supervisor.ts'), dir]);
  t.after(() => first.kill('SIGKILL'));
  await until(() => allRun(dir));
  const pids = processNames.map((name) => pidOf(dir, name));
  assert.ok(pids.every(alive));
  first.kill('SIGKILL');
  await until(() => !pids.some(alive));
  assert.equal(lines(dir, 'stops').length, 5, 'each closed what it had open');
  const { supervisor } = start(t, dir);
  await supervisor.stop();
});

test('a fault that only a person can mend is told once and stops the node', async (t) => {
  const dir = makeHome();
  writeFileSync(join(dir, 'fail-guard'), 'PEER_MISSING');
  const { supervisor, told } = start(t, dir);
  assert.equal(await supervisor.ended, true);
  assert.deepEqual(told, ['guard: expected a good start, got a bad one [PEER_MISSING] (mend it)']);
  assert.equal(lines(dir, 'starts').filter((name) => name === 'guard').length, 1);
  assert.ok(processNames.every((name) => stateOf(dir).processes[name].state === 'stopped'));
});

test('a fault that may heal is told once and tried until it heals', async (t) => {
  const dir = makeHome();
  writeFileSync(join(dir, 'fail-edge'), 'ADDRESS_IN_USE');
  const { told } = start(t, dir);
  await until(() => lines(dir, 'starts').filter((n) => n === 'edge').length > 2);
  rmSync(join(dir, 'fail-edge'));
  await until(() => allRun(dir));
  assert.deepEqual(told, [
    'edge: expected a good start, got a bad one [ADDRESS_IN_USE]; trying again (mend it)',
  ]);
});

test('trouble of a process that runs on is told once, and that it is over', async (t) => {
  const dir = makeHome();
  writeFileSync(join(dir, 'trouble-signer'), '');
  const { told } = start(t, dir);
  await until(() => allRun(dir) && told.length > 0);
  rmSync(join(dir, 'trouble-signer'));
  await until(() => told.length > 1);
  assert.deepEqual(told, [
    'signer: expected the PIN, got another [HSM_PIN]; trying again (mend it)',
    'signer: well again',
  ]);
  assert.equal(stateOf(dir).processes.signer.restarts, 0);
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} to the whole group ends the node in its order, and nothing starts again`, async (t) => {
    const dir = makeHome();
    const program = join(import.meta.dirname, 'fake-supervisor.ts');
    const node = spawn(process.execPath, [program, dir], {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    t.after(() => node.kill('SIGKILL'));
    let said = '';
    node.stderr.on('data', (chunk) => (said += chunk));
    const ended = new Promise((resolve) => node.once('close', resolve));
    await until(() => allRun(dir));
    process.kill(-(node.pid ?? assert.fail('expected a process')), signal);
    assert.equal(await ended, 0);
    assert.deepEqual(lines(dir, 'stops'), ['edge', 'mover', 'guard', 'signer', 'admin']);
    assert.equal(lines(dir, 'starts').length, 5);
    assert.equal(said, '');
  });
}

test('SIGTERM to one process ends it gracefully, and it starts again', async (t) => {
  const dir = makeHome();
  const { told } = start(t, dir);
  await until(() => allRun(dir));
  const before = pidOf(dir, 'mover');
  process.kill(before, 'SIGTERM');
  await until(() => allRun(dir) && pidOf(dir, 'mover') !== before);
  assert.deepEqual(lines(dir, 'stops'), ['mover']);
  assert.deepEqual(told, ['mover ended (by a signal); starting it again']);
});

test('a process that does not hear that it shall end is killed after its grace', async (t) => {
  const dir = makeHome();
  writeFileSync(join(dir, 'deaf-mover'), '');
  const { supervisor } = start(t, dir);
  await until(() => allRun(dir));
  const pid = pidOf(dir, 'mover');
  const beganMs = Date.now();
  await supervisor.stop();
  assert.ok(Date.now() - beganMs >= limits.stopGraceMs, 'it had its grace');
  assert.equal(alive(pid), false);
});

test('a process that speaks on the channel on which its wires come is killed', async (t) => {
  const dir = makeHome();
  writeFileSync(join(dir, 'talk-mover'), '');
  const { told } = start(t, dir);
  await until(() => told.length > 0);
  rmSync(join(dir, 'talk-mover'));
  assert.deepEqual(told, ['mover ended (SIGKILL); starting it again']);
  await until(() => allRun(dir));
});

test('what Node would read from the environment does not reach a process', async (t) => {
  process.env.NODE_OPTIONS = '--no-warnings';
  t.after(() => delete process.env.NODE_OPTIONS);
  const dir = makeHome();
  start(t, dir);
  await until(() => allRun(dir));
  const environment = readFileSync(`/proc/${pidOf(dir, 'guard')}/environ`, 'utf8').split('\0');
  const forNode = environment.filter((one) => one.startsWith('NODE_'));
  assert.deepEqual(
    forNode.map((one) => one.split('=')[0]),
    ['NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE'],
  );
});
