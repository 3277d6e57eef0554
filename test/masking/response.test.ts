import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '@sallyport/shared/content/json.ts';
import { readSchema, type Schema } from '@sallyport/shared/content/schema.ts';
import {
  checkRelease,
  maskResponse,
  type ReleasePlan,
} from '@sallyport/shared/masking/response.ts';
import { compileResponse } from '@sallyport/shared/masking/rules.ts';
import type { Mask } from '@sallyport/shared/masking/transforms.ts';
import fc from 'fast-check';

const refused = { code: 'RESPONSE_REFUSED' };

function planOf(
  document: unknown,
  fields: readonly string[],
  masks: readonly Mask[] = [],
  open: readonly string[] = [],
): ReleasePlan {
  const { schema, faults } = readSchema(document);
  assert.ok(schema, JSON.stringify(faults));
  const detect = { hit: 'mask', open } as const;
  const rewrites = compileResponse(schema, fields, masks, { detect });
  return { statuses: [200, 204], responseHeaders: [], ...rewrites };
}

const answer = (value: unknown, status = 200, contentType = 'application/json') => ({
  status,
  contentType,
  body: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
});

/** As the outer node checks it. */
const proven = (plan: ReleasePlan, body: Buffer, status = 200): Buffer =>
  checkRelease(plan, { status, body }).body;

const person = {
  type: 'object',
  required: ['id', 'name'],
  properties: {
    id: { type: 'integer' },
    name: { type: 'string' },
    phone: { type: ['string', 'integer'] },
    tags: { type: 'array', items: { type: 'string' } },
    address: {
      type: ['object', 'null', 'string'],
      required: ['street'],
      properties: { street: { type: 'string' }, district: { type: 'string' } },
    },
  },
};
const list = { type: 'array', items: person };

function release(plan: ReleasePlan, value: unknown) {
  const { body, ...rest } = maskResponse(plan, answer(value));
  assert.deepEqual(proven(plan, body), body);
  return { ...rest, value: JSON.parse(body.toString()) as unknown };
}

test('only granted fields leave, and what was left out is counted', () => {
  const plan = planOf(person, ['$.name', '$.address.district'], [], ['$.name']);
  const value = {
    id: 1,
    name: '张三',
    surplus: { a: 1 },
    address: { street: 'x', district: 'y', z: 1 },
  };
  assert.deepEqual(release(plan, value), {
    value: { address: { district: 'y' }, name: '张三' },
    rules: {},
    fieldsDropped: 4,
  });
});

test('a required field that the consumer may not see does not matter', () => {
  assert.deepEqual(release(planOf(person, ['$.name']), { name: 'a' }).value, { name: 'a' });
});

test('a required field that the consumer may see must be there', () => {
  assert.throws(() => maskResponse(planOf(person, ['$.name']), answer({ id: 1 })), refused);
});

test('a granted field must fit its schema, another need not', () => {
  assert.throws(() => maskResponse(planOf(person, ['$.name']), answer({ name: 5 })), refused);
  assert.deepEqual(release(planOf(person, ['$.name']), { name: 'a', id: 'no integer' }).value, {
    name: 'a',
  });
});

test('a grant of a container gives all that the schema names in it', () => {
  assert.deepEqual(
    release(planOf(person, ['$.address', '$.tags']), {
      id: 1,
      name: 'a',
      address: { street: 's', x: 1 },
      tags: ['t'],
    }).value,
    {
      address: { street: 's' },
      tags: ['t'],
    },
  );
});

test('a value in place of a container of which only a part is granted does not leave', () => {
  const plan = planOf(person, ['$.id', '$.address.district']);
  assert.deepEqual(release(plan, { id: 1, name: 'a', address: 'sentinel' }).value, { id: 1 });
  assert.deepEqual(release(plan, { id: 1, name: 'a', address: null }).value, {
    id: 1,
    address: null,
  });
  assert.throws(() => proven(plan, Buffer.from('{"id":1,"address":"sentinel"}')), refused);
});

test('lists, lists at the root and lists below are walked item by item', () => {
  const masks: Mask[] = [{ field: '$[*].name', transform: 'surname' }];
  assert.deepEqual(
    release(planOf(list, ['$[*].name'], masks), [
      { id: 1, name: '张三' },
      { id: 2, name: '李四四' },
    ]),
    {
      value: [{ name: '张*' }, { name: '李**' }],
      rules: { 'surname $[*].name': 2 },
      fieldsDropped: 2,
    },
  );
});

test('masks on items of a list hide or drop each of them', () => {
  const value = { id: 1, name: 'a', tags: ['x', 'y'] };
  const masked = (transform: 'fixed' | 'drop') =>
    release(planOf(person, ['$.tags'], [{ field: '$.tags[*]', transform }]), value).value;
  assert.deepEqual(masked('fixed'), { tags: ['***', '***'] });
  assert.deepEqual(masked('drop'), { tags: [] });
});

test('a mask hides a value of a type that it cannot read', () => {
  const plan = planOf(
    person,
    ['$.phone'],
    [{ field: '$.phone', transform: 'keep', first: 3, last: 4 }],
  );
  assert.deepEqual(release(plan, { id: 1, name: 'a', phone: 13800138000 }).value, { phone: '***' });
  assert.throws(() => maskResponse(plan, answer({ phone: { number: '13800138000' } })), refused);
});

test('a mask on a container hides all of it', () => {
  const plan = planOf(person, ['$.address', '$.id'], [{ field: '$.address', transform: 'null' }]);
  assert.deepEqual(release(plan, { id: 1, name: 'a', address: { street: 's' } }), {
    value: { address: null, id: 1 },
    rules: { 'null $.address': 1 },
    fieldsDropped: 1,
  });
});

test('of an ungranted field no mask makes a granted one', () => {
  const plan = planOf(person, ['$.id'], [{ field: '$.name', transform: 'fixed' }]);
  assert.deepEqual(release(plan, { id: 1, name: 'a' }).value, { id: 1 });
});

const bodies: readonly (readonly [string, string])[] = [
  ['no JSON', '<html>'],
  ['an empty body', ''],
  ['duplicate names', '{"name":"a","name":"b"}'],
  ['a scalar where an object is expected', '5'],
  ['a list where an object is expected', '[]'],
  ['two documents', '{"name":"a"}{}'],
];
for (const [name, body] of bodies) {
  test(`an answer with ${name} is refused`, () => {
    assert.throws(() => maskResponse(planOf(person, ['$.name']), answer(body)), refused);
  });
}

test('another content type is refused', () => {
  const plan = planOf(person, ['$.name']);
  for (const type of ['text/html', 'application/json-seq', 'application/json; charset=gbk', '']) {
    assert.throws(() => maskResponse(plan, answer('{"name":"a"}', 200, type)), refused, type);
  }
  assert.ok(maskResponse(plan, answer('{"name":"a"}', 200, 'Application/JSON; charset=UTF-8')));
});

test('not found and its kin cross as a status without a body', () => {
  for (const status of [404, 409, 410, 412, 422]) {
    assert.deepEqual(
      maskResponse(planOf(person, ['$.name']), answer({ detail: 'sentinel' }, status)),
      {
        body: Buffer.alloc(0),
        rules: {},
        fieldsDropped: 0,
      },
    );
  }
});

test('any other status that the route does not name is refused', () => {
  for (const status of [201, 301, 304, 400, 401, 403, 429, 500, 503, 999]) {
    assert.throws(
      () => maskResponse(planOf(person, ['$.name']), answer({ name: 'a' }, status)),
      refused,
    );
  }
});

test('204 and a route without response schema release no body', () => {
  assert.equal(maskResponse(planOf(person, ['$.name']), answer('x', 204)).body.length, 0);
  const silent: ReleasePlan = {
    statuses: [201],
    responseHeaders: [],
    release: undefined,
    verify: undefined,
  };
  assert.equal(maskResponse(silent, answer({ name: 'sentinel' }, 201)).body.length, 0);
  assert.throws(() => proven(silent, Buffer.from('{}'), 201), refused);
});

test('the far side refuses what the near side would never send', () => {
  const plan = planOf(
    person,
    ['$.name', '$.phone', '$.tags'],
    [
      { field: '$.name', transform: 'surname' },
      { field: '$.phone', transform: 'keep', first: 3, last: 4 },
      { field: '$.tags', transform: 'drop' },
    ],
  );
  for (const value of [
    { name: '张*', id: 1 },
    { name: '张*', unknown: 1 },
    { name: '张三' },
    { name: '张*', phone: '13800138000' },
    { name: '张*', phone: 13800138000 },
    { name: '张*', tags: [] },
    { phone: '138****8000' },
    [],
  ]) {
    assert.throws(
      () => proven(plan, Buffer.from(JSON.stringify(value))),
      refused,
      JSON.stringify(value),
    );
  }
  assert.throws(() => proven(plan, Buffer.from('{"name":"张*","name":"张*"}')), refused);
  assert.ok(proven(plan, Buffer.from('{"name":"张*","phone":"138****8000"}')));
  assert.equal(proven(plan, Buffer.alloc(0)).length, 0);
});

test('the far side refuses a status that the route does not name, and a body where none may be', () => {
  const plan = planOf(person, ['$.name'], []);
  const none = Buffer.alloc(0);
  for (const status of [100, 201, 299, 302, 401, 403, 500, 599]) {
    assert.throws(() => proven(plan, none, status), refused, String(status));
  }
  for (const status of [200, 204, 404, 409, 410, 412, 422]) {
    assert.equal(proven(plan, none, status).length, 0);
  }
  for (const status of [204, 404, 409, 410, 412, 422]) {
    assert.throws(() => proven(plan, Buffer.from('{"name":"a"}'), status), refused, String(status));
  }
});

test('no error holds a value', () => {
  const plan = planOf(person, ['$.name', '$.id']);
  for (const value of [{ id: 'sentinel', name: 'a' }, { name: { sentinel: 1 } }, 'sentinel']) {
    assert.throws(
      () => maskResponse(plan, answer(JSON.stringify(value))),
      (error: Error) => !error.message.includes('sentinel'),
    );
  }
});

/** Schemas over few names, so that random documents and grants meet them often. */
const names = ['a', 'b', 'c'] as const;
const { schema: anySchema } = fc.letrec<{ schema: Schema }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<Schema>({ type: ['string', 'integer'] }, { type: ['string', 'null'] }),
    fc.record({
      type: fc.constantFrom('object', ['object', 'string'] as const),
      properties: fc.dictionary(fc.constantFrom(...names), tie('schema'), {
        noNullPrototype: true,
      }),
    }) as fc.Arbitrary<Schema>,
    fc.record({ type: fc.constant('array' as const), items: tie('schema') }),
  ),
}));
const rootSchema = fc.record({
  type: fc.constant('object'),
  properties: fc.dictionary(fc.constantFrom(...names), anySchema, {
    noNullPrototype: true,
    minKeys: 1,
  }),
});

/** All paths of a schema, without the root. */
function pathsOf(schema: Schema, at = '$'): string[] {
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, node]) => [
    `${at}.${name}`,
    ...pathsOf(node, `${at}.${name}`),
  ]);
  return schema.items ? [...below, `${at}[*]`, ...pathsOf(schema.items, `${at}[*]`)] : below;
}

/** A document in which each plain value names its own path, with surplus members strewn in. */
function documentOf(schema: Schema, at: string, salt: number): Json {
  const types = typeof schema.type === 'string' ? [schema.type] : schema.type;
  const type = types[salt % types.length];
  if (type === 'object') {
    const members = Object.entries(schema.properties ?? {});
    return {
      ...Object.fromEntries(
        members.map(([name, node]) => [name, documentOf(node, `${at}.${name}`, salt + 1)]),
      ),
      surplus: `<${at}.surplus>`,
    };
  }
  if (type === 'array' && schema.items)
    return [
      documentOf(schema.items, `${at}[*]`, salt),
      documentOf(schema.items, `${at}[*]`, salt + 1),
    ];
  return type === 'string' ? `<${at}>` : type === 'integer' ? 777 : null;
}

const within = (outer: string, path: string) =>
  path === outer || path.startsWith(`${outer}.`) || path.startsWith(`${outer}[`);

test('for any schema, grant and masks: only what may leave does, and the far side agrees', () => {
  let released = 0;
  fc.assert(
    fc.property(
      rootSchema,
      fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(), { maxLength: 3 }),
      fc.nat(7),
      (document, grants, hides, salt) => {
        const { schema } = readSchema(document);
        assert.ok(schema);
        const paths = pathsOf(schema);
        const pick = (index: number) => paths[index % paths.length] ?? '$';
        const fields = [...new Set(grants.map(pick))];
        const hidden = [...new Set(hides.map(pick))].filter(
          (one, _, all) => !all.some((two) => one !== two && within(two, one)),
        );
        const transforms = ['drop', 'null', 'fixed'] as const;
        const masks = hidden.map(
          (field, index): Mask => ({ field, transform: transforms[(salt + index) % 3] ?? 'drop' }),
        );
        const plan = planOf(document, fields, masks);
        const text = JSON.stringify(documentOf(schema, '$', salt));
        let body: Buffer;
        try {
          body = maskResponse(plan, answer(text)).body;
        } catch (error) {
          assert.ok(error instanceof Error && 'code' in error);
          assert.equal(error.code, 'RESPONSE_REFUSED');
          return;
        }
        released += 1;
        for (const [, path = ''] of body.toString().matchAll(/<([^>]*)>/g)) {
          assert.ok(
            fields.some((field) => within(field, path)),
            `${path} was not granted`,
          );
          assert.ok(!hidden.some((mask) => within(mask, path)), `${path} was masked`);
          assert.ok(!path.endsWith('surplus'), `${path} is in no schema`);
        }
        assert.deepEqual(proven(plan, body), body);
      },
    ),
    { seed: 1, numRuns: 1000 },
  );
  assert.ok(released > 500, `only ${released} documents were released`);
});
