import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { limits } from '@sallyport/shared/limits.ts';
import { watchLife } from '@sallyport/shared/processes/supervise-life.ts';

const { livenessPingMs, livenessMissesMax, livenessStartMissesMax } = limits;

function watched(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const stdin = new PassThrough();
  const killed: string[] = [];
  const kill = (signal: string) => killed.push(signal);
  const child = Object.assign(new EventEmitter(), { stdin, kill }) as unknown as ChildProcess;
  const pings = (): number => stdin.readableLength;
  const tick = (times: number) => {
    for (let i = 0; i < times; i += 1) t.mock.timers.tick(livenessPingMs);
  };
  return { child, life: watchLife(child), killed, pings, tick };
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
