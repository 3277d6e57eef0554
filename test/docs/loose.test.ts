import assert from 'node:assert/strict';
import { test } from 'node:test';
import { looselyEqual } from './loose.ts';

test('numbers, ids, keys and fingerprints may differ, words may not', () => {
  assert.ok(looselyEqual('took 12.5 ms', 'took 3 ms'));
  assert.ok(
    looselyEqual('id 01a2092d9809774f8b33666fe0791c9e', 'id 6c0b63f381e6e27449b18514698ecb67'),
  );
  assert.ok(looselyEqual('key sp_1bb951d0bb11_aA-z', 'key sp_02155fdf94ce_x'));
  assert.ok(
    looselyEqual(
      '  hire force woman adult hotel demand',
      '  same   liberty around hunt middle arm',
    ),
  );
  assert.ok(!looselyEqual('took 12 ms', 'took 12 s'));
  assert.ok(!looselyEqual('ready', 'not ready'));
});

test('the status of an HTTP answer may not differ', () => {
  assert.ok(looselyEqual('HTTP/1.1 202 Accepted\n', 'HTTP/1.1 202 Accepted'));
  assert.ok(!looselyEqual('HTTP/1.1 503 Accepted', 'HTTP/1.1 202 Accepted'));
});

test('only what is marked as left out may be missing', () => {
  assert.ok(looselyEqual('one\ntwo\nthree', 'one\n…\nthree'));
  assert.ok(looselyEqual('one\nthree', 'one\n…\nthree'));
  assert.ok(looselyEqual('a long line', 'a … line'));
  assert.ok(!looselyEqual('one\ntwo\nthree', 'one\nthree'));
  assert.ok(!looselyEqual('one', 'one\ntwo'));
  assert.ok(!looselyEqual('one\ntwo', 'one'));
});
