/** What the store says of files that are taken, damaged, from the future, or on a full disk. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createAuditLog } from '@sallyport/shared/audit/log.ts';
import { type ErrorCode, SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { storeFault } from '@sallyport/shared/store/sqlite/fault.ts';
import { openStore } from '@sallyport/shared/store/sqlite/open.ts';
import Database from 'better-sqlite3';
import { verifyAudit } from '../audit/verdict.ts';
import { answer, inPackage, newExchange, outPackage, sealed } from '../contract/store/samples.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const dir = temporaryFolder();

const at = (name: string): string => join(dir, name);

/** A store of some hundred rows, closed. */
const filled = at('filled.db');
{
  const store = openStore(filled);
  for (let sequence = 1; sequence <= 40; sequence += 1) {
    const all = Array.from({ length: 10 }, () => newExchange(sequence));
    await store.write((tx) => {
      tx.appendOutbound(outPackage(sequence), sealed);
      for (const one of all) {
        tx.acceptExchange(one);
        tx.recordAnswer(one.id, { ...answer, body: Buffer.alloc(700, 'b') });
      }
    });
  }
  store.close();
}

function copyOf(name: string): string {
  copyFileSync(filled, at(name));
  return at(name);
}

function openedByAnother(file: string): string {
  const code = `import('@sallyport/shared/store/sqlite/open.ts').then(({ openStore }) => {
    try { openStore(process.argv[1]); console.log('opened'); } catch (e) { console.log(e.code); }
  })`;
  const args = ['--input-type=module', '-e', code, file];
  const options = { encoding: 'utf8', cwd: import.meta.dirname } as const;
  return execFileSync(process.execPath, args, options).trim();
}

test('one process owns a store: another, or a second opening in it, is refused', () => {
  const file = at('owned.db');
  const store = openStore(file);
  assert.throws(() => openStore(file), { code: 'HOME_IN_USE' });
  assert.equal(openedByAnother(file), 'HOME_IN_USE', 'also after this process tried again');
  store.close();
  assert.equal(openedByAnother(file), 'opened');
});

test('a store and its log are readable by their owner alone', async () => {
  const store = openStore(at('modes.db'));
  await store.write((tx) => tx.recordInbound(inPackage(1), sealed));
  for (const file of ['modes.db', 'modes.db-wal']) {
    assert.equal(statSync(at(file)).mode & 0o777, 0o600, file);
  }
  store.close();
});

test('commits are synced and logged ahead, pages are large', () => {
  const file = copyOf('settings.db');
  openStore(file).close();
  const db = new Database(file, { readonly: true });
  assert.equal(db.pragma('journal_mode', { simple: true }), 'wal');
  assert.equal(db.pragma('page_size', { simple: true }), 8192);
  db.close();
});

test('a store in a folder that does not exist cannot be opened', () => {
  assert.throws(() => openStore(at('nowhere/x.db')), { code: 'STORE_FAILED' });
  assert.equal(existsSync(at('nowhere')), false);
});

test('a file that is no store of ours is refused and left as it is', () => {
  const foreign = at('foreign.db');
  new Database(foreign).exec('CREATE TABLE theirs (a)').close();
  const text = at('text.db');
  writeFileSync(text, 'not a database, but long enough to have a header'.repeat(100));
  for (const file of [foreign, text]) {
    const before = readFileSync(file);
    assert.throws(() => openStore(file), { code: 'STORE_DAMAGED' });
    assert.deepEqual(readFileSync(file), before);
  }
});

test('a store whose making was interrupted is made anew', () => {
  const file = at('interrupted.db');
  const db = new Database(file);
  db.pragma('page_size = 8192');
  db.pragma('journal_mode = WAL');
  db.close();
  assert.ok(statSync(file).size > 0);
  const store = openStore(file);
  assert.deepEqual(store.outLanes(), []);
  store.close();
});

test('a store with the version of this release but other tables is refused with what to do', () => {
  for (const change of ['DROP TABLE proof', 'ALTER TABLE policy ADD COLUMN note TEXT']) {
    const file = copyOf('tables.db');
    new Database(file).exec(change).close();
    assert.throws(() => openStore(file), { code: 'STORE_VERSION', hint: /release that wrote/ });
  }
});

test('a store of a newer release is refused with what to do', () => {
  const file = copyOf('newer.db');
  const db = new Database(file);
  db.pragma('user_version = 999');
  db.close();
  assert.throws(() => openStore(file), { code: 'STORE_VERSION', hint: /newer/ });
});

test('a store that was cut short is refused', () => {
  const { size } = statSync(filled);
  for (const bytes of [size - 8192, Math.floor(size / 2), 8192, 5000, 100, 20]) {
    const file = copyOf(`cut-${bytes}.db`);
    truncateSync(file, bytes);
    assert.throws(() => openStore(file), { code: 'STORE_DAMAGED' }, `${bytes} bytes`);
  }
});

test('a damaged header or page is refused', () => {
  const { size } = statSync(filled);
  const damage: [string, number, number][] = [
    ['magic', 0, 16],
    ['page size', 16, 2],
    ['application id', 68, 4],
    ['schema', 100, 400],
    ['an inner page', Math.floor(size / 2 / 8192) * 8192, 64],
    ['the last page', size - 8192, 64],
  ];
  for (const [what, offset, length] of damage) {
    const file = copyOf(`damaged-${offset}.db`);
    const bytes = readFileSync(file);
    bytes.fill(0xa5, offset, offset + length);
    writeFileSync(file, bytes);
    assert.throws(() => openStore(file), { code: 'STORE_DAMAGED' }, what);
  }
});

test('a store too large to be read through at start is checked where it matters', async () => {
  const large = at('large.db');
  const store = openStore(large);
  const body = Buffer.alloc(limits.edgeBodyBytesMax, 'b');
  for (let bytes = 0; bytes <= limits.storeCheckBytesMax; bytes += body.length) {
    const one = newExchange(1);
    await store.write((tx) => {
      tx.acceptExchange(one);
      tx.recordAnswer(one.id, { ...answer, body });
    });
  }
  await store.write((tx) => tx.appendOutbound(outPackage(1), sealed));
  store.close();
  const db = new Database(large, { readonly: true });
  const root = db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'out_lane'").pluck();
  const offset = (Number(root.get()) - 1) * 8192;
  db.close();
  openStore(large).close();

  const bytes = readFileSync(large);
  writeFileSync(large, bytes.subarray(0, bytes.length - 8192));
  assert.throws(() => openStore(large), { code: 'STORE_DAMAGED' });
  bytes.fill(0xa5, offset, offset + 64);
  writeFileSync(large, bytes);
  assert.throws(() => openStore(large), { code: 'STORE_DAMAGED' });
});

test('a log torn in its last commit opens with all commits before it', async () => {
  const live = at('torn-live.db');
  const store = openStore(live);
  const sizes: number[] = [];
  for (let sequence = 1; sequence <= 5; sequence += 1) {
    await store.write((tx) => tx.appendOutbound(outPackage(sequence), sealed));
    sizes.push(statSync(`${live}-wal`).size);
  }
  // Copied as another process would find it; this one must not open the file itself.
  const crashed = at('torn.db');
  execFileSync('cp', [live, crashed]);
  execFileSync('cp', [`${live}-wal`, `${crashed}-wal`]);
  store.close();
  truncateSync(`${crashed}-wal`, (sizes[4] ?? 0) - 100);
  const reopened = openStore(crashed);
  assert.equal(reopened.outLanes()[0]?.head, 4);
  await reopened.write((tx) => tx.appendOutbound(outPackage(5), sealed));
  reopened.close();
});

test('what SQLite and the file system say has its code', () => {
  const codes: [string, ErrorCode][] = [
    ['SQLITE_FULL', 'STORE_FULL'],
    ['ENOSPC', 'STORE_FULL'],
    ['SQLITE_CORRUPT_VTAB', 'STORE_DAMAGED'],
    ['SQLITE_NOTADB', 'STORE_DAMAGED'],
    ['SQLITE_BUSY_RECOVERY', 'HOME_IN_USE'],
    ['SQLITE_IOERR_FSYNC', 'STORE_FAILED'],
  ];
  for (const [said, code] of codes) {
    assert.equal(storeFault(Object.assign(new Error('x'), { code: said })).code, code, said);
  }
  const own = new SallyportError('LANE_FORK', 'x');
  assert.equal(storeFault(own), own);
  assert.equal(storeFault('text').code, 'STORE_FAILED');
});

const mounts = at('mount');

function mountSmall(size: string): string | undefined {
  mkdirSync(mounts, { recursive: true });
  try {
    const args = ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', mounts];
    execFileSync('mount', args, { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'needs the right to mount a small tmpfs (root)';
  }
}

test('a full disk refuses, loses nothing, and is forgotten once there is room', async (t) => {
  const reason = mountSmall('2m');
  if (reason !== undefined) return t.skip(reason);
  try {
    const ballast = join(mounts, 'ballast');
    writeFileSync(ballast, Buffer.alloc(512 * 1024));
    const store = openStore(join(mounts, 'store.db'));
    const log = createAuditLog({ head: () => store.auditHead(), now: () => 1 });
    const kept: string[] = [];
    let appended = 0;
    const accept = async (): Promise<void> => {
      const one = newExchange(1);
      log.append({ event: 'accept', atMs: 1, exchangeId: one.id });
      appended += 1;
      await store.write((tx) => {
        tx.acceptExchange(one);
        tx.recordAnswer(one.id, { ...answer, body: Buffer.alloc(8192) });
        log.drain(tx);
      });
      kept.push(one.id);
    };
    const untilFull = async (): Promise<void> => {
      for (let n = 0; n < 1000; n += 1) await accept();
    };
    await assert.rejects(untilFull(), { code: 'STORE_FULL' });
    const both = await Promise.allSettled([accept(), accept()]);
    for (const result of both) {
      assert.equal(result.status === 'rejected' && result.reason.code, 'STORE_FULL');
    }
    assert.equal(log.pending, 3, 'events of refused commits wait');
    const huge = newExchange(1);
    const more = await Promise.allSettled([
      store.write((tx) => {
        tx.acceptExchange(huge);
        tx.recordAnswer(huge.id, { ...answer, body: Buffer.alloc(32 * 1024 * 1024) });
      }),
      store.write((tx) => tx.recordInbound(inPackage(1), sealed)),
    ]);
    for (const result of more) {
      assert.equal(result.status === 'rejected' && result.reason.code, 'STORE_FULL');
    }
    for (const id of kept) assert.equal(store.exchange(id)?.state, 'RESPONDED');
    assert.deepEqual(store.counts().exchanges, { RESPONDED: kept.length });

    rmSync(ballast);
    await accept();
    assert.equal(log.pending, 0);
    assert.equal(store.counts().auditEvents, appended);
    assert.equal(verifyAudit(store.auditBlocks(1, 10_000)).ok, true);
    store.close();
    const reopened = openStore(join(mounts, 'store.db'));
    for (const id of kept) assert.equal(reopened.exchange(id)?.answer?.body.length, 8192);
    reopened.close();
  } finally {
    execFileSync('umount', ['-l', mounts]);
  }
});

test('a small disk is not taken by the log of the store, however often it is written', async (t) => {
  const reason = mountSmall('8m');
  if (reason !== undefined) return t.skip(reason);
  try {
    const file = join(mounts, 'store.db');
    const store = openStore(file);
    await store.write((tx) => tx.appendOutbound(outPackage(1), sealed));
    for (let commit = 0; commit < 2000; commit += 1) {
      await store.write((tx) => tx.proveWritable(commit));
    }
    const { size } = statSync(`${file}-wal`);
    assert.ok(size < 4 * 1024 * 1024, `${size} bytes of log`);
    store.close();
    assert.equal(openStore(file).outLanes()[0]?.head, 1);
  } finally {
    execFileSync('umount', ['-l', mounts]);
  }
});
