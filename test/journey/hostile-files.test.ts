/**
 * Files in answers of an inner node that has fallen: it examines nothing itself, so what reaches a consumer
 * is what the outer node and the scanner beside it let pass.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Scanner, Verdict } from '@sallyport/shared/content/scan/scanner.ts';
import type { ErrorCode } from '@sallyport/shared/errors.ts';
import { newId } from '@sallyport/shared/ids.ts';
import type { OpenedMessage } from '@sallyport/shared/package/open.ts';
import type { AuditEvent } from '@sallyport/shared/ports.ts';
import type { Answer } from '@sallyport/shared/processes/ipc/peer.ts';
import { zipOf } from '../content/archives.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { type Fallen, fell } from './fallen.ts';
import { callHead, type Rig, startRig } from './rig.ts';

const files = 'files: [ { field: $.content, types: [ text, pdf, zip ], bytesMax: 4096 } ]';
const policy = `
services:
  - name: registry
    owner: civil-affairs
    level: general
    upstream: { targets: [ { url: http://127.0.0.1:9100 } ], timeoutMs: 2000 }
    routes:
      - name: get
        match: { methods: [GET], path: /document }
        timeoutMs: 60000
        response: { schema: document.json, ${files} }
      - name: post
        match: { methods: [POST], path: /documents }
        timeoutMs: 60000
        response: { schema: document.json, ${files} }
      - name: hurry
        match: { methods: [GET], path: /hurry }
        timeoutMs: 2000
        deadlineMs: 2000
        response: { schema: document.json, ${files} }
consumers: [ { name: tax-bureau, credentials: [ { type: key } ] } ]
grants:
  - { consumer: tax-bureau, routes: [ registry/get, registry/post, registry/hurry ], fields: [ $.content ] }
`;
const schema = {
  type: 'object',
  properties: { content: { type: 'string', contentEncoding: 'base64' } },
};

let verdict: () => Promise<Verdict>;
const seen: string[] = [];
const clean = async (): Promise<Verdict> => ({ verdict: 'clean' });
const gate: Scanner = {
  name: 'gate',
  async scan(content) {
    const pieces: Uint8Array[] = [];
    for await (const piece of content) pieces.push(piece);
    const text = Buffer.concat(pieces).toString('latin1');
    if (text.startsWith('sallyport asks')) return { verdict: 'clean' };
    seen.push(text);
    return verdict();
  },
};

let rig: Rig;
let inner: Fallen;
let key: string;

before(async () => {
  const dir = temporaryFolder();
  writeFileSync(join(dir, 'policy.yaml'), policy);
  writeFileSync(join(dir, 'document.json'), JSON.stringify(schema));
  rig = await startRig({
    seed: 6,
    scanners: { outer: [gate] },
    upstream: () => Promise.reject(new Error('nobody calls it')),
  });
  key = await rig.issueKey('tax-bureau');
  await rig.applyPolicy(dir);
  await until(async () => {
    const { head } = await rig.outer.admin.request('status');
    return (head as { policy: unknown }).policy !== null;
  });
  inner = await fell(rig, 'inner');
});
after(() => rig.close());

interface Asked {
  readonly answer: Promise<Answer>;
  readonly request: OpenedMessage;
}

/** A call that waits, and its request as the inner node opened it. */
async function asked(method = 'GET', path = '/document'): Promise<Asked> {
  seen.length = 0;
  verdict = clean;
  const head = callHead(key, method, path);
  const answer = rig.outer.edge.request('call', head, Buffer.alloc(0), 60_000);
  answer.catch(() => {});
  let request: OpenedMessage | undefined;
  await until(async () => {
    request = (await inner.received()).find((one) => one.header.id === head.id);
    return request !== undefined;
  });
  assert.ok(request);
  return { answer, request };
}

function give({ request }: Asked, content: Buffer | string): Promise<void> {
  const header = {
    ...{ type: 'response' as const, id: newId(), correlationId: request.header.id },
    ...{ requestDigest: request.digest, status: 200, headers: {} },
  };
  const body = JSON.stringify({ content: Buffer.from(content).toString('base64') });
  return inner.send({ header, body });
}

const aboutOf = async ({ request }: Asked): Promise<AuditEvent[]> =>
  (await rig.outer.events()).filter(({ exchangeId }) => exchangeId === request.header.id);

test('a file of an answer goes to the scanner of the outer node too, and what is packed in it', async () => {
  const call = await asked();
  const zip = zipOf([{ name: 'a.txt', content: 'packed' }]);
  await give(call, zip);
  const { body } = await call.answer;
  assert.deepEqual(JSON.parse(String(body)), { content: zip.toString('base64') });
  assert.deepEqual(seen, [zip.toString('latin1'), 'packed']);
  const event = (await aboutOf(call)).find((one) => one.event === 'examine');
  assert.equal(event?.digest, createHash('sha256').update(zip).digest('hex'));
  assert.deepEqual(event?.rules, { 'type zip': 1, 'inside text': 1, 'gate clean': 2 });
});

const refused: readonly (readonly [string, Buffer | string, Verdict, ErrorCode])[] = [
  ['is harmful', 'evil', { verdict: 'found', name: 'Evil' }, 'SCAN_FOUND'],
  ['is of another type', 'MZ....', { verdict: 'clean' }, 'FILE_TYPE_REFUSED'],
  ['is too large', 'a'.repeat(4097), { verdict: 'clean' }, 'FILE_TOO_LARGE'],
  ['runs a script', '%PDF-1.7\n<< /JS (x) >>\n%%EOF', { verdict: 'clean' }, 'FILE_ACTIVE'],
  [
    'is damaged',
    zipOf([{ name: 'a', content: 'a', size: 9 }]),
    { verdict: 'clean' },
    'ARCHIVE_REFUSED',
  ],
];
for (const [what, content, said, code] of refused) {
  test(`a file of an answer that ${what} does not reach its consumer`, async () => {
    const call = await asked();
    verdict = async () => said;
    await give(call, content);
    await assert.rejects(call.answer, { code: 'RESPONSE_REFUSED' });
    const events = await aboutOf(call);
    assert.equal(events.find(({ event }) => event === 'examine')?.code, code);
    assert.ok(events.some((one) => one.event === 'refuse' && one.code === 'RESPONSE_REFUSED'));
  });
}

const failed: Verdict = { verdict: 'failed', failure: 'away' };
for (const [method, path, code] of [
  ['GET', '/document', 'SCAN_FAILED'],
  ['POST', '/documents', 'IN_DOUBT'],
] as const) {
  test(`where the scanner of the outer node fails, the caller of a ${method} hears ${code}`, async () => {
    const call = await asked(method, path);
    verdict = async () => failed;
    await give(call, 'text');
    await assert.rejects(call.answer, { code });
  });
}

test('an answer whose file is still with the scanner at its deadline is not released', async () => {
  const call = await asked('GET', '/hurry');
  const { promise: held, resolve: goOn } = Promise.withResolvers<Verdict>();
  verdict = () => held;
  await give(call, 'late');
  await until(() => seen.includes('late'));
  // Its caller waits no longer than for 202; the exchange ends by its deadline.
  const { head } = await call.answer;
  assert.equal((head as { status: number }).status, 202);
  rig.clock.offsetMs += 10_000;
  const ended = () =>
    rig.outer.edge.request('call', callHead(key, 'GET', `/exchanges/${call.request.header.id}`));
  await until(() =>
    ended().then(
      () => false,
      ({ code }) => code === 'DEADLINE_PASSED',
    ),
  );
  goOn({ verdict: 'clean' });
  const events = () => aboutOf(call);
  await until(async () => (await events()).some(({ event }) => event === 'examine'));
  assert.ok(!(await events()).some(({ event }) => event === 'release'));
  await assert.rejects(ended(), { code: 'DEADLINE_PASSED' });
});

test('what a crash interrupts with a file in hand is examined again, and then released', async () => {
  const call = await asked();
  verdict = () => new Promise(() => {});
  await give(call, 'again');
  await until(() => seen.includes('again'));
  verdict = clean;
  await rig.outer.restartGuard();
  const shown = () =>
    rig.outer.edge.request('call', callHead(key, 'GET', `/exchanges/${call.request.header.id}`));
  let body: Buffer = Buffer.alloc(0);
  await until(async () => {
    const answer = await shown();
    body = answer.body;
    return (answer.head as { status: number }).status === 200;
  });
  assert.equal(JSON.parse(String(body)).content, Buffer.from('again').toString('base64'));
  assert.deepEqual(seen, ['again', 'again']);
});
