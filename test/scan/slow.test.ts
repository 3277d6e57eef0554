/**
 * A scanner that is slow: an ICAP service behind a real socket that answers when the test lets it. Files wait
 * for it no longer than their time; calls without files do not wait at all.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { dialTo } from '@sallyport/shared/content/scan/adapter/dial.ts';
import { icapScanner } from '@sallyport/shared/content/scan/icap.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { callHead, type Rig, startRig } from '../journey/rig.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';

const waitMs = 4_000;
const policy = `
services:
  - name: registry
    owner: civil-affairs
    level: general
    upstream: { targets: [ { url: http://127.0.0.1:9100 } ] }
    routes:
      - name: put
        match: { methods: [POST], path: /documents }
        timeoutMs: 60000
        request: { body: document.json, files: [ { field: $.content, types: [ text ] } ] }
        response: { schema: plain.json }
      - name: hurry
        match: { methods: [POST], path: /hurry }
        timeoutMs: ${waitMs}
        request: { body: document.json, files: [ { field: $.content, types: [ text ] } ] }
        response: { schema: plain.json }
      - name: plain
        match: { methods: [GET], path: /plain }
        response: { schema: plain.json }
consumers:
  - { name: many, credentials: [ { type: key } ] }
  - { name: few, credentials: [ { type: key } ] }
grants:
  - { consumer: many, routes: [ registry/put, registry/hurry ], fields: [ $.ok ] }
  - { consumer: few, routes: [ registry/put, registry/plain ], fields: [ $.ok ] }
`;
const schemas = {
  'document.json': {
    type: 'object',
    properties: { content: { type: 'string', contentEncoding: 'base64' } },
  },
  'plain.json': { type: 'object', properties: { ok: { type: 'boolean' } } },
};

const options = 'ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\nPreview: 4096\r\nAllow: 204\r\n\r\n';
const clean = 'ICAP/1.0 204 No Content\r\n\r\n';

/** Keeps each file that it is given until it may answer. */
function slowService() {
  const given: string[] = [];
  const waiting = new Set<Socket>();
  const sockets = new Set<Socket>();
  let isSlow = true;
  const server = createServer((socket) => {
    let heard = '';
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      waiting.delete(socket);
    });
    socket.on('data', (data) => {
      const before = heard;
      heard += data.toString('latin1');
      if (!before.includes('\r\n\r\n') && heard.includes('\r\n\r\n')) socket.write(options);
      if (!heard.endsWith('0; ieof\r\n\r\n')) return;
      const [, content = ''] = /\r\n\r\n[0-9a-f]+\r\n(.*)\r\n0; ieof\r\n\r\n$/s.exec(heard) ?? [];
      if (content.startsWith('sallyport asks')) return void socket.write(clean);
      given.push(content);
      if (isSlow) waiting.add(socket);
      else socket.write(clean);
    });
  });
  return {
    server,
    given,
    waiting,
    goOn() {
      isSlow = false;
      for (const socket of waiting) socket.write(clean);
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

const service = slowService();
let rig: Rig;
const keys: Record<string, string> = {};
let calls = 0;

before(async () => {
  await new Promise<void>((resolve) => service.server.listen(0, '127.0.0.1', resolve));
  const address = service.server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const dial = dialTo({ host: '127.0.0.1', port: address.port });
  const dir = temporaryFolder();
  writeFileSync(join(dir, 'policy.yaml'), policy);
  for (const [name, schema] of Object.entries(schemas)) {
    writeFileSync(join(dir, name), JSON.stringify(schema));
  }
  rig = await startRig({
    seed: 5,
    scanners: { outer: [icapScanner(dial, 'icap://127.0.0.1/scan')], inner: [noScanner] },
    async upstream() {
      calls += 1;
      return { status: 200, body: {} };
    },
  });
  for (const consumer of ['many', 'few']) keys[consumer] = await rig.issueKey(consumer);
  await rig.applyPolicy(dir);
  await until(async () => {
    const { head } = await rig.outer.admin.request('status');
    return (head as { policy: unknown }).policy !== null;
  });
});
after(async () => {
  service.close();
  await rig?.close();
});

/** The inner node's own is fast. */
const noScanner = { name: 'fast', scan: async () => ({ verdict: 'clean' }) as const };
const post = (consumer: string, path: string, content: string) =>
  rig.outer.edge.request(
    'call',
    callHead(keys[consumer], 'POST', path, { headers: { 'content-type': 'application/json' } }),
    Buffer.from(JSON.stringify({ content: Buffer.from(content).toString('base64') })),
    120_000,
  );
const plain = () => rig.outer.edge.request('call', callHead(keys.few, 'GET', '/plain'));
const statusOf = ({ head }: { head: unknown }): number => (head as { status: number }).status;

test('files wait for a slow scanner as long as their callers; calls without files do not wait', async () => {
  const places = limits.examinationsMax / 2;
  const first = Array.from({ length: places }, () => post('many', '/documents', 'first'));
  await until(() => service.waiting.size === places);
  const hurried = Array.from({ length: 20 }, () => post('many', '/hurry', 'hurried'));
  const startedMs = performance.now();
  const ended = Promise.allSettled(hurried);
  for (let call = 0; call < 5; call += 1) assert.equal(statusOf(await plain()), 200);
  const { head: told } = await rig.outer.admin.request('status');
  assert.equal((told as { queues: { unexamined: number } }).queues.unexamined, hurried.length);
  const other = post('few', '/documents', 'other');
  await until(() => service.given.includes('other'));
  for (const outcome of await ended) {
    assert.equal(outcome.status, 'rejected');
    assert.equal(outcome.reason.code, 'DEADLINE_PASSED');
  }
  assert.ok(performance.now() - startedMs > waitMs / 2, 'they waited');
  assert.ok(!service.given.includes('hurried'), 'nothing late is given to a scanner');
  assert.equal(calls, 5, 'no service was called with a file');
  service.goOn();
  for (const answer of await Promise.all([...first, other])) assert.equal(statusOf(answer), 200);
  assert.equal(statusOf(await post('many', '/hurry', 'in time')), 200);
});

test('what is refused so is in the audit log, with its code', async () => {
  await until(async () => {
    const events = await rig.outer.events();
    return events.filter(({ code }) => code === 'DEADLINE_PASSED').length === 20;
  });
});
