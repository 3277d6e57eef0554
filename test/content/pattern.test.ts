import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patternFault } from '@sallyport/shared/content/pattern.ts';
import fc from 'fast-check';

const usable = [
  '^c-[0-9]{6}$',
  '^[1-9][0-9]{16}[0-9X]$',
  '^1[3-9][0-9]{9}$',
  '^ac-[0-9]{6,}$',
  '^(?:[0-9]{1,3}\\.){3}[0-9]{1,3}$',
  '^(?:male|female)$',
  '^(?:a|b)?$',
  '^\\p{Script=Han}{2,5}$',
  '^[(*+?{}|)]$',
  '^\\(\\*\\)+$',
];
for (const pattern of usable) {
  test(`the pattern ${pattern} may be used`, () => {
    assert.equal(patternFault(pattern, undefined), undefined);
  });
}

const refusable = [
  '(a+)+$',
  '(a*)*',
  '(a|a)*$',
  '^(a?){30}$',
  '^((a{1,8}){1,8}){1,8}$',
  '(?=a)',
  '(?!a)',
  '(?<=a)b',
  '(?<n>a)',
  '(a)\\1',
  '(',
  '[',
  'a{2,1}',
  '\\-',
  'x'.repeat(1000),
];
for (const pattern of refusable) {
  test(`the pattern ${pattern.slice(0, 30)} may not be used`, () => {
    assert.notEqual(patternFault(pattern, 100), undefined);
  });
}

const slow: readonly (readonly [string, number])[] = [
  ['^a*a*a*a*$', 1024],
  ['^a*a*a*$', 1024],
  ['a*a*b', 1024],
  ['^(?:a{0,100}){8}$', 1024],
  ['^a{0,500}a{0,500}a{0,500}$', 1024],
  ['^(?:(?:a|b|ab){1,8}){1,8}$', 1024],
  ['^a{0,40}a{0,40}a*$', 100_000],
];
for (const [pattern, textMax] of slow) {
  test(`the pattern ${pattern} could take too long for ${textMax} characters`, () => {
    assert.notEqual(patternFault(pattern, textMax), undefined);
  });
}

test('what may be used takes no text apart for long', () => {
  const parts = ['a', '[ab]', '(?:a|b)', '(?:ab?)', '(?:a|ab)', '(?:a{1,3}b?)'];
  const times = ['', '*', '+', '?', '{2}', '{0,3}', '{1,20}', '{0,100}'];
  const pattern = fc
    .array(fc.tuple(fc.constantFrom(...parts), fc.constantFrom(...times)), {
      minLength: 1,
      maxLength: 5,
    })
    .map((all) => `^${all.map(([part, time]) => part + time).join('')}$`);
  let usable = 0;
  fc.assert(
    fc.property(pattern, fc.constantFrom(32, 128, 1024), (text, textMax) => {
      if (patternFault(text, textMax) !== undefined) return;
      usable += 1;
      // The worst of texts: all of it fits but its end. Without a bound some of these take hours.
      for (const unit of ['a', 'ab']) {
        new RegExp(text, 'u').test(`${unit.repeat(textMax / 2 / unit.length)}!`);
      }
    }),
    { seed: 1, numRuns: 2_000 },
  );
  assert.ok(usable > 500, `${usable}`);
});

test('a pattern of more than linear time needs a short text', () => {
  assert.notEqual(patternFault('a+b+', undefined), undefined);
  assert.notEqual(patternFault('^a+b+$', 5000), undefined);
  assert.equal(patternFault('^a+b+$', 254), undefined);
});
