/** openapi.json, the schemas of the sample policy and the server tell the same story. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import { startRegistry } from '@sallyport/examples/citizen-registry/server.ts';
import { Ajv2020 } from 'ajv/dist/2020.js';

interface Operation {
  responses: Record<string, { content: Record<string, { schema: { $ref: string } }> }>;
}

const folder = join(import.meta.dirname, '../../examples/citizen-registry');
const readJson = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(folder, name), 'utf8'));
const openapi = readJson('openapi.json');
const paths = openapi.paths as Record<string, Record<string, Operation>>;
const ajv = new Ajv2020({ strict: true, allErrors: true });
ajv.addVocabulary(['openapi', 'info', 'servers', 'paths', 'components']);
ajv.addSchema(openapi, 'openapi');

const componentOf = (path: string, method: string, status: number, type: string): string => {
  const schema = paths[path]?.[method]?.responses[status]?.content[type]?.schema;
  assert.ok(schema, `${method} ${path} ${status} ${type} is described`);
  return `openapi${schema.$ref}`;
};

function assertFits(validate: ReturnType<typeof ajv.compile>, value: unknown): void {
  assert.ok(validate(value), JSON.stringify(validate.errors?.[0]));
}

test('every answer of the server fits its description', async () => {
  const registry = await startRegistry({ count: 40 });
  try {
    const json = 'application/json';
    const problem = 'application/problem+json';
    const address = JSON.stringify(makePeople(1)[0]?.address);
    const cases: [string, string, string, number, string, string?][] = [
      ['get', '/citizens/{id}', '/citizens/c-000001', 200, json],
      ['get', '/citizens/{id}', '/citizens/c-000041', 404, problem],
      ['get', '/citizens', '/citizens?size=40', 200, json],
      ['get', '/citizens', '/citizens?size=0', 400, problem],
      ['get', '/healthz', '/healthz', 200, json],
      ['post', '/citizens/{id}/address-changes', changes(1), 201, json, address],
      ['post', '/citizens/{id}/address-changes', changes(1), 400, problem, '{}'],
      ['post', '/citizens/{id}/address-changes', changes(99), 404, problem, address],
    ];
    for (const [method, path, target, status, type, body] of cases) {
      const init = body === undefined ? {} : { method: 'POST', body };
      const response = await fetch(registry.url + target, init);
      assert.equal(response.status, status, target);
      const validate = ajv.getSchema(componentOf(path, method, status, type));
      assert.ok(validate);
      assertFits(validate, await response.json());
    }
  } finally {
    await registry.close();
  }
});

test('every citizen fits the schemas of the sample policy, and one more field does not', () => {
  const citizen = ajv.compile(readJson('policy/schemas/citizen.json'));
  const page = ajv.compile(readJson('policy/schemas/citizen-list.json'));
  const people = makePeople(2000, 5);
  for (const one of people) assertFits(citizen, one);
  const items = people.slice(0, 200);
  assertFits(page, { total: 2000, page: 1, size: 200, items });
  assert.equal(citizen({ ...people[0], passport: 'E00000000' }), false);
  assert.equal(
    page({ total: 1, page: 1, size: 1, items: [{ ...people[0], passport: '' }] }),
    false,
  );
});

test('the policy schemas say the same as the components of the description', () => {
  const pairs = [
    ['citizen.json', 'Citizen'],
    ['citizen-list.json', 'CitizenList'],
    ['address.json', 'Address'],
    ['address-change.json', 'AddressChange'],
  ] as const;
  const components = (openapi.components as { schemas: Record<string, unknown> }).schemas;
  const inlined = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(inlined);
    if (typeof value !== 'object' || value === null) return value;
    const { $ref } = value as { $ref?: string };
    if ($ref) return inlined(components[$ref.replace('#/components/schemas/', '')]);
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, inlined(one)]));
  };
  for (const [file, name] of pairs) {
    const { $schema, title, ...schema } = readJson(`policy/schemas/${file}`);
    assert.equal($schema, 'https://json-schema.org/draft/2020-12/schema');
    assert.equal(typeof title, 'string');
    assert.deepEqual(schema, inlined(components[name]));
  }
});

function changes(number: number): string {
  return `/citizens/c-${String(number).padStart(6, '0')}/address-changes`;
}
