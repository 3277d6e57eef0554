import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patternFault } from '@sallyport/shared/content/pattern.ts';

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

test('a pattern of more than linear time needs a short text', () => {
  assert.notEqual(patternFault('a+b+', undefined), undefined);
  assert.notEqual(patternFault('^a+b+$', 5000), undefined);
  assert.equal(patternFault('^a+b+$', 254), undefined);
});
