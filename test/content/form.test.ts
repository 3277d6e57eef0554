import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatForm, parseForm } from '@sallyport/shared/content/form.ts';
import { readSchema, type Schema } from '@sallyport/shared/content/schema.ts';
import { limits } from '@sallyport/shared/limits.ts';
import fc from 'fast-check';

const { schema } = readSchema({
  type: 'object',
  properties: {
    age: { type: 'integer' },
    name: { type: 'string' },
    tag: { type: 'array', items: { type: 'string' } },
  },
});
const read = (text: string) => parseForm(Buffer.from(text), schema as Schema);

test('fields become members by the schema', () => {
  assert.deepEqual(read('name=%E5%BC%A0+%26&age=41&tag=a&tag='), {
    name: '张 &',
    age: 41,
    tag: ['a', ''],
  });
  assert.deepEqual(read('__proto__=1'), JSON.parse('{"__proto__":"1"}'));
});

test('what is written is read back as the same', () => {
  const text = fc.string({ unit: 'grapheme' });
  const value = fc.record(
    { age: fc.nat(), name: text, tag: fc.array(text, { minLength: 1 }) },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(value, (one) => {
      assert.deepEqual(read(formatForm(one)), one);
    }),
    { seed: 1, numRuns: 300 },
  );
  assert.equal(formatForm({ name: null }), 'name=');
});

const broken: readonly (readonly [string, string])[] = [
  ['a field twice', 'name=a&name=b'],
  ['a field without name', '=a'],
  ['a field without =', 'name'],
  ['an empty field', 'a=1&&b=2'],
  ['nothing', ''],
  ['broken percent-encoding', 'name=%E5%BC'],
  ['a raw character', 'name=张'],
  ['a space', 'name=a b'],
  ['too many fields', 'tag=&'.repeat(limits.formPairsMax).concat('tag=')],
  ['too many bytes', `name=${'a'.repeat(limits.formBytesMax)}`],
];
for (const [name, text] of broken) {
  test(`a form with ${name} is refused`, () => {
    assert.throws(() => read(text), { code: 'FORM_REFUSED' });
  });
}
