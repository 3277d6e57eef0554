import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldTree } from '@sallyport/shared/content/fields.ts';
import { readJson } from '@sallyport/shared/content/json.ts';
import { createReader } from '@sallyport/shared/content/straight/read.ts';
import { limits } from '@sallyport/shared/limits.ts';

/** Reads one text after the other and gives what came of the last; each time as the strict parser does. */
function readLast(...texts: readonly string[]) {
  const read = createReader();
  const [last] = texts
    .map((text) => {
      const taken = read(Buffer.from(text));
      if (taken === undefined) return undefined;
      assert.equal(JSON.stringify(taken.value), JSON.stringify(readJson(text)));
      assert.ok(!taken.isWritten || JSON.stringify(taken.value) === text, text);
      return taken;
    })
    .slice(-1);
  return last;
}

const written = [
  '{"a":1,"b":{"c":"名"},"d":[true,false,null]}',
  '{"a":1,"b":{"d":2}}',
  '{"b":1,"a":-1.5}',
  '[]',
  '{}',
  '"x"',
  '123456789012345',
];
for (const text of written) {
  test(`${text} is read, and known to be as it would be written`, () => {
    assert.equal(readLast(...written, text)?.isWritten, true);
  });
}

const other = [
  ' {"a":1}',
  '{"a":1} ',
  '{"a": 1}',
  '{"x":\t1}',
  '{"a" :1}',
  '{ "a":1}',
  '{"a":1, "b":2}',
  '[1 ]',
  '{"a":"\\u540d"}',
  '{"a":"\\/"}',
  '{"a":"\\u0061"}',
  '{"a":1.0}',
  '{"a":1e2}',
  '{"a":-0}',
  '{"b":1,"1":2}',
  '{"\\u0061":1,"a\\"b":{"\\n":2}}',
];
for (const text of other) {
  test(`${text} is read, but is not as it would be written`, () => {
    assert.equal(readLast(...written, text, text)?.isWritten, false);
  });
}

const left = [
  ['a name twice', '{"a":1,"a":2}'],
  ['a name twice, far from each other', '{"a":1,"b":1,"e":1,"a":2}'],
  ['a name twice, once with an escape', '{"名":1,"\\u540d":2}'],
  ['a name that is no plain property', '{"__proto__":1}'],
  ['a name twice, once with an escape of ASCII', '{"a":1,"\\u0061":2}'],
  ['a name with an escape that is no plain property', '{"\\u005f_proto__":1}'],
  ['a quote in a name of which an escape came before', '{"a"b":1}'],
  ['another end', '{"a":1]'],
  ['more behind it', '{"a":1}1'],
  ['no end', '{"a":1'],
  ['nothing', ''],
] as const;
for (const [what, text] of left) {
  test(`a text with ${what} is left to the strict parser`, () => {
    assert.equal(readLast(...written, text), undefined);
    assert.equal(readLast(text), undefined);
  });
}

test('a depth over the maximum is left, wherever objects of these names were before', () => {
  const most = limits.jsonDepthMax;
  const nested = (depth: number, inner: string): string =>
    '{"a":'.repeat(depth) + inner + '}'.repeat(depth);
  for (const inner of ['{}', '[1]']) {
    assert.ok(readLast(nested(most - 1, inner)));
    assert.equal(readLast(nested(most - 1, inner), nested(most, inner)), undefined);
  }
});

test('more names than it remembers are read all the same, and told apart', () => {
  const many = limits.layoutLiteralsMax + 2 * limits.layoutMissesMax;
  assert.ok(readLast(`{"${'n'.repeat(2000)}":1,"a":2}`, `{"${'n'.repeat(2000)}":1,"a":2}`));
  const objects = Array.from({ length: many }, (_, at) => `{"n${at}":1,"m${at}":{"n":2}}`);
  const wide = `{${Array.from({ length: 1000 }, (_, at) => `"w${at}":1`)}`;
  assert.ok(readLast(...objects, ...objects, `${wide}}`, `${wide}}`));
  assert.equal(readLast(...objects, `${wide}}`, `${wide},"w7":1}`), undefined);
});

test('what is not among the fields is passed, as strict as all', () => {
  const read = createReader(fieldTree([['a'], ['l', null, 'x'], ['o', 'x']]));
  const valueIn = (text: string) => read(Buffer.from(text))?.value;
  const whole = '{"a":{"z":[1]},"b":{"c":[1]},"l":[{"x":"y","y":2}],"o":{"x":1}}';
  const some = { a: { z: [1] }, b: null, l: [{ x: 'y', y: null }], o: { x: 1 } };
  for (const text of [whole, whole, whole.replaceAll(':', ' : ')]) {
    assert.deepEqual(valueIn(text), some);
    assert.equal(read(Buffer.from(text))?.isWritten, false);
  }
  assert.deepEqual(valueIn('{"o":[1,{"x":2}],"l":5}'), { o: [], l: 5 });
  assert.equal(valueIn('{"a":1,"b":{"c":1,"c":2}}'), undefined);
  assert.equal(valueIn('{"a":1,"b":[01]}'), undefined);
  assert.equal(valueIn(`{"b":${'['.repeat(64)}${']'.repeat(64)}}`), undefined);
  assert.ok(valueIn(`{"b":${'['.repeat(63)}${']'.repeat(63)}}`));
});
