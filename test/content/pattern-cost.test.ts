/** What a pattern is counted for: the ways in which a text can be taken apart. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patternCost } from '@sallyport/shared/content/pattern-cost.ts';
import { limits } from '@sallyport/shared/limits.ts';

/** As many values as a document may have, of so many characters. */
const stepsOf = (pattern: string, length: number): number =>
  patternCost(pattern)(length) * limits.jsonMembersMax;

const plain: readonly (readonly [string, number])[] = [
  ['^[1-9][0-9]{16}[0-9X]$', 18],
  ['^1[3-9][0-9]{9}$', 11],
  ['^0[0-9]{2,3}-[2-8][0-9]{6,7}$', 12],
  ['^[a-z0-9.]+@[a-z0-9.-]+$', 24],
  ['^[\\w.+-]+@[\\w-]+\\.[a-z]{2,}$', 24],
  ['^\\+?\\d{7,15}$', 15],
  ['^([A-Z]{2,3})-(\\d+)$', 12],
  ['^\\p{L}{2,30}$', 4],
];

test('a loose pattern may stand on a member of each of some thousand records', () => {
  assert.ok(patternCost('^.+@.+\\..+$')(24) * 7_000 < limits.documentStepsMax / 4);
});

for (const [pattern, length] of plain) {
  test(`a document of nothing but values of ${pattern} is a tenth of what it may be`, () => {
    assert.ok(
      stepsOf(pattern, length) < limits.documentStepsMax / 10,
      `${stepsOf(pattern, length)}`,
    );
  });
}

const several: readonly (readonly [string, number, number])[] = [
  // Pattern, length, ways at least.
  ['^a*a*$', 100, 100],
  ['^\\w*[a-c]\\w*[d-f]$', 100, 5_000],
  ['^.*A.*B$', 100, 5_000],
  ['^[^-]*é-$', 100, 100],
  ['^a?a?a?a?a?a?a?a?$', 8, 128],
  ['^(?:a?){8}a{8}$', 8, 256],
  ['^(?:a|ab|abc)$', 3, 4],
  ['a+b', 100, 100],
  ['^\\w*\\bx$', 100, 100],
  ['^a*(?:b?)a$', 100, 100],
  ['^a*b?a$', 100, 100],
];
for (const [pattern, length, ways] of several) {
  test(`${pattern} is counted for each of its ways`, () => {
    assert.ok(patternCost(pattern)(length) >= ways / 64, `${patternCost(pattern)(length)}`);
  });
}
