/** Files in bodies on their way through two guards, with scanners that the test plays. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Scanner, Verdict } from '@sallyport/shared/content/scan/scanner.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { zipOf } from '../content/archives.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { type Fallen, fell, type Said } from './fallen.ts';
import { callHead, type Rig, startRig } from './rig.ts';

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
        request:
          body: documents.json
          files:
            - { field: '$.list[*].content', types: [ text, zip ], bytesMax: 65536, archives: { depthMax: 1 } }
            - { field: $.note, types: [ text ], scan: 'off' }
        response: { schema: document.json, files: [ { field: $.content, types: [ text, pdf ] } ] }
      - name: get
        match: { methods: [GET], path: /document }
        timeoutMs: 60000
        response:
          schema: document.json
          files: [ { field: $.content, types: [ text ] }, { field: $.hidden, types: [ pdf ] } ]
          masks: [ { field: $.hidden, transform: drop } ]
consumers:
  - { name: tax-bureau, credentials: [ { type: key } ] }
grants:
  - { consumer: tax-bureau, routes: [ registry/put ], fields: [ $.content ] }
  - { consumer: tax-bureau, routes: [ registry/get ], fields: [ $.content, $.hidden ] }
`
  // The schema of put has no such field to grant.
  .replace('response: { schema: document.json, files', 'response: { schema: taken.json, files');
const file = { type: 'string', contentEncoding: 'base64' };
const schemas = {
  'documents.json': {
    type: 'object',
    properties: {
      list: { type: 'array', items: { type: 'object', properties: { content: file } } },
      note: { ...file, type: ['string', 'null'] },
    },
  },
  'taken.json': { type: 'object', properties: { content: file } },
  'document.json': {
    type: 'object',
    properties: { content: file, hidden: { ...file, contentMediaType: 'application/pdf' } },
  },
};

/** Says what the test wants to hear, and keeps what it was given. */
function played(name: string): Scanner & { seen: string[]; verdict: () => Promise<Verdict> } {
  const scanner = {
    name,
    seen: [] as string[],
    verdict: async (): Promise<Verdict> => ({ verdict: 'clean' }),
    async scan(content: AsyncIterable<Uint8Array>) {
      const pieces: Uint8Array[] = [];
      for await (const piece of content) pieces.push(piece);
      const text = Buffer.concat(pieces).toString('latin1');
      if (text.startsWith('sallyport asks')) return { verdict: 'clean' } as const;
      scanner.seen.push(text);
      return scanner.verdict();
    },
  };
  return scanner;
}

const inside = [played('one'), played('two')];
const outside = played('gate');
let rig: Rig;
let key: string;
let answer: object;
let calls = 0;

before(async () => {
  const dir = temporaryFolder();
  writeFileSync(join(dir, 'policy.yaml'), policy);
  for (const [name, schema] of Object.entries(schemas)) {
    writeFileSync(join(dir, name), JSON.stringify(schema));
  }
  rig = await startRig({
    seed: 4,
    scanners: { inner: inside, outer: [outside] },
    async upstream() {
      calls += 1;
      return { status: 200, body: answer };
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

const base64 = (content: Buffer | string): string => Buffer.from(content).toString('base64');
const put = (content: Buffer | string, more: object = {}, call: object = {}) =>
  rig.outer.edge.request(
    'call',
    callHead(key, 'POST', '/documents', {
      headers: { 'content-type': 'application/json' },
      ...call,
    }),
    Buffer.from(JSON.stringify({ list: [{ content: base64(content) }], ...more })),
    60_000,
  );
const get = () => rig.outer.edge.request('call', callHead(key, 'GET', '/document'));
const text = (): string => `minutes ${performance.now()}`;
const quiet = (): void => {
  for (const scanner of [...inside, outside]) {
    scanner.seen.length = 0;
    scanner.verdict = async () => ({ verdict: 'clean' });
  }
};

test('every file of a body goes to every scanner, but those that need none', async () => {
  quiet();
  answer = {};
  const content = text();
  const zip = zipOf([{ name: 'a.txt', content: 'packed' }]);
  const { head } = await put(content, {
    list: [{ content: base64(content) }, { content: base64(zip) }, {}],
    note: base64('not scanned'),
  });
  assert.equal((head as { status: number }).status, 200);
  for (const { seen } of [...inside, outside]) {
    assert.deepEqual(seen, [content, zip.toString('latin1'), 'packed']);
  }
  const digest = createHash('sha256').update(content).digest('hex');
  const of = (event: { event: string; digest?: string }) =>
    event.event === 'examine' && event.digest === digest;
  await until(async () => (await rig.inner.events()).some(of));
  const outer = (await rig.outer.events()).find(of);
  assert.deepEqual(outer?.rules, { 'type text': 1, 'gate clean': 1 });
  const inner = (await rig.inner.events()).find(of);
  assert.deepEqual(inner?.rules, { 'type text': 1, 'one clean': 1, 'two clean': 1 });
});

const refusals: readonly (readonly [string, string, Buffer | string, object?])[] = [
  ['another type', 'FILE_TYPE_REFUSED', '%PDF-1.7\n%%EOF'],
  ['more than its rule allows', 'FILE_TOO_LARGE', Buffer.alloc(65_537, 'a')],
  ['archives too deep', 'ARCHIVE_REFUSED', zipOf([{ name: 'a', content: zipOf([]) }])],
  ['a password', 'FILE_ENCRYPTED', zipOf([{ name: 'a', content: 'a', encrypted: true }])],
  [
    'macros',
    'FILE_ACTIVE',
    zipOf([
      { name: '[Content_Types].xml', content: '<Types/>' },
      { name: 'a/vbaProject.bin', content: 'a' },
    ]),
  ],
  ['no base64', 'SCHEMA_REFUSED', '', { note: 'a b=' }],
  ['base64 in another spelling', 'SCHEMA_REFUSED', 'a', { note: 'YR==' }],
  ['base64 without its end', 'SCHEMA_REFUSED', 'a', { note: 'YQ' }],
];
for (const [what, code, content, more] of refusals) {
  test(`a file with ${what} is refused by the outer node: ${code}`, async () => {
    const before = calls;
    await assert.rejects(put(content, more), { code });
    assert.equal(calls, before);
    await until(async () => {
      const events = await rig.outer.events();
      return events.findLast(({ event }) => event === 'refuse')?.code === code;
    });
  });
}

const verdicts: readonly (readonly [string, Verdict, string])[] = [
  ['is found', { verdict: 'found', name: 'Evil' }, 'SCAN_FOUND'],
  ['fails', { verdict: 'failed', failure: 'stale' }, 'SCAN_FAILED'],
];
for (const [what, verdict, code] of verdicts) {
  test(`where one of two scanners ${what}, its consumer hears ${code}`, async () => {
    quiet();
    const [, second] = inside;
    assert.ok(second);
    second.verdict = async () => verdict;
    const before = calls;
    await assert.rejects(put(text()), { code });
    assert.equal(calls, before);
    answer = { content: base64(text()) };
    const told = verdict.verdict === 'found' ? 'RESPONSE_REFUSED' : 'SCAN_FAILED';
    await assert.rejects(get(), { code: told });
  });
}

test('what the scanner of the outer node finds does not cross', async () => {
  quiet();
  outside.verdict = async () => ({ verdict: 'found', name: 'Evil' });
  await assert.rejects(put(text()), { code: 'SCAN_FOUND' });
  assert.deepEqual(inside[0]?.seen, []);
});

test('an answer that could not be scanned leaves a call in doubt that may not be repeated', async () => {
  quiet();
  const [first] = inside;
  assert.ok(first);
  answer = { content: base64('the answer') };
  first.verdict = async () =>
    first.seen.includes('the answer')
      ? { verdict: 'failed', failure: 'away' }
      : { verdict: 'clean' };
  await assert.rejects(put(text()), { code: 'IN_DOUBT' });
});

test('of an answer only files that leave are looked at, and by their type', async () => {
  quiet();
  answer = { content: base64('shown'), hidden: base64('no PDF at all') };
  const { body } = await get();
  assert.deepEqual(JSON.parse(String(body)), { content: base64('shown') });
  assert.deepEqual(inside[0]?.seen, ['shown']);
  answer = { content: base64('%PDF-1.7\n%%EOF') };
  await assert.rejects(get(), { code: 'RESPONSE_REFUSED' });
});

test('what is examined waits for its turn, and one that comes twice is one exchange', async () => {
  quiet();
  answer = {};
  const [first] = inside;
  assert.ok(first);
  let open = (): void => {};
  const held = new Promise<void>((resolve) => {
    open = resolve;
  });
  first.verdict = async () => {
    await held;
    return { verdict: 'clean' };
  };
  const before = calls;
  const content = text();
  const idempotencyKey = `k-${performance.now()}`;
  const twice = [put(content, {}, { idempotencyKey }), put(content, {}, { idempotencyKey })];
  const others = Array.from({ length: limits.examinationsMax + 2 }, () => put(text()));
  await until(() => first.seen.length === limits.examinationsMax / 2);
  open();
  const answers = await Promise.all([...twice, ...others]);
  assert.ok(answers.every(({ head }) => (head as { status: number }).status === 200));
  assert.equal(calls - before, 1 + others.length);
});

test('a document that does not fit is refused before any of its files is looked at', async () => {
  quiet();
  await assert.rejects(put('a', { surprise: 1 }), { code: 'SCHEMA_REFUSED' });
  assert.deepEqual(inside[0]?.seen, []);
});

// From here on the outer node has fallen: it looks at nothing itself.
let fallen: Fallen | undefined;
const sent = (content: Buffer | string): Said & { header: { id: string } } => ({
  header: {
    type: 'request',
    id: newId(),
    flow: 'registry/put',
    consumer: 'tax-bureau',
    deadlineMs: Date.now() + 30_000,
    method: 'POST',
    path: '/documents',
    query: [],
    headers: {},
    contentType: 'application/json',
  },
  body: JSON.stringify({ list: [{ content: base64(content) }] }),
});
const bad: readonly (readonly [string, string, Buffer | string])[] = [
  ['of another type', 'FILE_TYPE_REFUSED', '%PDF-1.7\n%%EOF'],
  ['that is too large', 'FILE_TOO_LARGE', Buffer.alloc(65_537, 'a')],
  ['that is packed too deep', 'ARCHIVE_REFUSED', zipOf([{ name: 'a', content: zipOf([]) }])],
  ['that is harmful', 'SCAN_FOUND', 'harmful'],
];
for (const [what, code, content] of bad) {
  test(`a fallen outer node that sends a file ${what} gets nothing: ${code}`, async () => {
    fallen ??= await fell(rig, 'outer');
    quiet();
    const [, second] = inside;
    assert.ok(second);
    second.verdict = async () =>
      second.seen.includes('harmful') ? { verdict: 'found', name: 'Evil' } : { verdict: 'clean' };
    const before = calls;
    const said = sent(content);
    await fallen.send(said);
    assert.equal(await fallen.refusal(said.header.id), code);
    assert.equal(calls, before);
  });
}
