/** A newer OpenAPI document of a service: told, never written. Masks are proposed, never opened. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatChange } from '@sallyport/shared/policy/diff.ts';
import { policyFromOpenApi, policyOfOpenApi } from '@sallyport/shared/policy/openapi.ts';
import { refreshFromOpenApi } from '@sallyport/shared/policy/openapi-refresh.ts';

const options = { service: 'people', upstream: 'http://127.0.0.1:9100' };
const person = { name: { type: 'string' }, mobile: { type: 'string' }, note: { type: 'string' } };
const get = (properties: object) => ({
  get: {
    operationId: 'getPerson',
    responses: {
      200: { content: { 'application/json': { schema: { type: 'object', properties } } } },
    },
  },
});
const documentOf = (paths: object): string => JSON.stringify({ openapi: '3.1.0', paths });
const document = documentOf({ '/people/{id}': get(person) });

test('a document that did not change gives no difference', () => {
  const policy = policyOfOpenApi(document, options);
  assert.deepEqual(refreshFromOpenApi(policy, 'people', document), []);
  const renamed = documentOf({ '/people/{number}': get(person) });
  assert.equal(
    refreshFromOpenApi(policy, 'people', renamed).every(({ part }) => part === 'GET /people/{}'),
    true,
  );
});

test('routes and fields that came or went are told by method and path', () => {
  const policy = policyOfOpenApi(document, options);
  const { note: _note, ...rest } = person;
  const newer = documentOf({
    '/people/{id}': get({ ...rest, birthday: { type: 'string' } }),
    '/people': get(person),
  });
  const lines = refreshFromOpenApi(policy, 'people', newer).map(formatChange);
  assert.ok(lines.includes('+ GET /people'));
  assert.ok(lines.some((line) => /^~ GET \/people\/\{\} .*birthday/.test(line)));
  assert.ok(lines.some((line) => /^~ GET \/people\/\{\} .*note/.test(line)));
  const gone = refreshFromOpenApi(policyOfOpenApi(newer, options), 'people', document);
  assert.ok(gone.map(formatChange).includes('- GET /people'));
});

test('an unknown service and a document that is none are refused', () => {
  const policy = policyOfOpenApi(document, options);
  for (const [service, text] of [
    ['nobody', document],
    ['people', '{}'],
    ['people', documentOf({})],
  ] as const) {
    assert.throws(() => refreshFromOpenApi(policy, service, text), { code: 'POLICY_INVALID' });
  }
});

test('a mask is proposed by the name of a field, or by its samples; the value stays hidden', () => {
  const seen = '13812345678';
  const samples = (field: string) => (field === '$.note' ? [seen, seen] : []);
  const { yaml } = policyFromOpenApi(document, { ...options, samples });
  assert.match(
    yaml,
    /field: \$\.mobile, transform: fixed \} # mobile, by its name: transform: keep/,
  );
  assert.match(
    yaml,
    /field: \$\.note, transform: fixed \} # mobile, 2 samples: transform: keep, first: 3/,
  );
  assert.ok(!yaml.includes(seen));
  const { masks } =
    policyOfOpenApi(document, { ...options, samples }).services[0]?.routes[0]?.response ?? {};
  assert.deepEqual(new Set(masks?.map(({ transform }) => transform)), new Set(['fixed']));
});
