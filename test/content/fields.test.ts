import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldTree, formatField, parseField } from '@sallyport/shared/content/fields.ts';

test('a field path has one normal form', () => {
  for (const [text, path] of [
    ['$', []],
    ['$.a.b', ['a', 'b']],
    ['$.items[*].name', ['items', null, 'name']],
    ['$[*]', [null]],
    ["$['x y'].z", ['x y', 'z']],
    ['$.姓名', ['姓名']],
    ['$.x-y', ['x-y']],
  ] as const) {
    assert.deepEqual(parseField(text), path);
    assert.equal(formatField(path), text);
  }
  assert.equal(formatField(parseField("$['a']['b']") ?? []), '$.a.b');
});

test('what is no field path is none', () => {
  for (const text of [
    '',
    'a',
    '.a',
    '$a',
    '$.',
    '$..a',
    '$.*',
    '$[0]',
    '$[a]',
    "$['a",
    "$['']",
    "$['a\\'b']",
    '$.a ',
    '$.a[*',
    '$.1a',
    "$['a\u0000']",
  ]) {
    assert.equal(parseField(text), undefined, text);
  }
});

test('a tree of fields covers what its paths cover', () => {
  const tree = fieldTree([['a'], ['b', 'c'], ['d', null, 'e']]);
  assert.equal(tree.whole, false);
  assert.equal(tree.names.get('a')?.whole, true);
  assert.equal(tree.names.get('b')?.whole, false);
  assert.equal(tree.names.get('b')?.names.get('c')?.whole, true);
  assert.equal(tree.names.get('d')?.items?.names.get('e')?.whole, true);
  assert.equal(tree.names.has('x'), false);
  assert.equal(fieldTree([['a'], []]).whole, true);
  assert.equal(fieldTree([]).whole, false);
});
