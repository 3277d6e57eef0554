/** `sallyport audit` on a stopped and on a running node. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { withBlocks } from '@sallyport/cli/audit-blocks.ts';
import { createAuditLog } from '@sallyport/shared/audit/log.ts';
import { answerAuditBlocks, everyBlock } from '@sallyport/shared/audit/transfer.ts';
import { createAuditVerifier } from '@sallyport/shared/audit/verify.ts';
import { asSallyportError } from '@sallyport/shared/errors.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { createRotation } from '@sallyport/shared/processes/guard/rotation.ts';
import { listen } from '@sallyport/shared/processes/ipc/socket.ts';
import type { Store } from '@sallyport/shared/store/port.ts';
import { openStore } from '@sallyport/shared/store/sqlite/open.ts';
import Database from 'better-sqlite3';
import { temporaryFolder } from '../temporary-folder.ts';
import { selfSigned } from '../x509/self-signed.ts';

const root = temporaryFolder();

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function audit(...args: string[]): Promise<Ran> {
  const command = join(import.meta.dirname, 'command.ts');
  return new Promise((resolve) => {
    execFile(process.execPath, [command, 'audit', ...args], (error, out, err) => {
      resolve({ code: Number(error?.code ?? 0), out, err });
    });
  });
}

const exchangeId = newId();

/** A home with a store of 70 blocks, two events each; returns the home and the store's file. */
async function home(name: string): Promise<{ dir: string; file: string }> {
  const dir = join(root, name);
  for (const part of ['data', 'certs', 'run']) mkdirSync(join(dir, part), { recursive: true });
  writeFileSync(join(dir, 'config.yaml'), '');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(join(dir, 'certs', 'audit.pem'), selfSigned(privateKey, 'audit'));
  const file = join(dir, 'data', 'sallyport.db');
  const store = openStore(file);
  const log = createAuditLog({ head: () => store.auditHead(), now: () => 1 });
  for (let count = 1; count <= 70; count += 1) {
    log.append({ event: 'seal', atMs: 0, count });
    log.append({ event: 'mask', atMs: 1, ...(count === 3 && { exchangeId, rules: { name: 2 } }) });
    await store.write((tx) => log.drain(tx));
  }
  store.close();
  return { dir, file };
}

const whole = { ok: true, blocks: 70, events: 140, checkpoints: 0, signedThrough: 0 };

test('the chain of a stopped node verifies', async () => {
  const { dir } = await home('stopped');
  const people = await audit('verify', '--dir', dir);
  assert.deepEqual([people.code, people.err], [0, '']);
  assert.match(people.out, /^intact: 70 blocks, 140 events, 0 checkpoints\nno checkpoint yet/);
  const json = await audit('verify', '--dir', dir, '--json');
  assert.deepEqual(JSON.parse(json.out), whole);
});

test('a running node is asked over its control socket, all of its blocks', async () => {
  const { dir, file } = await home('running');
  const store: Store = openStore(file);
  const server = await listen(join(dir, 'run', 'admin.sock'), {
    'audit-blocks': (head) => answerAuditBlocks(store, head),
  });
  try {
    const verified = await audit('verify', '--dir', dir, '--json');
    assert.deepEqual(JSON.parse(verified.out), whole);
    const shown = await audit('show', '--dir', dir, '--last', '1', '--json');
    assert.equal(shown.out, '{"event":"mask","atMs":1}\n');
  } finally {
    await server.close();
    store.close();
  }
});

test('a changed event is told with its block and a failing exit code', async () => {
  const { dir, file } = await home('changed');
  const db = new Database(file);
  db.exec(`UPDATE audit_block SET events =
    CAST(replace(CAST(events AS TEXT), '"count":5', '"count":6') AS BLOB) WHERE sequence = 5`);
  db.close();
  const { code, out, err } = await audit('verify', '--dir', dir, '--json');
  assert.equal(code, 1);
  const what = 'the content does not match its hash';
  assert.deepEqual(JSON.parse(out).firstFault, { sequence: 5, what });
  assert.match(err, /block 5: the content does not match its hash \[AUDIT_BROKEN\]/);
});

test('a certificate that cannot be read is refused; none at all is said', async () => {
  const { dir } = await home('certificate');
  const missing = await audit('verify', '--dir', dir, '--certificate', join(dir, 'none.pem'));
  assert.equal(missing.code, 1);
  assert.match(missing.err, /CERTIFICATE_REFUSED\]\nhint: give --certificate a copy/);
  rmSync(join(dir, 'certs', 'audit.pem'));
  const without = await audit('verify', '--dir', dir);
  assert.equal(without.code, 0);
  assert.match(without.err, /signatures of checkpoints are not checked/);
});

test('events are shown newest last, all of them or those of one exchange', async () => {
  const { dir } = await home('shown');
  const last = await audit('show', '--dir', dir, '--last', '3');
  assert.deepEqual(last.out.split('\n'), [
    '1970-01-01T00:00:00.001Z  mask',
    '1970-01-01T00:00:00.000Z  seal          count=70',
    '1970-01-01T00:00:00.001Z  mask',
    '',
  ]);
  const one = await audit('show', '--dir', dir, '--exchange', exchangeId);
  const about = `exchangeId=${exchangeId} rules={"name":2}`;
  assert.equal(one.out, `1970-01-01T00:00:00.001Z  mask          ${about}\n`);
  const byDefault = await audit('show', '--dir', dir, '--json');
  assert.equal(byDefault.out.trimEnd().split('\n').length, 50);
  const none = await audit('show', '--dir', dir, '--last', '0');
  assert.deepEqual([none.code, /USAGE/.test(none.err)], [2, true]);
});

test('a directory without a node, or a node that never ran, is told apart from a broken log', async () => {
  const empty = join(root, 'empty');
  mkdirSync(empty);
  const nobody = await audit('verify', '--dir', empty);
  assert.equal(nobody.code, 1);
  assert.match(nobody.err, /HOME_MISSING/);
  const { dir, file } = await home('never');
  rmSync(file);
  assert.match((await audit('verify', '--dir', dir)).err, /HOME_MISSING/);
  assert.match((await audit('show', '--dir', dir)).err, /HOME_MISSING/);
});

/** The same home, its oldest blocks moved into files of about 2 KiB; returns the folder of the files. */
async function rotated(name: string): Promise<{ dir: string; file: string; files: string }> {
  const made = await home(name);
  const files = join(made.dir, 'data', 'audit');
  const store = openStore(made.file);
  const warned: unknown[] = [];
  const log = { warn: (...told: unknown[]) => void warned.push(told) };
  const rotate = createRotation({ store, dir: files, log, eventsMax: 40, fileBytesMax: 2048 });
  while ((store.auditSpan()?.events ?? 0) > 40) await rotate();
  assert.deepEqual(warned, []);
  store.close();
  assert.ok(readdirSync(files).length > 2);
  return { ...made, files };
}

test('the chain goes on from file to file into the store, and all of it verifies and is shown', async () => {
  const { dir, file } = await rotated('rotated');
  assert.deepEqual(JSON.parse((await audit('verify', '--dir', dir, '--json')).out), whole);
  const shown = await audit('show', '--dir', dir, '--exchange', exchangeId, '--json');
  assert.equal(JSON.parse(shown.out).exchangeId, exchangeId);
  const store = openStore(file);
  const server = await listen(join(dir, 'run', 'admin.sock'), {
    'audit-blocks': (head) => answerAuditBlocks(store, head),
  });
  try {
    assert.ok((store.auditSpan()?.first ?? 0) > 1);
    assert.deepEqual(JSON.parse((await audit('verify', '--dir', dir, '--json')).out), whole);
  } finally {
    await server.close();
    store.close();
  }
});

test('a file that is gone, cut or edited breaks the chain', async () => {
  const { dir, files } = await rotated('file-faults');
  const [first = '', second = ''] = readdirSync(files).sort();
  const path = join(files, second);
  const content = readFileSync(path);
  const edited = Buffer.from(content);
  edited[content.indexOf('"atMs":0') + 7] = 0x31;
  const faultOf = async (): Promise<string | undefined> => {
    const verifier = createAuditVerifier({});
    try {
      await withBlocks(dir, undefined, async (blocks) => {
        for await (const block of everyBlock(blocks)) if (!verifier.add(block)) break;
      });
    } catch (thrown) {
      return asSallyportError(thrown).code;
    }
    return verifier.verdict().firstFault?.what;
  };
  for (const [damaged, fault] of [
    [content.subarray(0, -1), 'AUDIT_BROKEN'],
    [edited, 'the content does not match its hash'],
    [Buffer.concat([content, content]), /^expected block \d+, got \d+$/],
    [Buffer.alloc(0), 'AUDIT_BROKEN'],
  ] as const) {
    writeFileSync(path, damaged);
    assert.match((await faultOf()) ?? 'no fault', new RegExp(fault));
  }
  writeFileSync(path, content);
  assert.equal(await faultOf(), undefined);
  const moved = join(dir, 'moved');
  mkdirSync(moved);
  renameSync(join(files, first), join(moved, first));
  assert.match((await audit('verify', '--dir', dir)).err, /expected block 1, got \d+/);
  assert.equal((await audit('verify', '--dir', dir, '--files', moved)).code, 0);
  const since = String(Number(first.slice(13, 25)) + 1);
  const rest = await audit('verify', '--dir', dir, '--first', since);
  assert.equal(rest.code, 0);
  assert.match(rest.out, new RegExp(`from block ${since} on: what was before is believed`));
});

test('a crash after a file was made leaves blocks in both, which is one chain', async () => {
  const { dir, file } = await home('crashed');
  const files = join(dir, 'data', 'audit');
  const store = openStore(file);
  const log = { warn: () => {} };
  const lost = () => Promise.reject(new Error('the power is gone'));
  const options = { dir: files, log, eventsMax: 40, fileBytesMax: 4096 };
  await createRotation({ ...options, store: { ...store, later: lost } })();
  assert.equal(readdirSync(files).length, 1);
  assert.equal(store.auditSpan()?.first, 1);
  const half = join(files, '.000000000001-000000000002.audit.0a1b2c3d.tmp');
  writeFileSync(half, 'half of a file');
  const rotate = createRotation({ ...options, store });
  await rotate();
  assert.ok((store.auditSpan()?.first ?? 0) > 1);
  assert.equal(existsSync(half), false);
  while ((store.auditSpan()?.events ?? 0) > 40) await rotate();
  store.close();
  assert.deepEqual(JSON.parse((await audit('verify', '--dir', dir, '--json')).out), whole);
});

test('the last block stays in the store, so that the chain can go on', async () => {
  const { dir, file } = await home('all');
  const store = openStore(file);
  const options = { dir: join(dir, 'data', 'audit'), log: { warn: () => {} }, fileBytesMax: 1e9 };
  await createRotation({ ...options, store, eventsMax: 0 })();
  await store.later((tx) => tx.forgetAudit(1_000));
  assert.deepEqual(store.auditSpan(), { first: 70, events: 2 });
  const log = createAuditLog({ head: () => store.auditHead(), now: () => 1 });
  log.append({ event: 'seal', atMs: 0, count: 71 });
  await store.write((tx) => log.drain(tx));
  store.close();
  const ran = await audit('verify', '--dir', dir, '--json');
  assert.deepEqual(JSON.parse(ran.out), { ...whole, blocks: 71, events: 141 });
});

test('a guard confined as a node confines it can move blocks into files', async () => {
  const { dir, file } = await home('confined');
  const folder = dirname(import.meta.dirname);
  const rights = [
    ...['--permission', '--allow-addons', `--allow-fs-read=${dirname(folder)}`],
    ...[`--allow-fs-read=${dirname(file)}`, `--allow-fs-write=${dirname(file)}`],
  ];
  const child = join(import.meta.dirname, 'rotate.ts');
  await promisify(execFile)(process.execPath, [...rights, child, file, join(dir, 'data', 'audit')]);
  assert.ok(readdirSync(join(dir, 'data', 'audit')).length > 0);
  const store = openStore(file);
  assert.ok((store.auditSpan()?.first ?? 0) > 1);
  store.close();
});
