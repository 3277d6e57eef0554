/**
 * The store in one SQLite file, owned by one process at a time.
 *
 * WAL with a synced log: a commit is durable when `write` resolves. The exclusive lock keeps every
 * other process out and spares a lock per transaction. It is a POSIX lock, which the kernel drops when
 * this process closes any descriptor of the file: nothing here may open the file besides SQLite.
 */
import { closeSync, openSync } from 'node:fs';
import Database from 'better-sqlite3';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Store, StoreWrites } from '../port.ts';
import { accountRecords } from './accounts.ts';
import { createCommits } from './commits.ts';
import { exchanges } from './exchanges.ts';
import { damaged, type OnDamage, storeFault } from './fault.ts';
import { inbound } from './inbound.ts';
import { outbound } from './outbound.ts';
import { policyRecords } from './policies.ts';
import { records } from './records.ts';
import { applicationId, migrations, vitalTables } from './schema.ts';
import { createStatements } from './statements.ts';
import { tokens } from './tokens.ts';
import { isLogWhole } from './wal.ts';

/**
 * Opens the store, which it makes (mode 0600) if there is none, and checks it: whole if it is small,
 * else what the node cannot do without. Besides the port's errors a write can throw what it would break:
 * LANE_REPLAY, LANE_FORK, MESSAGE_DUPLICATE, POLICY_VERSION, AUDIT_BROKEN, INTERNAL. `onDamage` is told of
 * damage that shows later.
 * Errors: HOME_IN_USE, STORE_DAMAGED, STORE_VERSION, STORE_FULL, STORE_FAILED.
 */
export function openStore(file: string, onDamage: OnDamage = () => {}): Store {
  const db = openFile(file);
  try {
    claim(db);
    migrate(db);
    checkTables(db);
    check(db);
    return storeOn(db, onDamage);
  } catch (thrown) {
    db.close();
    throw storeFault(thrown);
  }
}

function openFile(file: string): Database.Database {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw storeFault(thrown);
  }
  try {
    // Before SQLite looks at it: it would take a damaged log for a short one, and write on from there.
    if (!isLogWhole(`${file}-wal`)) throw damaged('expected an intact log, got a damaged one');
    return new Database(file, { timeout: 0 });
  } catch (thrown) {
    throw storeFault(thrown);
  }
}

/** Takes the lock and sets the file up. The order matters: the page size only before WAL. */
function claim(db: Database.Database): void {
  db.pragma('locking_mode = EXCLUSIVE');
  const id = db.pragma('application_id', { simple: true });
  if (id !== applicationId && !isNew(db)) {
    throw damaged('expected a store of this product, got another file');
  }
  db.pragma('page_size = 8192');
  if (db.pragma('journal_mode = WAL', { simple: true }) !== 'wal') {
    throw new SallyportError('STORE_FAILED', 'expected a write-ahead log, got none');
  }
  db.pragma('synchronous = FULL');
  db.pragma(`cache_size = -${limits.storeCacheKibMax}`);
  db.pragma('temp_store = MEMORY');
  db.pragma('secure_delete = FAST');
  db.pragma('cell_size_check = ON');
  db.pragma('trusted_schema = OFF');
  db.exec('BEGIN IMMEDIATE; COMMIT');
}

/** Nothing in it yet: just made, or left by a process that was killed while it made it. */
const isNew = (db: Database.Database): boolean =>
  db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() === 0;

function migrate(db: Database.Database): void {
  const version = Number(db.pragma('user_version', { simple: true }));
  if (version > migrations.length) {
    throw new SallyportError(
      'STORE_VERSION',
      `expected a store of version ${migrations.length} or older, got ${version}`,
      { hint: 'run the newer release that wrote this store' },
    );
  }
  if (version === migrations.length) return;
  db.transaction(() => {
    for (const sql of migrations.slice(version)) db.exec(sql);
    db.pragma(`application_id = ${applicationId}`);
    db.pragma(`user_version = ${migrations.length}`);
  })();
}

/** The version says which migrations ran; only the tables themselves say that they were these. */
function checkTables(db: Database.Database): void {
  const expected = new Database(':memory:');
  for (const sql of migrations) expected.exec(sql);
  const [want, got] = [tablesOf(expected), tablesOf(db)];
  expected.close();
  if (got === want) return;
  throw new SallyportError('STORE_VERSION', 'expected the tables of this release, got others', {
    hint: 'run the release that wrote this store, or make the node anew',
  });
}

function tablesOf(db: Database.Database): string {
  const all = db.prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name');
  return JSON.stringify(all.pluck().all());
}

/** A file that was cut SQLite finds by itself; torn pages only show when they are read. */
function check(db: Database.Database): void {
  const pages = Number(db.pragma('page_count', { simple: true }));
  const bytes = pages * Number(db.pragma('page_size', { simple: true }));
  const checks =
    bytes <= limits.storeCheckBytesMax
      ? ['quick_check(1)']
      : vitalTables.map((table) => `quick_check(${table})`);
  for (const check of checks) {
    if (db.pragma(check, { simple: true }) !== 'ok') {
      throw damaged('expected an intact store, got a damaged page');
    }
  }
}

function storeOn(db: Database.Database, onDamage: OnDamage): Store {
  const sql = createStatements(db, onDamage);
  const calls = exchanges(sql);
  const leaving = outbound(sql);
  const arriving = inbound(sql);
  const kept = records(sql);
  const accounts = accountRecords(sql);
  const vault = tokens(sql);
  const policies = policyRecords(sql);
  const writes: StoreWrites = {
    ...calls.writes,
    ...leaving.writes,
    ...arriving.writes,
    ...kept.writes,
    ...accounts.writes,
    ...vault.writes,
    ...policies.writes,
    forget(beforeMs, count, kept = answersKept) {
      calls.forget(beforeMs, count, kept);
      // A package stays as long as an exchange takes its state from it.
      leaving.forget(Math.min(beforeMs, calls.oldestWaitingMs()), count);
      arriving.forget(beforeMs, count);
      accounts.forget(beforeMs, count);
    },
  };
  const commits = createCommits(db, writes, calls.pending, onDamage);
  return {
    ...calls.reads,
    ...leaving.reads,
    ...arriving.reads,
    ...kept.reads,
    ...accounts.reads,
    ...vault.reads,
    ...policies.reads,
    write: commits.write,
    later: commits.later,
    counts: () => ({
      exchanges: calls.counts(),
      ...leaving.counts(),
      inbound: arriving.count(),
      auditEvents: kept.auditEvents(),
    }),
    close() {
      commits.close();
      db.close();
    },
  };
}

const answersKept = { answers: limits.answersKeptMax, bytes: limits.answersKeptBytesMax };
