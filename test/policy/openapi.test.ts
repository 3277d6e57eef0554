import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maskResponse } from '@sallyport/shared/masking/response.ts';
import { requirePolicy } from '@sallyport/shared/policy/check.ts';
import { compilePolicy } from '@sallyport/shared/policy/compile.ts';
import { decide, matchRoute } from '@sallyport/shared/policy/decide.ts';
import type { Policy, Route } from '@sallyport/shared/policy/model.ts';
import { policyFromOpenApi } from '@sallyport/shared/policy/openapi.ts';
import fc from 'fast-check';

const options = { service: 'own-api', upstream: 'http://127.0.0.1:9100' };
const refused = { code: 'POLICY_INVALID' };

const json = (schema: unknown) => ({
  description: '',
  content: { 'application/json': { schema } },
});
const get = (schema: unknown, rest: object = {}) => ({
  get: { responses: { 200: json(schema) }, ...rest },
});
const text = (paths: unknown, components: unknown = {}, openapi = '3.1.0') =>
  JSON.stringify({ openapi, info: { title: 't', version: '1' }, paths, components });

function policyOf(document: string): Policy {
  const made = policyFromOpenApi(document, options);
  const schemas = Object.entries(made.schemas).map(
    ([name, file]) => [name, { text: file }] as const,
  );
  return requirePolicy({
    file: 'policy.yaml',
    text: made.yaml,
    schemas: Object.fromEntries(schemas),
  });
}

function routeOf(document: string): Route {
  const [route] = policyOf(document).services[0]?.routes ?? [];
  assert.ok(route);
  return route;
}

const masksOf = (schema: unknown, components?: unknown) =>
  routeOf(text({ '/x': get(schema) }, components)).response.masks.map(
    ({ field, transform }) => `${transform} ${field}`,
  );

test('every value of an answer is masked by default', () => {
  const pet = {
    type: 'object',
    properties: {
      name: { type: 'string' },
      age: { type: 'integer' },
      tags: { type: 'array', items: { type: 'string' } },
      owner: { $ref: '#/components/schemas/owner' },
    },
  };
  const owner = { type: 'object', properties: { vip: { type: 'boolean' } } };
  assert.deepEqual(masksOf(pet, { schemas: { owner } }), [
    'null $.age',
    'fixed $.name',
    'null $.owner.vip',
    'fixed $.tags[*]',
  ]);
  assert.deepEqual(
    masksOf({ type: 'array', items: pet }, { schemas: { owner } })[0],
    'null $[*].age',
  );
  const both = { type: ['string', 'object'], properties: { name: { type: 'string' } } };
  const lists = { type: ['integer', 'array'], items: { type: 'string' } };
  const several = masksOf({ type: 'object', properties: { both, lists } });
  assert.deepEqual(several, ['fixed $.both', 'fixed $.lists']);
});

test('with the starting policy a call works and tells nothing', () => {
  const document = text({
    '/pets': get({
      type: 'array',
      items: {
        type: 'object',
        required: ['id'],
        properties: { id: { type: 'integer' }, name: { type: 'string', nullable: true } },
      },
    }),
  });
  const compiled = compilePolicy(policyOf(document));
  const match = matchRoute(compiled, 'GET', '/pets');
  const decision = decide(compiled, { consumer: { name: 'first-consumer' }, match, nowMs: 0 });
  const body = Buffer.from('[{"id":1,"name":"sentinel","more":"sentinel"},{"id":2,"name":null}]');
  const masked = maskResponse(decision, { status: 200, contentType: 'application/json', body });
  assert.equal(masked.body.toString(), '[{"id":null,"name":"***"},{"id":null,"name":"***"}]');
});

test('parameters and bodies become closed schemas', () => {
  const parameters = [
    { name: 'id', in: 'path', required: true, schema: { type: 'integer', minimum: 1 } },
    { name: 'size', in: 'query', schema: { type: 'integer', default: 5, format: 'int32' } },
    {
      name: 'filter',
      in: 'query',
      schema: { type: 'object', properties: { a: { type: 'string' } } },
    },
    { $ref: '#/components/parameters/tag' },
  ];
  const post = {
    parameters,
    operationId: 'updatePet',
    requestBody: json({ type: 'object', properties: { n: { type: 'number' } }, required: ['n'] }),
    responses: {
      204: { description: '' },
      201: json({ type: 'object', properties: { ok: { type: 'boolean' } } }),
    },
  };
  const tag = {
    name: 'tag',
    in: 'query',
    required: true,
    schema: { type: 'array', items: { type: 'string' } },
  };
  const route = routeOf(text({ '/pets/{id}': { post } }, { parameters: { tag } }));
  assert.equal(route.name, 'update-pet');
  assert.deepEqual(route.response.statuses, [201, 204]);
  assert.deepEqual(route.request.params?.properties, { id: { type: 'integer', minimum: 1 } });
  assert.deepEqual(Object.keys(route.request.query?.properties ?? {}), ['size', 'tag']);
  assert.deepEqual(route.request.query?.required, ['tag']);
  assert.deepEqual(route.request.body?.required, ['n']);
});

test('OpenAPI 3.0 forms are understood: nullable, allOf, boolean exclusiveMinimum', () => {
  const base = {
    type: 'object',
    required: ['a'],
    properties: { a: { type: 'string', nullable: true } },
  };
  const schema = {
    allOf: [
      { $ref: '#/components/schemas/base' },
      { properties: { b: { type: 'number', minimum: 0, exclusiveMinimum: true } } },
    ],
  };
  const route = routeOf(text({ '/x': get(schema) }, { schemas: { base } }, '3.0.3'));
  assert.deepEqual(route.response.schema?.properties, {
    a: { type: ['string', 'null'] },
    b: { type: 'number', minimum: 0 },
  });
  assert.deepEqual(route.response.schema?.required, ['a']);
});

test('what cannot be closed is left out and told', () => {
  const made = policyFromOpenApi(
    text(
      {
        '/x': get({
          type: 'object',
          properties: {
            free: { type: 'object', additionalProperties: true },
            choice: { oneOf: [{ type: 'string' }, { type: 'integer' }] },
            perhaps: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
            untyped: {},
            circle: { $ref: '#/components/schemas/circle' },
            remote: { $ref: 'https://example.com/x.json' },
            file: { type: 'string', contentEncoding: 'base64' },
            old: { type: 'string', format: 'binary' },
            slow: { type: 'string', pattern: '(a+)+$' },
            "quo'te": { type: 'string' },
          },
        }),
        '/upload': {
          post: { requestBody: { content: { 'multipart/form-data': {} } }, responses: {} },
        },
        '/half-{id}': get({ type: 'string' }),
        '/exchanges/x': get({ type: 'string' }),
      },
      { schemas: { circle: { $ref: '#/components/schemas/circle' } } },
    ),
    options,
  );
  for (const line of [
    '$.free left out',
    '$.choice left out',
    '$.untyped left out',
    '$.circle left out',
    '$.remote left out',
    '$.file left out: a file',
    '$.old left out: a file',
    'POST /upload: its request body',
    'GET /half-{id}: its path',
    'GET /exchanges/x: its path',
  ]) {
    assert.ok(made.yaml.includes(line), `${line}\n${made.yaml}`);
  }
  const schema: unknown = JSON.parse(made.schemas['schemas/get-x-response.json'] ?? '');
  assert.deepEqual(schema, {
    type: 'object',
    properties: { perhaps: { type: ['integer', 'null'] }, slow: { type: 'string' } },
    additionalProperties: false,
  });
});

test('a circle below members ends', () => {
  const node = {
    type: 'object',
    properties: {
      v: { type: 'string' },
      left: { $ref: '#/components/schemas/node' },
      right: { $ref: '#/components/schemas/node' },
    },
  };
  const { schema } = routeOf(
    text({ '/x': get({ $ref: '#/components/schemas/node' }) }, { schemas: { node } }),
  ).response;
  assert.deepEqual(Object.keys(schema?.properties ?? {}), ['v']);
});

test('routes of one name get names of their own, and equal paths are taken once', () => {
  const made = policyFromOpenApi(
    text({
      '/a/{x}': get(
        { type: 'object', properties: { a: { type: 'string' } } },
        { operationId: 'same' },
      ),
      '/a/{y}': get({}, { operationId: 'same' }),
      '/b': get({}, { operationId: 'same' }),
    }),
    options,
  );
  assert.deepEqual(made.routes, [
    { flow: 'own-api/same', method: 'GET', path: '/a/{x}' },
    { flow: 'own-api/same-2', method: 'GET', path: '/b' },
  ]);
  assert.ok(made.yaml.includes('another route has the same path'));
});

const hostile: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['no document', '[]'],
  ['a broken text', '{'],
  ['Swagger 2', JSON.stringify({ swagger: '2.0', paths: { '/x': get({}) } })],
  ['no paths', JSON.stringify({ openapi: '3.1.0' })],
  ['paths without routes', text({})],
  ['only routes that cannot be closed', text({ '/../x': get({}), x: get({}), '/a b': get({}) })],
  ['an alias bomb', 'openapi: 3.1.0\na: &a [1]\npaths: { /x: *a }'],
  ['too deep nesting', `{"openapi":"3.1.0","paths":${'['.repeat(50_000)}`],
  ['a text beyond the limit', ' '.repeat(4 * 2 ** 20 + 1)],
  [
    'too many routes',
    text(Object.fromEntries(Array.from({ length: 501 }, (_, index) => [`/r${index}`, get({})]))),
  ],
];
for (const [name, document] of hostile) {
  test(`refuses ${name}`, () => {
    assert.throws(() => policyFromOpenApi(document, options), refused);
  });
}

test('a wrong upstream or service name is refused', () => {
  const document = text({ '/x': get({}) });
  for (const wrong of [
    { upstream: 'ftp://x' },
    { upstream: 'x"\n- y' },
    { service: 'Own API' },
    { service: 'a\n  b' },
  ]) {
    assert.throws(() => policyFromOpenApi(document, { ...options, ...wrong }), refused);
  }
});

test('no text of the document writes YAML of its own', () => {
  const evil = 'x\n    level: core\n# ';
  const made = policyFromOpenApi(
    text({
      '/x': {
        get: {
          operationId: evil,
          summary: evil,
          parameters: [{ name: evil, in: 'query', schema: { type: 'string' } }],
          responses: {
            200: json({
              type: 'object',
              properties: {
                [evil]: { type: 'string' },
                'a: b # c': { type: 'string' },
                'ok\u2028x': {},
              },
            }),
          },
        },
      },
      [`/y${evil}`]: get({}),
    }),
    options,
  );
  assert.ok(made.yaml.split('\n').filter((line) => /^\s+level:/.test(line)).length === 1);
});

test('any document makes a policy or is refused, never anything else', () => {
  const { schema } = fc.letrec<{ schema: unknown }>((tie) => ({
    schema: fc.oneof(
      { maxDepth: 3 },
      fc.jsonValue({ maxDepth: 1 }),
      fc.constantFrom(
        { type: 'string' },
        { $ref: '#/components/schemas/a' },
        { $ref: '#' },
        { type: ['integer', 'null'] },
        { enum: ['a'] },
      ),
      fc.record(
        {
          type: fc.constant('object'),
          properties: fc.dictionary(
            fc.constantFrom('a', 'b', '__proto__', 'x y', "'", 'toString'),
            tie('schema'),
          ),
          required: fc.jsonValue({ maxDepth: 1 }),
        },
        { requiredKeys: ['type'] },
      ),
      fc.record({ type: fc.constant('array'), items: tie('schema') }),
      fc.record({ allOf: fc.array(tie('schema'), { maxLength: 2 }) }),
    ),
  }));
  const path = fc.constantFrom(
    '/a',
    '/a/{b}',
    '/{b}/{b}',
    '/',
    '/a/',
    '/%41',
    '/é',
    '/{__proto__}',
    '/a.{b}',
  );
  let made = 0;
  fc.assert(
    fc.property(
      path,
      schema,
      schema,
      schema,
      fc.jsonValue({ maxDepth: 2 }),
      (where, answer, body, parameter, junk) => {
        const post = {
          responses: { 200: json(answer), default: junk },
          requestBody: json(body),
          parameters: [
            { name: 'b', in: 'path', schema: parameter },
            { name: 'q', in: 'query', schema: parameter },
            junk,
          ],
        };
        try {
          policyOf(text({ [where]: { post, get: junk } }, { schemas: { a: answer } }));
          made += 1;
        } catch (error) {
          assert.ok(error instanceof Error && 'code' in error, String(error));
          assert.equal(error.code, 'POLICY_INVALID');
          assert.match(error.message, /a route that can be closed/);
        }
      },
    ),
    { seed: 1, numRuns: 400 },
  );
  assert.ok(made > 30, `only ${made} policies were made`);
});
