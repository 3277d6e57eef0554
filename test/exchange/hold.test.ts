import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBudget } from '@sallyport/shared/exchange/budget.ts';
import { createHold, type HeldPackage, isHoldable } from '@sallyport/shared/exchange/hold.ts';
import { limits } from '@sallyport/shared/limits.ts';

const held = (sequence: number, code: HeldPackage['code'], bytes = 1): HeldPackage => ({
  ...{ name: `package ${sequence}`, sequence, bytes, code },
});

test('what cannot be taken is held until a later package fits', () => {
  const hold = createHold();
  assert.equal(hold.judge(5, 'PACKAGE_EXPIRED'), 'hold');
  hold.proved(5, 'fits');
  assert.equal(hold.judge(5, 'PACKAGE_EXPIRED'), 'hold');
  hold.proved(6, 'fits');
  assert.equal(hold.judge(5, 'PACKAGE_EXPIRED'), 'pass over');
  assert.equal(hold.judge(5, 'PACKAGE_RECEIVER'), 'pass over');
  assert.equal(hold.judge(7, 'PACKAGE_EXPIRED'), 'hold');
});

test('what is too new was made before a later one that fits, so it is taken', () => {
  const hold = createHold();
  assert.equal(hold.judge(5, 'PACKAGE_FROM_FUTURE'), 'hold');
  hold.proved(9, 'fits');
  assert.equal(hold.judge(5, 'PACKAGE_FROM_FUTURE'), 'take');
});

test('what does not open waits for a later one that opened: the key store may be at fault', () => {
  const hold = createHold();
  hold.proved(9, 'fits');
  assert.equal(hold.judge(5, 'PACKAGE_DECRYPT'), 'hold');
  hold.proved(9, 'opened');
  assert.equal(hold.judge(5, 'PACKAGE_DECRYPT'), 'pass over');
});

test('what is held comes out in order when it can be decided, each once', () => {
  const hold = createHold();
  for (const sequence of [3, 1, 2]) hold.keep(held(sequence, 'PACKAGE_EXPIRED'), sequence);
  assert.deepEqual(hold.ripe(), []);
  assert.deepEqual(hold.status(), { code: 'PACKAGE_EXPIRED', packages: 3, sinceMs: 3 });
  hold.proved(3, 'fits');
  assert.deepEqual(
    hold.ripe().map(({ sequence }) => sequence),
    [1, 2],
  );
  hold.proved(4, 'fits');
  assert.equal(hold.ripe().length, 1);
  assert.equal(hold.status(), undefined);
});

test('what is held has a bound, in number and in bytes, and each place one package', () => {
  const many = createHold();
  for (let sequence = 1; sequence <= limits.laneWindowMax; sequence += 1) {
    assert.equal(many.keep(held(sequence, 'PACKAGE_EXPIRED'), 0), true);
  }
  assert.equal(many.keep(held(limits.laneWindowMax + 1, 'PACKAGE_EXPIRED'), 0), false);
  const large = createHold();
  assert.equal(large.keep(held(1, 'PACKAGE_EXPIRED', limits.heldBytesMax), 0), true);
  assert.equal(large.keep(held(2, 'PACKAGE_EXPIRED'), 0), false);
  large.proved(2, 'fits');
  large.ripe();
  assert.equal(large.keep(held(2, 'PACKAGE_EXPIRED'), 0), true);
  assert.equal(large.keep(held(2, 'PACKAGE_EXPIRED'), 0), false);
});

test('codes of what is not authentic, and of the lane, are never held', () => {
  for (const code of [
    'PACKAGE_SIGNATURE',
    'PACKAGE_SENDER',
    'PACKAGE_LANE',
    'LANE_FORK',
  ] as const) {
    assert.equal(isHoldable(code), false);
  }
});

test('a budget gives so much at once, and then so much a second', () => {
  const budget = createBudget(10, 2);
  assert.equal(budget.take(4, 0), 4);
  assert.equal(budget.take(9, 0), 6);
  assert.equal(budget.take(1, 400), 0);
  assert.equal(budget.take(5, 1_000), 2);
  assert.equal(budget.take(99, 1_000_000), 10);
});
