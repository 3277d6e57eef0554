import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJson } from '@sallyport/shared/content/json.ts';
import { createLook } from '@sallyport/shared/content/straight/sure.ts';
import { limits } from '@sallyport/shared/limits.ts';

const nested = (depth: number, inner: string, end = '}'): string =>
  '{"a":'.repeat(depth) + inner + end.repeat(depth);

test('objects that were seen at another depth are no deeper for it', () => {
  const look = createLook();
  const most = limits.jsonDepthMax;
  for (const inner of ['{}', '1', '[1]']) {
    const deep = nested(most / 2, inner);
    assert.equal(look(Buffer.from(deep)), deep);
    assert.equal(look(Buffer.from(deep)), deep);
    for (const depth of [most / 2 + 1, most, most + 1]) {
      const text = Buffer.from(nested(depth, deep));
      assert.equal(look(text), undefined, `${depth} around ${most / 2} and ${inner}`);
      assert.throws(() => parseJson(text), /depth/);
    }
  }
});

/** So many pieces that none around it is remembered. */
const pieces = Array.from({ length: limits.layoutValuesMax / 2 + 1 }, (_, at) => `"k${at}":1`);
const wide = `{"x":{${pieces}},"y":{${pieces}}}`;

test('objects in each other that only begin like one that is known are passed a few times', () => {
  const look = createLook();
  assert.equal(look(Buffer.from('{"a":1}')), '{"a":1}');
  // Each depth would double what is passed: this would not end.
  const text = Buffer.from(nested(limits.jsonDepthMax - 2, wide, ',"b":1}'));
  assert.equal(look(text), undefined);
  const few = nested(2, wide, ',"b":1}');
  assert.equal(look(Buffer.from(few)), few);
  const value = parseJson(text);
  assert.deepEqual(Buffer.from(JSON.stringify(value)), text);
});
