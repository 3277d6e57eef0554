import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { limits } from '@sallyport/shared/limits.ts';
import type { ProcessorTime } from '@sallyport/shared/processes/processor-time.ts';
import { watchLife } from '@sallyport/shared/processes/supervise-life.ts';

const { livenessPingMs, livenessMissesMax, livenessStartMissesMax } = limits;

/** `live`: what the process does until the next ping, and what the kernel then says of it. */
function watched(t: TestContext, live?: (before: ProcessorTime) => ProcessorTime) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const stdin = new PassThrough();
  const killed: string[] = [];
  const kill = (signal: string) => killed.push(signal);
  const child = Object.assign(new EventEmitter(), { stdin, kill }) as unknown as ChildProcess;
  const pings = (): number => stdin.readableLength;
  const tick = (times: number) => {
    for (let i = 0; i < times; i += 1) t.mock.timers.tick(livenessPingMs);
  };
  let time: ProcessorTime | undefined = { ranMs: 0, waitedMs: 0, runnable: false };
  const look = () => {
    time = time && live?.(time);
    return time;
  };
  return { child, life: watchLife(child, livenessPingMs, look), killed, pings, tick };
}

test('a process that answers no ping is killed, once', (t) => {
  const { life, killed, pings, tick } = watched(t);
  life.sign();
  tick(livenessMissesMax);
  assert.equal(pings(), livenessMissesMax);
  assert.deepEqual([killed, life.hung], [[], false]);
  tick(3);
  assert.deepEqual([killed, life.hung], [['SIGKILL'], true]);
});

test('a process that has not reported yet has the time to load its code on a busy machine', (t) => {
  const { life, killed, tick } = watched(t);
  tick(livenessStartMissesMax);
  assert.deepEqual([killed, life.hung], [[], false]);
  tick(1);
  assert.deepEqual([killed, life.hung], [['SIGKILL'], true]);
});

test('an edge that hangs is replaced before a guard gives up the calls that it has', () => {
  assert.ok(limits.upstreamGraceMs > (livenessMissesMax + 2) * livenessPingMs);
});

test('any report is a sign of life', (t) => {
  const { life, killed, tick } = watched(t);
  for (let i = 0; i < 5; i += 1) {
    tick(livenessMissesMax);
    life.sign();
  }
  assert.deepEqual([killed, life.hung], [[], false]);
});

test('a process that was asked to end, or has ended, is not watched', (t) => {
  const asked = watched(t);
  asked.child.stdin?.end();
  asked.tick(livenessMissesMax + 5);
  assert.deepEqual(asked.killed, []);
  t.mock.timers.reset();
  const ended = watched(t);
  ended.child.emit('close', 0, null);
  ended.tick(livenessMissesMax + 5);
  assert.deepEqual(ended.killed, []);
});

const hangs: Readonly<Record<string, (before: ProcessorTime) => ProcessorTime>> = {
  'is stopped, or sleeps': (before) => ({ ...before, runnable: false }),
  'loops on a processor of its own': (before) => ({
    ...before,
    ranMs: before.ranMs + livenessPingMs,
    runnable: true,
  }),
  'loops on more than half of a processor': ({ ranMs, waitedMs }) => ({
    ranMs: ranMs + livenessPingMs * 0.55,
    waitedMs: waitedMs + livenessPingMs * 0.45,
    runnable: true,
  }),
};
for (const [what, live] of Object.entries(hangs)) {
  test(`a process that ${what} has ten seconds`, (t) => {
    const { life, killed, tick } = watched(t, live);
    life.sign();
    tick(livenessMissesMax);
    assert.deepEqual(killed, []);
    tick(1);
    assert.deepEqual(killed, ['SIGKILL']);
  });
}

const starving: Readonly<Record<string, (before: ProcessorTime) => ProcessorTime>> = {
  'gets no processor at all': (before) => ({ ...before, runnable: true }),
  'had waited for most of the time when it ran, and sleeps': ({ ranMs, waitedMs }) => ({
    ranMs: ranMs + 1,
    waitedMs: waitedMs + livenessPingMs * 0.6,
    runnable: false,
  }),
};
for (const [what, live] of Object.entries(starving)) {
  test(`a process that ${what} is left alone`, (t) => {
    const { life, killed, tick } = watched(t, live);
    life.sign();
    tick(100 * livenessMissesMax);
    assert.deepEqual([killed, life.hung], [[], false]);
  });
}

test('a process that loops on a tenth of a processor has ten seconds of its own', (t) => {
  const { life, killed, tick } = watched(t, ({ ranMs, waitedMs }) => ({
    ranMs: ranMs + livenessPingMs / 10,
    waitedMs: waitedMs + livenessPingMs * 0.9,
    runnable: true,
  }));
  life.sign();
  tick(10 * livenessMissesMax);
  assert.deepEqual(killed, []);
  tick(2);
  assert.deepEqual(killed, ['SIGKILL']);
});
