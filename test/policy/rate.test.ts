/** Limits of grants: rates that refill all the time, and a quota that is exact for each day. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rateHeaders, takeCall, type Usage, unused } from '@sallyport/shared/policy/rate.ts';
import type { Rates } from '@sallyport/shared/policy/terms.ts';
import fc from 'fast-check';
import { parseList } from 'structured-headers';

const noon = Date.parse('2026-03-02T12:00:00Z');

/** Calls at these moments; true for each that was allowed. */
function run(rates: Rates, moments: readonly number[], from: Usage = unused): boolean[] {
  let usage = from;
  return moments.map((atMs) => {
    const taken = takeCall(rates, usage, atMs);
    usage = taken.usage ?? usage;
    return taken.usage !== undefined;
  });
}

const times = (count: number, atMs: number): number[] => Array.from({ length: count }, () => atMs);

test('a rate lets its number of calls through at once, then one for each share of the period', () => {
  const rates = { perMinute: 3 };
  assert.deepEqual(run(rates, times(4, noon)), [true, true, true, false]);
  const after = [...times(3, noon), noon + 19_999, noon + 20_000, noon + 20_001, noon + 60_000];
  assert.deepEqual(run(rates, after), [true, true, true, false, true, false, true]);
});

test('a refusal says when one more call would fit, and then it does', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), fc.nat(200_000), (perMinute, laterMs) => {
      let usage = unused;
      for (;;) {
        const taken = takeCall({ perMinute }, usage, noon);
        if (taken.usage === undefined) break;
        usage = taken.usage;
      }
      const early = takeCall({ perMinute }, usage, noon + (laterMs % 5));
      if (early.retryAfterMs === undefined) return;
      const atMs = noon + (laterMs % 5) + early.retryAfterMs;
      assert.ok(takeCall({ perMinute }, usage, atMs + 1e-3).usage);
    }),
    { seed: 1, numRuns: 100 },
  );
});

test('in any stretch of time a rate lets through at most its number, and what refilled meanwhile', () => {
  const gaps = fc.array(fc.nat(4_000), { minLength: 1, maxLength: 120 });
  fc.assert(
    fc.property(gaps, fc.integer({ min: 1, max: 40 }), (steps, perMinute) => {
      let atMs = noon;
      const moments = steps.map((step) => {
        atMs += step;
        return atMs;
      });
      const allowed = run({ perMinute }, moments);
      const passed = moments.filter((_, index) => allowed[index]);
      passed.forEach((start, first) => {
        passed.slice(first).forEach((end, more) => {
          const refilled = ((end - start) * perMinute) / 60_000;
          assert.ok(more + 1 <= perMinute + refilled + 1e-6);
        });
      });
    }),
    { seed: 1, numRuns: 100 },
  );
});

test('a quota of a day is exact, and begins anew at midnight of UTC', () => {
  const rates = { perDay: 2 };
  const midnight = Date.parse('2026-03-03T00:00:00Z');
  const moments = [noon, noon + 1, noon + 2, midnight - 1, midnight, midnight, midnight + 1];
  assert.deepEqual(run(rates, moments), [true, true, false, false, true, true, false]);
  const full = takeCall(rates, { ...unused, atMs: noon, day: 20_514, usedToday: 2 }, noon);
  assert.equal(full.retryAfterMs, midnight - noon);
});

test('of several limits all are taken, or none', () => {
  const rates = { perSecond: 1, perDay: 10 };
  let usage = unused;
  const first = takeCall(rates, usage, noon);
  usage = first.usage ?? usage;
  assert.equal(takeCall(rates, usage, noon).usage, undefined);
  assert.equal(usage.usedToday, 1);
  const again = takeCall(rates, usage, noon + 1_000);
  assert.equal(again.usage?.usedToday, 2);
});

test('a clock that is set back gives nobody a fresh rate', () => {
  const used = run({ perHour: 2 }, [noon, noon, noon - 7_200_000, noon - 7_199_000]);
  assert.deepEqual(used, [true, true, false, false]);
});

test('nor a fresh quota, though it goes back over midnight', () => {
  const midnight = Date.parse('2026-03-03T00:00:00Z');
  const moments = [
    midnight - 2,
    midnight + 1,
    midnight - 1,
    midnight - 1,
    midnight + 2,
    midnight + 3,
  ];
  assert.deepEqual(run({ perDay: 2 }, moments), [true, true, true, false, true, false]);
});

test('whoever counts late refuses nothing that was allowed in time, and lets little more through', () => {
  const lateMs = 60_000;
  const rates = { perMinute: 7, perDay: 90 };
  const call = fc.record({ gapMs: fc.nat(9_000), lateMs: fc.nat(lateMs) });
  const midnight = Date.parse('2026-03-03T00:00:00Z');
  fc.assert(
    fc.property(fc.array(call, { maxLength: 200 }), fc.nat(1_800_000), (calls, beforeMs) => {
      let atMs = midnight - beforeMs;
      let usage = unused;
      const allowed = calls.flatMap(({ gapMs, lateMs }) => {
        atMs += gapMs;
        const taken = takeCall(rates, usage, atMs);
        usage = taken.usage ?? usage;
        return taken.usage === undefined ? [] : [{ countedAtMs: atMs, atMs: atMs + lateMs }];
      });
      let second = unused;
      for (const { countedAtMs, atMs } of allowed.toSorted((a, b) => a.atMs - b.atMs)) {
        const taken = takeCall(rates, second, atMs, { byMs: lateMs, countedAtMs });
        assert.ok(taken.usage, 'an allowed call was refused');
        second = taken.usage;
      }
    }),
    { seed: 1, numRuns: 300 },
  );
});

test('calls that nobody counted get through late counting as often as the rate says, and one burst', () => {
  const [byMs, seconds] = [60_000, 3_600];
  let usage = unused;
  let passed = 0;
  for (let call = 0; call < 3 * seconds; call += 1) {
    const atMs = noon + Math.floor(call / 3) * 1_000;
    const taken = takeCall({ perMinute: 60 }, usage, atMs, { byMs, countedAtMs: atMs });
    if (taken.usage !== undefined) passed += 1;
    usage = taken.usage ?? usage;
  }
  assert.equal(passed, 60 + 60 + seconds - 1);
});

test('whatever days they name, they get no more than one quota for each of two days', () => {
  let usage = unused;
  for (let index = 0; index < 50; index += 1) {
    const countedAtMs = noon - index * 86_400_000;
    const late = { byMs: 60_000, countedAtMs };
    usage = takeCall({ perDay: 10 }, usage, noon, late).usage ?? usage;
  }
  assert.deepEqual([usage.usedToday, usage.usedBefore], [1, 10]);
});

test('a limit that was lowered holds at once', () => {
  let usage = unused;
  for (let i = 0; i < 10; i += 1) usage = takeCall({ perMinute: 10 }, usage, noon).usage ?? usage;
  assert.equal(takeCall({ perMinute: 2 }, usage, noon).usage, undefined);
  assert.ok(takeCall({ perMinute: 2 }, usage, noon + 30_000).usage);
});

test('the headers are structured fields, one item for each limit', () => {
  const { left } = takeCall({ perMinute: 600, perDay: 1000 }, unused, noon);
  const headers = rateHeaders(left);
  assert.equal(headers['ratelimit-policy'], '"perMinute";q=600;w=60, "perDay";q=1000;w=86400');
  assert.equal(headers.ratelimit, '"perMinute";r=599;t=1, "perDay";r=999;t=43200');
  const items = parseList(headers.ratelimit ?? '').map(([name, about]) => [
    name,
    'get' in about ? about.get('r') : undefined,
  ]);
  assert.deepEqual(items, [
    ['perMinute', 599],
    ['perDay', 999],
  ]);
});
