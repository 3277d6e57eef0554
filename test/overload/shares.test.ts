import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createShares } from '@sallyport/shared/exchange/shares.ts';
import fc from 'fast-check';

/** Takes one after the other until all have been told no. */
function takeAll(capacity: number, holders: readonly string[]): Map<string, number> {
  const shares = createShares(capacity);
  const held = new Map<string, number>(holders.map((holder) => [holder, 0]));
  let more = true;
  while (more) {
    more = false;
    for (const holder of holders) {
      if (!shares.fits(holder)) continue;
      shares.take(holder);
      held.set(holder, (held.get(holder) ?? 0) + 1);
      more = true;
    }
  }
  return held;
}

test('one greedy holder gets half, three get a quarter each', () => {
  assert.deepEqual([...takeAll(4096, ['a']).values()], [2048]);
  assert.deepEqual([...takeAll(4096, ['a', 'b', 'c']).values()], [1024, 1024, 1024]);
});

test('whoever comes after any number of greedy holders finds room', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 64, max: 5000 }),
      (many, most) => {
        const shares = createShares(most);
        const greedy = Array.from({ length: many }, (_, at) => `greedy-${at}`);
        for (const [holder, held] of takeAll(most, greedy)) shares.take(holder, held);
        assert.ok(shares.taken < most);
        assert.ok(shares.fits('quiet'));
        assert.ok(greedy.every((holder) => !shares.fits(holder)));
      },
    ),
    { seed: 1, numRuns: 100 },
  );
});

test('what is given back is there again, and large pieces count as what they are', () => {
  const shares = createShares(64);
  assert.ok(shares.fits('a', 32));
  assert.ok(!shares.fits('a', 65));
  shares.take('a', 32);
  assert.ok(!shares.fits('a', 1), 'half is what one may have');
  assert.ok(shares.fits('b', 16));
  shares.give('a', 32);
  assert.equal(shares.taken, 0);
  assert.ok(shares.fits('a', 32));
});
