import assert from 'node:assert/strict';
import { test } from 'node:test';
import { everyField, fieldTree } from '@sallyport/shared/content/fields.ts';
import { compileSlow } from '@sallyport/shared/content/rewrite.ts';
import { readSchema } from '@sallyport/shared/content/schema.ts';
import { compileStraight } from '@sallyport/shared/content/straight/compile.ts';
import { createLayouts } from '@sallyport/shared/content/straight/layout.ts';
import { closeTape, openTape } from '@sallyport/shared/content/straight/tape.ts';
import { limits } from '@sallyport/shared/limits.ts';

const { schema: abc } = readSchema({
  type: 'object',
  properties: {
    a: { type: 'integer' },
    b: { type: 'object', properties: { c: { type: 'string' } } },
  },
});

/** Looks at one object after the other, each strict JSON; true where its layout was known. */
function known(...objects: readonly string[]): boolean[] {
  assert.ok(abc);
  const layouts = createLayouts({ schema: abc, crossing: undefined }, () => {});
  return objects.map((text) => {
    const tape = openTape(Buffer.from(text), 0);
    try {
      const end = layouts.follow(tape, 0, 1);
      if (end >= 0) assert.equal(end, tape.end);
      else layouts.learn(tape, 0, 1);
      return end >= 0;
    } finally {
      closeTape(tape);
    }
  });
}

const first = '{"a":1,"b":{"c":"x"}}';
const cases: readonly (readonly [string, string, boolean])[] = [
  ['other values', '{"a":-2.5,"b":{"c":"\\n"}}', true],
  ['values of other types', '{"a":[1,{"a":2}],"b":{"c":null}}', true],
  ['a member less', '{"a":1}', false],
  ['a member more', '{"a":1,"b":{"c":"x"},"d":1}', false],
  ['a member twice', '{"a":1,"b":{"c":"x"},"a":1}', false],
  ['another order', '{"b":{"c":"x"},"a":1}', false],
  ['space', '{"a": 1,"b":{"c":"x"}}', false],
];
for (const [what, text, isKnown] of cases) {
  test(`an object with ${what} ${isKnown ? 'has' : 'has not'} the layout of one before`, () => {
    assert.deepEqual(known(first, text), [false, isKnown]);
  });
}

test('layouts with the same beginning are all known', () => {
  const texts = ['{"a":1}', '{"a":1,"b":2}', '{"a":1,"c":2}', '{"a": 1}', '{}'];
  assert.deepEqual(known(...texts, ...texts).slice(texts.length), [true, true, true, true, true]);
});

test('an object with more values than are worth it is not remembered', () => {
  const members = Array.from({ length: limits.layoutValuesMax + 1 }, (_, at) => `"m${at}":1`);
  const text = `{${members}}`;
  assert.deepEqual(known(text, text, text, text), [false, false, false, false]);
  const most = `{${members.slice(1)}}`;
  assert.deepEqual(known(most, most), [false, true]);
});

test('layouts that no longer come are forgotten for those that do', () => {
  const old = Array.from({ length: limits.layoutLiteralsMax }, (_, at) => `{"x${at}":1}`);
  const late = Array.from({ length: limits.layoutMissesMax + 1 }, () => '{"late":1}');
  const seen = known(...old, ...late);
  assert.equal(seen[old.length], false);
  assert.equal(seen.at(-1), true);
});

const { schema } = readSchema({
  type: 'object',
  properties: {
    id: { type: 'string', pattern: '^c-[0-9]{1,3}$' },
    mail: { type: 'string', maxLength: 40, pattern: '^[a-z0-9.]+@[a-z.-]+$' },
    day: { type: 'string', format: 'date' },
    size: { type: 'integer', minimum: 1, maximum: 20 },
    done: { type: ['boolean', 'null'] },
    place: { type: 'object', properties: { town: { type: 'string', maxLength: 3 } } },
    list: { type: 'array', items: { type: 'integer' }, maxItems: 2 },
  },
});
assert.ok(schema);
const rules = { schema, fields: everyField, masks: undefined, code: 'RESPONSE_REFUSED' } as const;
const full = [
  '"mail":"a.b@c.de","id":"c-1","day":"2024-02-28","size":7,"done":true',
  '"list":[1,2],"place":{"town":"北京市"}',
].join();

/** The same object again and again: by its layout from the second on. */
function straightOf(text: string, fields = rules.fields): string | undefined {
  const straight = compileStraight({ ...rules, fields, mode: 'release' });
  const slow = compileSlow({ ...rules, fields, mode: 'release' });
  const learnt = straight?.(Buffer.from(`{${full}}`));
  assert.deepEqual(learnt, slow(Buffer.from(`{${full}}`), 1024));
  const taken = straight?.(Buffer.from(text));
  if (taken !== undefined) assert.deepEqual(taken, slow(Buffer.from(text), 1024));
  return taken?.body?.toString();
}

test('an object of a known layout is written in the order of the schema', () => {
  const other = full.replace('"c-1"', '"c-22"').replace('true', 'null').replace(':7', ':20');
  assert.equal(
    straightOf(`{${other}}`),
    '{"day":"2024-02-28","done":null,"id":"c-22","list":[1,2],"mail":"a.b@c.de",' +
      '"place":{"town":"北京市"},"size":20}',
  );
});

test('what is not granted is left out of an object of a known layout', () => {
  const fields = fieldTree([['id'], ['place', 'town']]);
  assert.equal(straightOf(`{${full}}`, fields), '{"id":"c-1","place":{"town":"北京市"}}');
});

const misfits: readonly (readonly [string, string, string])[] = [
  ['a pattern', '"c-1"', '"c-1234"'],
  ['a pattern with an end that fits', 'a.b@c.de', 'a.b@c.de1'],
  ['a date', '02-28', '02-30'],
  ['a maximum', ':7', ':21'],
  ['a type', ':7', ':"7"'],
  ['a length', '北京市', '北京市区'],
  ['the spelling of a name', '"day"', '"\\u0064ay"'],
  ['the items of a list', '[1,2]', '[1,2,3]'],
  ['the type of an item', '[1,2]', '[1,"2"]'],
];
for (const [what, fits, misfit] of misfits) {
  test(`an object of a known layout that breaks ${what} is left to the slow path`, () => {
    assert.equal(straightOf(`{${full.replace(fits, misfit)}}`), undefined);
  });
}

test('values that need a second look still go straight', () => {
  const odd = full.replace('02-28', '02-29').replace(':7', ':7.0').replace('"c-1"', '"c-\\u0031"');
  assert.match(straightOf(`{${odd}}`) ?? '', /"day":"2024-02-29".*"id":"c-1".*"size":7/);
});

for (const [depth, isStraight] of [
  [6, true],
  [20, false],
] as const) {
  const way = isStraight ? 'go straight' : 'are left to the slow path';
  test(`${depth} objects in each other that each only begin like a known one ${way}`, () => {
    const at = (below: number): object => ({
      type: 'object',
      properties: { b: { type: 'string' }, ...(below > 0 && { a: at(below - 1) }) },
    });
    const nested = (b: string, end: string): Buffer =>
      Buffer.from(`${'{"a":'.repeat(depth)}{"b":"${b}"}${end.repeat(depth)}`);
    const { schema } = readSchema(at(depth));
    assert.ok(schema);
    const rules = {
      schema,
      fields: everyField,
      masks: undefined,
      code: 'RESPONSE_REFUSED',
    } as const;
    const straight = compileStraight({ ...rules, mode: 'release' });
    const slow = compileSlow({ ...rules, mode: 'release' });
    const known = nested('x', '}');
    assert.deepEqual(straight?.(known), slow(known, known.length));
    // What is behind the long text is told only when it has been passed, at each depth anew.
    const other = nested('x'.repeat(5000), ',"b":"y"}');
    const expected = isStraight ? slow(other, other.length) : undefined;
    assert.deepEqual(straight?.(other), expected);
  });
}
