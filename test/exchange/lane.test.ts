import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import {
  createReceivingLane,
  type LanePlace,
  zeroDigest,
} from '@sallyport/shared/exchange/lane.ts';
import { limits } from '@sallyport/shared/limits.ts';
import fc from 'fast-check';

const digest = (sequence: number, fork = ''): string =>
  createHash('sha256').update(`${sequence}${fork}`).digest('hex');
const place = (sequence: number, fork = ''): LanePlace => ({
  sequence,
  digest: digest(sequence, fork),
  previous: sequence === 1 ? zeroDigest : digest(sequence - 1),
});
const fresh = () => createReceivingLane({ contiguous: 0, beyond: [] }, () => undefined);
const code = (expected: string) => (thrown: { code?: string }) => thrown.code === expected;

test('a lane takes every package once, in any order inside the window', () => {
  const order = fc.shuffledSubarray(
    Array.from({ length: 50 }, (_, index) => index + 1),
    { minLength: 50 },
  );
  fc.assert(
    fc.property(order, (sequences) => {
      const lane = fresh();
      for (const sequence of sequences) {
        lane.judge(place(sequence));
        lane.accept(place(sequence));
        assert.throws(() => lane.judge(place(sequence)), code('LANE_REPLAY'));
      }
      assert.equal(lane.contiguous, 50);
      assert.deepEqual(lane.beyond, []);
      assert.deepEqual(lane.missing(100), []);
    }),
    { seed: 7, numRuns: 200 },
  );
});

test('another package under a used sequence is a fork', () => {
  const lane = fresh();
  lane.accept(place(1));
  assert.throws(() => lane.judge(place(1, 'other')), code('LANE_FORK'));
});

test('a package too far ahead is refused and found missing later', () => {
  const lane = fresh();
  assert.throws(() => lane.judge(place(limits.laneWindowMax + 1)), code('LANE_WINDOW'));
  lane.judge(place(limits.laneWindowMax));
});

test('a package that does not continue its neighbours is refused', () => {
  const lane = fresh();
  assert.throws(
    () => lane.judge({ ...place(1), previous: digest(9) }),
    code('LANE_CHAIN'),
    'the first package follows nothing',
  );
  lane.accept(place(1));
  assert.throws(() => lane.judge({ ...place(2), previous: digest(9) }), code('LANE_CHAIN'));
  lane.accept(place(3));
  assert.throws(() => lane.judge(place(2, 'other')), code('LANE_CHAIN'));
  lane.judge(place(2));
});

test('after a restart the store answers for what memory forgot', () => {
  const lane = createReceivingLane({ contiguous: 5, beyond: [8] }, (sequence) => ({
    digest: digest(sequence),
    previous: digest(sequence - 1),
  }));
  assert.throws(() => lane.judge(place(3)), code('LANE_REPLAY'));
  assert.throws(() => lane.judge(place(8, 'other')), code('LANE_FORK'));
  assert.deepEqual(lane.missing(10), [6, 7]);
});

test('of what was forgotten it is known that it came: a replay, not a fork', () => {
  const lane = createReceivingLane({ contiguous: 5, beyond: [] }, () => undefined);
  assert.throws(() => lane.judge(place(3)), { code: 'LANE_REPLAY' });
});

test('a heartbeat shows a lost tail', () => {
  const lane = fresh();
  lane.accept(place(1));
  lane.noteHead(4);
  assert.deepEqual(lane.missing(2), [2, 3]);
  assert.deepEqual(lane.missing(9), [2, 3, 4]);
});

test('a heartbeat cannot make a lane ask for more than its window', () => {
  const lane = fresh();
  lane.noteHead(Number.MAX_SAFE_INTEGER);
  assert.equal(lane.missing(Number.MAX_SAFE_INTEGER).length, limits.laneWindowMax);
});
