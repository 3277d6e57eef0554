import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import { type Registry, startRegistry } from '@sallyport/examples/citizen-registry/server.ts';

let registry: Registry;
const people = makePeople(300, 3);

before(async () => {
  registry = await startRegistry({ count: 300, seed: 3 });
});
after(() => registry.close());

async function ask(path: string, init?: RequestInit): Promise<{ status: number; body: unknown }> {
  const response = await fetch(registry.url + path, init);
  return { status: response.status, body: await response.json() };
}

const post = (body: string): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body,
});

test('a citizen is found by its id', async () => {
  const before = registry.calls.get;
  assert.deepEqual(await ask('/citizens/c-000123'), { status: 200, body: people[122] });
  assert.equal(registry.calls.get, before + 1);
});

test('a list has the total and one page of one district', async () => {
  const district = people[0]?.address.district ?? '';
  const inside = people.filter((one) => one.address.district === district);
  const path = `/citizens?district=${encodeURIComponent(district)}&page=2&size=3`;
  const body = { total: inside.length, page: 2, size: 3, items: inside.slice(3, 6) };
  assert.deepEqual(await ask(path), { status: 200, body });
});

test('each change of address takes effect once and has a reference of its own', async () => {
  const address = { province: '福建省', city: '厦门市', district: '思明区', street: '示例路1号' };
  const before = registry.calls.change;
  const first = await ask('/citizens/c-000009/address-changes', post(JSON.stringify(address)));
  const again = await ask('/citizens/c-000009/address-changes', post(JSON.stringify(address)));
  assert.equal(first.status, 201);
  assert.notDeepEqual(first.body, again.body);
  assert.equal(registry.calls.change, before + 2);
  const { body } = await ask('/citizens/c-000009');
  assert.deepEqual(body, { ...people[8], address });
});

test('what is wrong is answered with problem details and has no effect', async () => {
  const before = registry.calls.change;
  const cases: [string, RequestInit | undefined, number][] = [
    ['/citizens/c-999999', undefined, 404],
    ['/nothing', undefined, 404],
    ['/citizens/c-000001/more/parts', undefined, 404],
    ['/citizens/c-000001', { method: 'DELETE' }, 405],
    ['/healthz', { method: 'POST' }, 405],
    ['/citizens?size=201', undefined, 400],
    ['/citizens?page=0', undefined, 400],
    ['/citizens?page=x', undefined, 400],
    ['/citizens/c-999999/address-changes', post('{}'), 404],
    ['/citizens/c-000001/address-changes', post('{"city":1}'), 400],
    ['/citizens/c-000001/address-changes', post('no JSON'), 400],
    ['/citizens/c-000001/address-changes', post(`"${'x'.repeat(70_000)}"`), 400],
  ];
  for (const [path, init, status] of cases) {
    const response = await fetch(registry.url + path, init);
    assert.equal(response.status, status, path);
    assert.equal(response.headers.get('content-type'), 'application/problem+json');
    const body = (await response.json()) as Record<string, unknown>;
    assert.deepEqual([body.type, body.status], ['about:blank', status]);
  }
  assert.equal(registry.calls.change, before);
});

test('healthz says that the registry answers', async () => {
  assert.deepEqual(await ask('/healthz'), { status: 200, body: { status: 'ok', citizens: 300 } });
});

test('a taken port is an error', async () => {
  const port = Number(new URL(registry.url).port);
  await assert.rejects(startRegistry({ port, count: 1 }), { code: 'EADDRINUSE' });
});
