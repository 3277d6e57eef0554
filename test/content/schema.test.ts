import assert from 'node:assert/strict';
import { test } from 'node:test';
import { everyField } from '@sallyport/shared/content/fields.ts';
import type { Json } from '@sallyport/shared/content/json.ts';
import { formats } from '@sallyport/shared/content/scalar.ts';
import { knownFormats, readSchema, type Schema } from '@sallyport/shared/content/schema.ts';
import { compileWalk } from '@sallyport/shared/content/walk.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';

function fits(schema: Schema, value: Json): boolean {
  const rules = { schema, fields: everyField, masks: undefined } as const;
  try {
    compileWalk({ ...rules, mode: 'verify', code: 'SCHEMA_REFUSED' })(value, {
      dropped: 0,
      rules: {},
    });
    return true;
  } catch (error) {
    assert.ok(error instanceof SallyportError);
    assert.equal(error.code, 'SCHEMA_REFUSED');
    return false;
  }
}

const faulty: readonly (readonly [string, unknown, string])[] = [
  ['no schema at all', 1, ''],
  ['true', true, ''],
  ['no type', { minLength: 1 }, 'minLength'],
  ['an unknown type', { type: 'text' }, 'type'],
  ['an object that names no members', { type: 'object' }, ''],
  [
    'an open object',
    { type: 'object', properties: {}, additionalProperties: true },
    'additionalProperties',
  ],
  [
    'pattern properties',
    { type: 'object', properties: {}, patternProperties: {} },
    'patternProperties',
  ],
  ['an array of anything', { type: 'array' }, ''],
  ['a choice of shapes', { type: 'string', anyOf: [] }, 'anyOf'],
  ['an unknown keyword', { type: 'string', minlength: 1 }, 'minlength'],
  ['a keyword of another type', { type: 'string', minimum: 1 }, 'minimum'],
  ['a negative length', { type: 'string', maxLength: -1 }, 'maxLength'],
  ['a format that nobody checks', { type: 'string', format: 'hostname' }, 'format'],
  ['a broken pattern', { type: 'string', pattern: '(' }, 'pattern'],
  ['an empty enum', { type: 'string', enum: [] }, 'enum'],
  ['an enum of objects', { type: 'string', enum: [{}] }, 'enum'],
  [
    'a required member that is not there',
    { type: 'object', properties: {}, required: ['a'] },
    'required',
  ],
  [
    'a member named __proto__',
    { type: 'object', properties: JSON.parse('{"__proto__":{"type":"null"}}') },
    'properties.__proto__',
  ],
  ['a reference out of the document', { $ref: 'other.json' }, '$ref'],
  ['a reference to nowhere', { $ref: '#/$defs/x' }, '$ref'],
  [
    'a reference beside a keyword',
    { $ref: '#/$defs/x', minLength: 1, $defs: { x: { type: 'string' } } },
    '$ref',
  ],
  ['a circle of references', { $ref: '#' }, '$ref'],
];

for (const [name, document, path] of faulty) {
  test(`the profile refuses ${name}`, () => {
    const { schema, faults } = readSchema(document);
    assert.equal(schema, undefined);
    assert.ok(
      faults.some((fault) => fault.path.join('.') === path),
      JSON.stringify(faults),
    );
  });
}

test('a schema that contains itself is refused once, not thousands of times', () => {
  const tree = { type: 'object', properties: { left: { $ref: '#' }, right: { $ref: '#' } } };
  const { schema, faults } = readSchema(tree);
  assert.equal(schema, undefined);
  assert.ok(faults.length < 10, String(faults.length));
});

test('all faults are told at once', () => {
  const { faults } = readSchema({
    type: 'object',
    properties: { a: { type: 'x' }, b: { type: 'string', format: 'y' }, c: {} },
  });
  assert.deepEqual(faults.map(({ path }) => path.join('.')).sort(), [
    'properties.a.type',
    'properties.b.format',
    'properties.c',
  ]);
});

test('references are resolved, annotations are left out, members are sorted', () => {
  const { schema } = readSchema({
    title: 'x',
    type: 'object',
    properties: { b: { $ref: '#/$defs/n~1m' }, a: { const: 1, type: 'integer', description: 'y' } },
    required: ['b', 'b', 'a'],
    $defs: { 'n/m': { type: ['null', 'string'], maxLength: 3 } },
  });
  const a = { type: 'integer', enum: [1] };
  const b = { type: ['string', 'null'], maxLength: 3 };
  const shape = { type: 'object', properties: { a, b }, additionalProperties: false };
  assert.equal(JSON.stringify(schema), JSON.stringify({ ...shape, required: ['a', 'b'] }));
});

test('every format of the profile has a check', () => {
  assert.deepEqual(Object.keys(formats), knownFormats);
  const cases: Record<string, readonly [string[], string[]]> = {
    date: [['2024-02-29'], ['2023-02-29', '2024-13-01', '24-01-01', '']],
    'date-time': [
      ['2024-02-29T23:59:59.5+08:00'],
      ['2024-02-30T00:00:00Z', '2024-01-01 00:00:00Z', '2024-01-01T24:00:00Z'],
    ],
    email: [['a.b@example.com'], ['a@b@c', 'a', '@x', 'a b@c']],
    uuid: [['123e4567-e89b-12d3-a456-426614174000'], ['123e4567e89b12d3a456426614174000']],
  };
  for (const [format, [good, bad]] of Object.entries(cases)) {
    for (const text of good) assert.equal(formats[format]?.(text), true, text);
    for (const text of bad) assert.equal(formats[format]?.(text), false, text);
  }
});

const scalarSchema = fc.oneof(
  fc.record(
    {
      type: fc.constantFrom('string', ['string', 'null']),
      minLength: fc.nat(3),
      maxLength: fc.nat(6),
      pattern: fc.constantFrom('^a', 'b$', '^[a-c]{1,3}$'),
    },
    { requiredKeys: ['type'] },
  ),
  fc.record(
    {
      type: fc.constantFrom('integer', 'number', ['integer', 'string']),
      minimum: fc.integer({ min: -3, max: 3 }),
      exclusiveMaximum: fc.integer({ min: -3, max: 5 }),
      multipleOf: fc.constantFrom(1, 2, 0.5),
    },
    { requiredKeys: ['type'] },
  ),
  fc.record(
    { type: fc.constant(['boolean', 'null', 'string']), enum: fc.constant([true, null, 'a']) },
    { requiredKeys: ['type'] },
  ),
);
const { schema: anySchema } = fc.letrec<{ schema: unknown }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3 },
    scalarSchema,
    fc.record({
      type: fc.constantFrom('object', ['object', 'null']),
      properties: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('schema'), {
        noNullPrototype: true,
      }),
    }),
    fc.record(
      {
        type: fc.constant('array'),
        items: tie('schema'),
        minItems: fc.nat(2),
        maxItems: fc.nat(4),
      },
      { requiredKeys: ['type', 'items'] },
    ),
  ),
}));
const { value: anyValue } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<Json>('', 'a', 'ab', 'abc', 'b', '𝄞', 0, 1, -2, 2.5, 4, true, false, null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), tie('value'), { noNullPrototype: true }),
  ),
}));

/** A document that a schema was written for, so that agreement is not only agreement to refuse. */
function fitting(schema: Schema, salt: number): Json {
  const type =
    typeof schema.type === 'string' ? schema.type : schema.type[salt % schema.type.length];
  if (type === 'object') {
    return Object.fromEntries(
      Object.entries(schema.properties ?? {}).map(([name, inner]) => [
        name,
        fitting(inner, salt + 1),
      ]),
    );
  }
  if (type === 'array' && schema.items)
    return Array.from({ length: schema.minItems ?? 1 }, () =>
      fitting(schema.items as Schema, salt),
    );
  const plain: Readonly<Record<string, Json>> = {
    string: 'ab',
    integer: 2,
    number: 1.5,
    boolean: true,
  };
  return plain[type ?? ''] ?? null;
}

test('the walk accepts exactly the documents that Ajv accepts', () => {
  const ajv = new Ajv2020({ strict: false });
  let accepted = 0;
  fc.assert(
    fc.property(anySchema, anyValue, fc.nat(5), (document, random, salt) => {
      const { schema, faults } = readSchema(document);
      assert.ok(schema, JSON.stringify(faults));
      const oracle = ajv.compile(schema);
      for (const value of [random, fitting(schema, salt)]) {
        assert.equal(fits(schema, value), oracle(value), JSON.stringify([schema, value]));
        if (oracle(value)) accepted += 1;
      }
    }),
    { seed: 1, numRuns: 400 },
  );
  assert.ok(accepted > 100, `only ${accepted} documents were accepted`);
});

test('a document is rebuilt in the order of the schema', () => {
  const { schema } = readSchema({
    type: 'object',
    properties: { a: { type: 'integer' }, b: { type: 'integer' } },
  });
  assert.ok(schema);
  const walk = compileWalk({
    schema,
    fields: everyField,
    masks: undefined,
    mode: 'verify',
    code: 'SCHEMA_REFUSED',
  });
  assert.equal(JSON.stringify(walk({ b: 1, a: 2 }, { dropped: 0, rules: {} })), '{"a":2,"b":1}');
});

test('names of Object.prototype are members like others', () => {
  const { schema } = readSchema({
    type: 'object',
    required: ['toString'],
    properties: { toString: { type: 'string' } },
  });
  assert.ok(schema);
  assert.equal(fits(schema, {}), false);
  assert.equal(fits(schema, { toString: 'x' }), true);
  assert.equal(fits(schema, JSON.parse('{"toString":"x","__proto__":1}')), false);
});
