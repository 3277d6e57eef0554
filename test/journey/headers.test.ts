/** Only the headers that a route names cross, in both directions. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { callHead, type Rig, startRig } from './rig.ts';

const policy = `
services:
  - name: clock
    owner: civil-affairs
    level: general
    upstream: { targets: [ { url: http://127.0.0.1:9100 } ] }
    routes:
      - name: now
        match: { methods: [GET], path: /now }
        request: { headers: [accept-language, x-case] }
        response: { schema: now.json, headers: [etag] }
      - name: put
        match: { methods: [PUT], path: /now }
        idempotencyKey: true
        request: { body: now.json }
        response: { statuses: [204] }
consumers:
  - { name: tax-bureau, credentials: [ { type: key } ] }
grants:
  - { consumer: tax-bureau, routes: [ clock/now ], fields: [ $.now ] }
  - { consumer: tax-bureau, routes: [ clock/put ] }
`;
const schema = {
  type: 'object',
  additionalProperties: false,
  required: ['now'],
  properties: { now: { type: 'string' } },
};

let rig: Rig;
let key: string;
const calls: { headers: object; idempotencyKey?: string; contentType?: string; id: string }[] = [];

before(async () => {
  const dir = temporaryFolder();
  writeFileSync(join(dir, 'policy.yaml'), policy);
  writeFileSync(join(dir, 'now.json'), JSON.stringify(schema));
  rig = await startRig({
    seed: 3,
    async upstream(call) {
      calls.push(call);
      const headers = { etag: '"7"', 'x-internal': '10.0.0.7', server: 'gunicorn', location: '/x' };
      if (call.method === 'PUT') return { status: 204, headers, body: '' };
      return { status: 200, headers, body: { now: 'noon' } };
    },
  });
  key = await rig.issueKey('tax-bureau');
  await rig.applyPolicy(dir);
  await until(async () => {
    const { head } = await rig.outer.admin.request('status');
    return (head as { policy: unknown }).policy !== null;
  });
});
after(() => rig.close());

const given = {
  'accept-language': 'zh',
  'x-case': 'A-1',
  authorization: 'Basic cm9vdDpyb290',
  cookie: 'session=1',
  'x-forwarded-for': '10.1.1.1',
  'user-agent': 'curl',
};

test('of a call, the named headers reach the service; of its answer, the named ones the caller', async () => {
  const call = callHead(key, 'GET', '/now', { headers: given });
  const { head, body } = await rig.outer.edge.request('call', call);
  assert.deepEqual(calls.at(-1)?.headers, { 'accept-language': 'zh', 'x-case': 'A-1' });
  assert.deepEqual(head, {
    status: 200,
    headers: { etag: '"7"' },
    contentType: 'application/json',
  });
  assert.deepEqual(JSON.parse(String(body)), { now: 'noon' });
});

test('a route that names no header lets none through, in either direction', async () => {
  const call = callHead(key, 'PUT', '/now', {
    headers: { ...given, 'content-type': 'application/json; charset=utf-8' },
  });
  const { head } = await rig.outer.edge.request('call', call, Buffer.from('{"now":"noon"}'));
  assert.deepEqual(calls.at(-1)?.headers, {});
  assert.deepEqual(head, { status: 204, headers: {} });
});

test('the service gets the type of what was written anew, and the key that its route promises', () => {
  const [read, write] = calls;
  assert.deepEqual([read?.contentType, read?.idempotencyKey], [undefined, undefined]);
  assert.deepEqual([write?.contentType, write?.idempotencyKey], ['application/json', write?.id]);
});
