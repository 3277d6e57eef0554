/** The outer node has fallen: what it invents with its own keys, the inner guard refuses by itself. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import type { ErrorCode } from '@sallyport/shared/errors.ts';
import type { MessageHeader, RequestHeader } from '@sallyport/shared/exchange/message.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { until } from '../until.ts';
import { type Fallen, fell, type Said } from './fallen.ts';
import { callHead, type Rig, startRig } from './rig.ts';

const [citizen] = makePeople(1, 7);
const reached: string[] = [];
let rig: Rig;
let outer: Fallen;
let usedId: string;

before(async () => {
  rig = await startRig({
    seed: 1,
    async upstream({ id, method }) {
      reached.push(id);
      if (method === 'POST') return { status: 201, body: { reference: 'ac-000001' } };
      return { status: 200, body: citizen };
    },
  });
  const key = await rig.issueKey('tax-bureau');
  await rig.applyPolicy();
  const call = callHead(key, 'GET', '/citizens/c-000001');
  await until(() =>
    rig.outer.edge.request('call', call).then(
      () => true,
      () => false,
    ),
  );
  usedId = call.id;
  outer = await fell(rig, 'outer');
  reached.length = 0;
});
after(() => rig.close());

function request(
  changes: Partial<RequestHeader> = {},
  body = '',
): Said & { header: RequestHeader } {
  const header: RequestHeader = {
    type: 'request',
    id: newId(),
    flow: 'citizen-registry/get-citizen',
    consumer: 'tax-bureau',
    deadlineMs: Date.now() + 10_000,
    method: 'GET',
    path: '/citizens/c-000001',
    query: [],
    headers: {},
    ...changes,
  };
  return { header, body };
}
const address = { province: '示例省', city: '示例市', district: '示例区', street: '示例路 2 号' };
const change = (body: unknown, changes: Partial<RequestHeader> = {}) =>
  request(
    {
      flow: 'citizen-registry/change-address',
      method: 'POST',
      path: '/citizens/c-000001/address-changes',
      contentType: 'application/json',
      ...changes,
    },
    JSON.stringify(body),
  );
const said = (header: object): Said => ({ header: { id: newId(), ...header } as MessageHeader });

const importLane = 'outer-1/inner-1/import/interactive';
const exportLane = 'inner-1/outer-1/export/interactive';
const receipt = { type: 'receipt', lane: exportLane, contiguous: 0, beyond: [], missing: [] };

const inventions: [string, () => Said, ErrorCode][] = [
  ['an unknown consumer', () => request({ consumer: 'nobody' }), 'GRANT_MISSING'],
  [
    'a route that is not granted',
    () => request({ flow: 'citizen-registry/list-citizens', path: '/citizens' }),
    'GRANT_MISSING',
  ],
  ['a flow without a grant', () => change(address, { consumer: 'school-board' }), 'GRANT_MISSING'],
  ['a path of no route', () => request({ path: '/admin/users' }), 'ROUTE_UNKNOWN'],
  ['a path with tricks', () => request({ path: '/citizens/../admin' }), 'PATH_REFUSED'],
  ['a path in another encoding', () => request({ path: '/citizens/c-00000%31' }), 'PATH_REFUSED'],
  ['a method of no route', () => request({ method: 'DELETE' }), 'METHOD_REFUSED'],
  [
    'a flow that is not the path',
    () => request({ flow: 'citizen-registry/change-address' }),
    'PACKAGE_MESSAGE',
  ],
  [
    'a header that the route does not name',
    () => request({ headers: { authorization: 'Basic cm9vdDpyb290' } }),
    'PACKAGE_MESSAGE',
  ],
  [
    'a query that the route does not have',
    () => request({ query: [['a', 'b']] }),
    'SCHEMA_REFUSED',
  ],
  ['a parameter out of its schema', () => request({ path: '/citizens/root' }), 'SCHEMA_REFUSED'],
  ['a body where none may be', () => request({}, '{}'), 'CONTENT_REFUSED'],
  ['an extra field', () => change({ ...address, admin: true }), 'SCHEMA_REFUSED'],
  [
    'a field twice',
    () => request({ ...change(0).header }, '{"city":"a","city":"b"}'),
    'JSON_REFUSED',
  ],
  [
    'another content type',
    () => change(address, { contentType: 'text/xml' }),
    'CONTENT_TYPE_REFUSED',
  ],
  ['a deadline that has passed', () => request({ deadlineMs: Date.now() - 1 }), 'DEADLINE_PASSED'],
  ['a consumer that is a text', () => request({ consumer: 'x'.repeat(5000) }), 'PACKAGE_MESSAGE'],
  ['a flow that is a text', () => request({ flow: 'a/b/<script>' }), 'PACKAGE_MESSAGE'],
  ['a trace that is a text', () => request({ traceparent: 'x'.repeat(60_000) }), 'PACKAGE_MESSAGE'],
  ['a message id that was used', () => request({ id: usedId }), 'MESSAGE_DUPLICATE'],
  [
    'a policy towards the inner node',
    () => said({ type: 'policy', version: 9 }),
    'PACKAGE_MESSAGE',
  ],
  [
    'a response towards the inner node',
    () =>
      said({
        ...{ type: 'response', correlationId: usedId, status: 200, headers: {} },
        requestDigest: '0'.repeat(64),
      }),
    'PACKAGE_MESSAGE',
  ],
  [
    'a receipt for what was never sent',
    () => said({ ...receipt, contiguous: 1_000_000 }),
    'PACKAGE_MESSAGE',
  ],
  [
    'a receipt for a place beyond the head',
    () => said({ ...receipt, beyond: [1_000_000] }),
    'PACKAGE_MESSAGE',
  ],
  ['a receipt for its own lane', () => said({ ...receipt, lane: importLane }), 'PACKAGE_MESSAGE'],
  [
    'a heartbeat of another lane',
    () => said({ type: 'heartbeat', lane: exportLane, head: 1_000_000 }),
    'PACKAGE_MESSAGE',
  ],
];

for (const [what, make, code] of inventions) {
  test(`${what} is refused (${code}) and recorded, and reaches no service`, async () => {
    const invented = make();
    await outer.send(invented);
    assert.equal(await outer.refusal(invented.header.id), code);
    assert.deepEqual(reached, []);
  });
}

test('what is refused costs only itself: a sound request beside it is served', async () => {
  const [bad, good] = [request({ consumer: 'x'.repeat(300) }), request()];
  await outer.send(said({ ...receipt, contiguous: 9_999 }), bad, good);
  await until(() => reached.includes(good.header.id));
  assert.equal(await outer.refusal(bad.header.id), 'PACKAGE_MESSAGE');
  reached.length = 0;
});

test('two messages under one id are one', async () => {
  const one = change(address);
  await outer.send(one, one);
  assert.equal(await outer.refusal(one.header.id), 'MESSAGE_DUPLICATE');
  await outer.send(one);
  await until(async () => {
    const events = await rig.inner.events();
    return events.filter(({ code }) => code === 'MESSAGE_DUPLICATE').length === 3;
  });
  assert.deepEqual(reached, [one.header.id]);
  reached.length = 0;
});

test('why something was refused is not told', async () => {
  await outer.received();
  const refused = [
    request({ consumer: 'nobody' }),
    request({ path: '/admin' }),
    request({ headers: { host: 'x' } }),
    change({ ...address, admin: true }),
  ];
  await outer.send(...refused);
  const told: unknown[] = [];
  await until(async () => {
    for (const { header, body } of await outer.received()) {
      if (header.type === 'response') told.push([header.error, header.status, body.length]);
    }
    return told.length === refused.length;
  });
  assert.deepEqual(told, new Array(refused.length).fill(['PEER_REFUSED', 502, 0]));
});

test('however often it asks for the policy, it gets it once in a while', async () => {
  await outer.received();
  const wish = () => said({ type: 'control', action: 'policy-wanted', version: 0 });
  await outer.send(...Array.from({ length: 500 }, wish));
  await outer.send(wish());
  const types: string[] = [];
  const look = async (): Promise<void> => {
    for (const { header } of await outer.received()) types.push(header.type);
  };
  await until(async () => {
    await look();
    return types.includes('policy');
  });
  await outer.send(request());
  await until(async () => {
    await look();
    return types.includes('response');
  });
  assert.equal(types.filter((type) => type === 'policy').length, 1);
});

test('no word of its inventions is in the audit log', async () => {
  const text = JSON.stringify(await rig.inner.events());
  for (const word of ['xxxx', 'script', 'Basic', 'root']) {
    assert.equal(text.includes(word), false, word);
  }
});
