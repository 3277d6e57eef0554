/**
 * Files end to end: consumer, two nodes of real processes, a service; beside the inner node a real clamd and
 * a real c-icap. The outer node has no scanner, so what is harmful gets as far as the inner one.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { tarOf, zipOf } from '../content/archives.ts';
import { isAlive, pidOf, sleep, statusOf, untilReady } from '../faults/world.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { eicar, missingClamd, missingIcap, startClamd, startIcap } from './daemons.ts';
import { type Documents, startDocuments } from './registry.ts';

const skip = missingClamd || missingIcap;
const dir = temporaryFolder();
const hour = 3_600_000;
let clamd: Awaited<ReturnType<typeof startClamd>>;
let icap: Awaited<ReturnType<typeof startIcap>>;
let documents: Documents;

before(async () => {
  if (skip) return;
  clamd = await startClamd(dir);
  icap = await startIcap(dir, clamd.socket);
  documents = await startDocuments(join(dir, 'nodes'), {
    inner: `  - { kind: clamd, socket: ${clamd.socket}, timeoutMs: 3000 }
  - { kind: icap, name: gate, url: "${icap.url}", timeoutMs: 3000 }`,
  });
});
after(async () => {
  await documents?.close();
  await icap?.stop();
  await clamd?.stop();
});

const pdf = Buffer.from('%PDF-1.7\n1 0 obj << >> endobj\n%%EOF\n');
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
/** A new file each time, so that its event is found. */
const fresh = (): Buffer => Buffer.from(`minutes of ${performance.now()}\n`);
const inZip = (content: Buffer): Buffer => zipOf([{ name: 'a.txt', content }]);

/** The event of the inner node about this file; the log is written a moment later. */
async function examined(file: Buffer) {
  let found: Awaited<ReturnType<Documents['events']>>[number] | undefined;
  await until(async () => {
    const events = await documents.events('inner');
    found = events.findLast((one) => one.event === 'examine' && one.digest === sha256(file));
    return found !== undefined;
  });
  return found;
}

test('a clean file reaches its service and comes back, and the log says who looked at it', {
  skip,
}, async () => {
  const file = zipOf([
    { name: 'a.pdf', content: pdf },
    { name: 'b.txt', content: fresh() },
  ]);
  const before = documents.taken.length;
  assert.equal((await documents.post(file)).status, 200);
  const arrived = JSON.parse(String(documents.taken[before])) as { content: string };
  assert.deepEqual(Buffer.from(arrived.content, 'base64'), file);
  const event = await examined(file);
  assert.equal(event?.bytes, file.length);
  assert.equal(event?.code, undefined);
  assert.deepEqual(event?.rules, {
    'type zip': 1,
    'inside pdf': 1,
    'inside text': 1,
    'clamd clean': 3,
    'gate clean': 3,
  });
  documents.given.set('good', file);
  const answer = await documents.call('GET', '/documents/good');
  assert.equal(answer.status, 200);
  assert.equal(JSON.parse(String(answer.body)).content, file.toString('base64'));
});

test('a body that is a file crosses both ways as one, whatever it is called', {
  skip,
}, async () => {
  documents.given.set('scan', pdf);
  const before = documents.taken.length;
  const answer = await documents.call('POST', '/scans', pdf, 'application/octet-stream');
  assert.equal(answer.status, 200);
  assert.equal(answer.contentType, 'application/pdf');
  assert.deepEqual(answer.body, pdf);
  assert.deepEqual(documents.taken[before], pdf);
  const named = await documents.call('POST', '/scans', fresh(), 'application/pdf');
  assert.deepEqual([named.status, named.code], [415, 'FILE_TYPE_REFUSED']);
  const other = await documents.call('POST', '/scans', pdf, 'image/png');
  assert.deepEqual([other.status, other.code], [415, 'CONTENT_TYPE_REFUSED']);
});

const harmful: readonly (readonly [string, () => Buffer])[] = [
  ['as it is', () => Buffer.concat([eicar, fresh()])],
  ['in a zip', () => inZip(Buffer.concat([eicar, fresh()]))],
  [
    'in a tar.gz',
    () => gzipSync(tarOf([{ name: 'a.txt', content: Buffer.concat([eicar, fresh()]) }])),
  ],
  ['in a zip in a zip', () => zipOf([{ name: 'b.zip', content: inZip(eicar) }])],
];
for (const [where, make] of harmful) {
  test(`EICAR ${where} is refused in a request and in an answer`, { skip }, async () => {
    const file = make();
    const before = documents.taken.length;
    const answer = await documents.post(file, 'harmless.txt');
    assert.deepEqual([answer.status, answer.code], [422, 'SCAN_FOUND']);
    assert.equal(documents.taken.length, before, 'the service saw nothing of it');
    const event = await examined(file);
    assert.equal(event?.code, 'SCAN_FOUND');
    assert.ok(Object.keys(event?.rules ?? {}).some((rule) => / found Sallyport.Eicar/.test(rule)));
    documents.given.set('bad', file);
    const given = await documents.call('GET', '/documents/bad');
    assert.deepEqual([given.status, given.code], [502, 'RESPONSE_REFUSED']);
    assert.ok(!given.body.includes(file.toString('base64').slice(0, 40)));
  });
}

test('a file that a scanner does not look at to its end is refused', { skip }, async () => {
  const file = Buffer.alloc(4 * 1024 * 1024 + 512 * 1024, 'a');
  const answer = await documents.post(file);
  assert.deepEqual([answer.status, answer.code], [503, 'SCAN_FAILED']);
  const event = await examined(file);
  // clamd answers and hangs up while the file is still being sent: its word may be lost with the connection.
  const { 'clamd failed limit': limit = 0, 'clamd failed away': away = 0 } = event?.rules ?? {};
  assert.equal(limit + away, 1);
  documents.given.set('large', file);
  const given = await documents.call('GET', '/documents/large');
  assert.deepEqual([given.status, given.code], [503, 'SCAN_FAILED'], 'a GET may be repeated');
});

test('a scanner that hangs is a refusal in its time, and other routes do not notice', {
  skip,
}, async () => {
  clamd.child.kill('SIGSTOP');
  const file = fresh();
  const refused = documents.post(file);
  for (let call = 0; call < 5; call += 1) {
    assert.equal((await documents.call('GET', '/plain')).status, 200);
  }
  const answer = await refused;
  assert.deepEqual([answer.status, answer.code], [503, 'SCAN_FAILED']);
  assert.equal((await examined(file))?.rules?.['clamd failed timeout'], 1);
  clamd.child.kill('SIGCONT');
  await untilReady(documents.pair.inner);
  assert.equal((await documents.post(fresh())).status, 200);
});

test('kill -9 of the scanner process with a file in its hands is a refusal; it comes back', {
  skip,
}, async () => {
  clamd.child.kill('SIGSTOP');
  const pid = pidOf(documents.pair.inner, 'scanner');
  const refused = documents.post(fresh());
  await until(async () => inHand(await metricsOf()) > 0);
  process.kill(pid, 'SIGKILL');
  const answer = await refused;
  assert.deepEqual([answer.status, answer.code], [503, 'SCAN_FAILED']);
  clamd.child.kill('SIGCONT');
  await until(() => !isAlive(pid) && pidOf(documents.pair.inner, 'scanner') !== pid);
  await untilReady(documents.pair.inner);
  assert.equal((await documents.post(fresh())).status, 200);
});

const metricsOf = async (): Promise<string> =>
  (await fetch(`${documents.pair.managementUrls[1]}/metrics`)).text();
const inHand = (metrics: string): number =>
  Number(/^sallyport_scanner_in_flight\{[^}]*\} (\d+)/m.exec(metrics)?.[1] ?? 0);

test('kill -9 of clamd with a file in its hands is a refusal, and the node tells of it', {
  skip,
}, async () => {
  clamd.child.kill('SIGSTOP');
  const refused = documents.post(fresh());
  await until(async () => inHand(await metricsOf()) > 0);
  await clamd.stop();
  const answer = await refused;
  assert.deepEqual([answer.status, answer.code], [503, 'SCAN_FAILED']);
  await until(async () => {
    const { ready, reasons } = await statusOf(documents.pair.inner);
    return ready.scanner === false && reasons.scanner === 'SCAN_FAILED';
  }, 60_000);
  assert.equal((await fetch(`${documents.pair.managementUrls[1]}/readyz`)).status, 503);
  const metrics = await metricsOf();
  assert.match(metrics, /^sallyport_scanner_up\{scanner="clamd",process="scanner"\} 0$/m);
  assert.equal((await documents.post(fresh())).code, 'SCAN_FAILED');
  assert.equal((await documents.call('GET', '/plain')).status, 200, 'other routes go on');
});

test('a clamd with old signatures is stale, one with fresh ones is well again', {
  skip,
}, async () => {
  clamd = await startClamd(dir, { madeMs: Date.now() - 50 * hour });
  const file = fresh();
  assert.equal((await documents.post(file)).code, 'SCAN_FAILED');
  assert.equal((await examined(file))?.rules?.['clamd failed stale'], 1);
  await clamd.stop();
  clamd = await startClamd(dir);
  await untilReady(documents.pair.inner);
  assert.equal((await documents.post(fresh())).status, 200);
});

test('nothing of a file is in any log', { skip }, async () => {
  const secret = Buffer.from(`Q${performance.now()}-not-for-a-log`);
  await documents.post(secret, 'secret-name.txt');
  await documents.post(Buffer.concat([eicar, secret]), 'secret-name.txt');
  await sleep(500);
  for (const home of [documents.pair.outer, documents.pair.inner]) {
    for (const name of ['guard', 'edge', 'admin', 'mover', 'signer']) {
      const log = readFileSync(join(home, 'log', `${name}.log`));
      for (const form of [secret, 'secret-name', secret.toString('base64').slice(0, 20)]) {
        assert.ok(!log.includes(form), `${name}: ${form}`);
      }
    }
  }
  const log = readFileSync(join(documents.pair.inner, 'log', 'scanner.log'));
  assert.ok(!log.includes('secret-name') && !log.includes(secret));
});
