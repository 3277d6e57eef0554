/** `sallyport audit` on a stopped and on a running node. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createAuditLog } from '@sallyport/shared/audit/log.ts';
import { answerAuditBlocks } from '@sallyport/shared/audit/transfer.ts';
import { newId } from '@sallyport/shared/ids.ts';
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
  assert.match(missing.err, /CERTIFICATE_REFUSED/);
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
