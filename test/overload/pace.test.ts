import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPace, type Pace } from '@sallyport/shared/exchange/pace.ts';
import { limits } from '@sallyport/shared/limits.ts';

const flow = 'records/get-record';
const mayWaitMs = 2_000;
const { paceWaitingMin } = limits;

/** Calls come by the offered rate and are answered by the service's, one ms at a time. */
function run(
  pace: Pace,
  ms: number,
  options: { answersPerMs: number; come: (ms: number) => void },
) {
  let due = 0;
  for (let nowMs = 0; nowMs < ms; nowMs += 1) {
    options.come(nowMs);
    due += options.answersPerMs;
    for (; due >= 1 && queue.length > 0; due -= 1) {
      const [holder, cameMs] = queue.shift() ?? ['', 0];
      pace.left(flow, holder, true, nowMs);
      waits.push({ holder, tookMs: nowMs - cameMs, nowMs });
    }
    due = Math.min(due, 1);
  }
}
let queue: [holder: string, cameMs: number][] = [];
let waits: { holder: string; tookMs: number; nowMs: number }[] = [];
let refused = new Map<string, number>();

function offer(pace: Pace, holder: string, nowMs: number): void {
  if (pace.crowdedMs(flow, holder, mayWaitMs, nowMs) > 0) {
    refused.set(holder, (refused.get(holder) ?? 0) + 1);
    return;
  }
  pace.entered(flow, holder, nowMs);
  queue.push([holder, nowMs]);
}

function fresh(): Pace {
  queue = [];
  waits = [];
  refused = new Map();
  return createPace();
}

for (const times of [2, 4]) {
  test(`at ${times} times what can be answered, what is let in is answered in its time`, (t) => {
    const pace = fresh();
    run(pace, 20_000, {
      answersPerMs: 1,
      come: (nowMs) => {
        for (let one = 0; one < times; one += 1) offer(pace, 'a', nowMs);
      },
    });
    assert.ok(waits.length >= 19_990, 'the service never waits for work');
    const settled = waits.filter(({ nowMs }) => nowMs > 10_000);
    const slowest = Math.max(...settled.map(({ tookMs }) => tookMs));
    t.diagnostic(`${waits.length} answered, ${refused.get('a')} refused, slowest ${slowest} ms`);
    assert.ok(slowest < mayWaitMs, `every call in its time, the slowest took ${slowest} ms`);
    assert.ok((refused.get('a') ?? 0) > 19_990 * (times - 1) * 0.8, 'the rest was told at once');
  });
}

test('a consumer that asks little is let in while another floods', () => {
  const pace = fresh();
  let asked = 0;
  run(pace, 20_000, {
    answersPerMs: 1,
    come(nowMs) {
      for (let one = 0; one < 4; one += 1) offer(pace, 'flood', nowMs);
      if (nowMs % 10 !== 0) return;
      asked += 1;
      offer(pace, 'quiet', nowMs);
    },
  });
  assert.ok((refused.get('flood') ?? 0) > 10_000);
  assert.equal(refused.get('quiet'), undefined);
  assert.ok(waits.filter(({ holder }) => holder === 'quiet').length > asked * 0.8);
});

test('a burst after quiet is let in: a trickle of answers tells no pace', () => {
  const pace = fresh();
  run(pace, 5_000, {
    answersPerMs: 1,
    come: (nowMs) => {
      if (nowMs % 500 === 0) offer(pace, 'a', nowMs);
    },
  });
  for (let call = 0; call < 1_000; call += 1) offer(pace, 'a', 5_000);
  assert.equal(refused.size, 0);
  assert.equal(pace.waitMs(flow, 5_000), undefined);
});

test('where nothing is answered at all nobody is turned away: the way is interrupted, not crowded', () => {
  const pace = fresh();
  run(pace, 10_000, { answersPerMs: 0, come: (nowMs) => offer(pace, 'a', nowMs) });
  assert.equal(refused.size, 0);
});

test('a slow service with few callers is no queue', () => {
  const pace = fresh();
  for (let nowMs = 0; nowMs < 60_000; nowMs += 1) {
    if (queue.length < paceWaitingMin - 1) offer(pace, 'a', nowMs);
    if (nowMs % 1_000 === 999) {
      const [holder] = queue.shift() ?? [''];
      pace.left(flow, holder, true, nowMs);
    }
  }
  assert.equal(refused.size, 0);
});

test('calls that were given up or turned away inside are no answers', () => {
  const pace = fresh();
  for (let call = 0; call < 100; call += 1) offer(pace, 'a', 0);
  for (let nowMs = 0; nowMs < 3_000; nowMs += 10) {
    pace.left(flow, 'a', false, nowMs);
    pace.entered(flow, 'a', nowMs);
  }
  assert.equal(pace.waitMs(flow, 3_000), undefined);
});
