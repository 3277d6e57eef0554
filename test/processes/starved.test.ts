/** The watch over real processes: one that the kernel gives hardly any time, and one that is stopped. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { limits } from '@sallyport/shared/limits.ts';
import { processorTimeOf } from '@sallyport/shared/processes/processor-time.ts';
import { watchLife } from '@sallyport/shared/processes/supervise-life.ts';
import { until } from '../until.ts';

/** Ten pings are one second. */
const pingMs = 100;
const hungMs = limits.livenessMissesMax * pingMs;

/** Answers each byte of its stdin with one, after some work. */
const answering = `process.stdin.on('data', () => {
  for (const untilMs = performance.now() + 1; performance.now() < untilMs; );
  process.stdout.write('.');
});`;

async function startWatched(t: TestContext) {
  // Without threads that help: one that waits for a starved helper sleeps itself.
  const child = spawn(process.execPath, ['--single-threaded', '-e', answering], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  // What is written to it while it ends.
  child.stdin?.on('error', () => {});
  const life = watchLife(child, pingMs);
  let signs = 0;
  let signedMs = performance.now();
  /** The longest silence after the first sign. */
  let silentMs = 0;
  child.stdout?.on('data', () => {
    const nowMs = performance.now();
    if (signs > 0) silentMs = Math.max(silentMs, nowMs - signedMs);
    signedMs = nowMs;
    signs += 1;
    life.sign();
  });
  await until(() => signs > 0);
  return { child, life, silentMs: () => silentMs };
}

test('a process that is stopped is killed', async (t) => {
  const { child, life } = await startWatched(t);
  child.kill('SIGSTOP');
  await until(() => child.signalCode === 'SIGKILL');
  assert.equal(life.hung, true);
});

test('a process that gets hardly any processor is not, however long it is silent', async (t) => {
  const { child, life, silentMs } = await startWatched(t);
  if (!starve(t, child)) return;
  await until(() => silentMs() > 3 * hungMs || child.signalCode !== null);
  assert.deepEqual([child.signalCode, life.hung], [null, false]);
});

test('what a process ran and waited for is read from the kernel', async (t) => {
  const { child } = await startWatched(t);
  const before = processorTimeOf(child.pid);
  await until(() => (processorTimeOf(child.pid)?.ranMs ?? 0) > (before?.ranMs ?? 0) + 1);
  child.kill('SIGSTOP');
  await until(() => processorTimeOf(child.pid)?.runnable === false);
  assert.equal(processorTimeOf(process.pid)?.runnable, true);
  child.kill('SIGKILL');
  await until(() => child.signalCode !== null && processorTimeOf(child.pid) === undefined);
});

/** Gives it 1 ms of processor in each second; false, and a reason, where that is not allowed here. */
function starve(t: TestContext, { pid }: ChildProcess): boolean {
  const old = '/sys/fs/cgroup/cpu';
  const root = existsSync(old) ? old : '/sys/fs/cgroup';
  const group = join(root, `sallyport-test-${pid}`);
  try {
    mkdirSync(group);
    t.after(() => until(() => removed(group)));
    if (root === old) {
      writeFileSync(join(group, 'cpu.cfs_period_us'), '1000000');
      writeFileSync(join(group, 'cpu.cfs_quota_us'), '1000');
    } else {
      writeFileSync(join(group, 'cpu.max'), '1000 1000000');
    }
    writeFileSync(join(group, 'cgroup.procs'), String(pid));
    return true;
  } catch (thrown) {
    t.skip(`no right to limit a process: ${(thrown as NodeJS.ErrnoException).code}`);
    return false;
  }
}

/** Once its process is gone. */
function removed(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code !== 'EBUSY';
  }
}
