/**
 * Group commit: all work handed over in one turn of the event loop shares one transaction, one fsync.
 *
 *   later, write, write ─▶ setImmediate ─▶ begin │ work │ work │ work │ commit ─▶ promises resolve
 *
 * Each work runs exactly once, so it may count and decide beside its writes. A work alone in its
 * commit needs no savepoint: its transaction is undone. Works that share one get a savepoint each
 * (5-8 µs), for one that throws must not take the others with it.
 */
import type Database from 'better-sqlite3';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { StoreWrites } from '../port.ts';
import { type OnDamage, storeFault, toldFault } from './fault.ts';
import { boundLog } from './log-length.ts';

type Work = (tx: StoreWrites) => void;

export interface Commits {
  write(work: Work): Promise<void>;
  /** Waits for the next commit, at most storeLaterMs. */
  later(work: Work): Promise<void>;
  /** Commits what was handed over, then refuses more. */
  close(): void;
}

/** What is counted during works and written once before each ends. */
export interface Pending {
  flush(): void;
  clear(): void;
}

interface Handed {
  readonly work: Work;
  readonly resolve: () => void;
  readonly reject: (error: SallyportError) => void;
}

/**
 * The log cannot grow: what it holds goes to where it belongs, as far as there is room, and the log begins
 * anew in the space that it has.
 */
function reuseLog(db: Database.Database): void {
  try {
    db.pragma('wal_checkpoint(RESTART)');
  } catch {
    // Not even that has room; a later commit tries again.
  }
}

export function createCommits(
  db: Database.Database,
  tx: StoreWrites,
  pending: Pending,
  onDamage: OnDamage,
): Commits {
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  const rollback = db.prepare('ROLLBACK');
  const savepoint = db.prepare('SAVEPOINT work');
  const release = db.prepare('RELEASE work');
  const undo = db.prepare('ROLLBACK TO work');
  const keepLogBounded = boundLog(db);
  let queue: Handed[] = [];
  let closed = false;
  let soon: NodeJS.Immediate | undefined;
  let timer: NodeJS.Timeout | undefined;

  const perform = (work: Work): void => {
    const result: unknown = work(tx);
    if (result instanceof Promise) {
      result.catch(() => {});
      throw new SallyportError('INTERNAL', 'expected a synchronous work, got a promise');
    }
    pending.flush();
  };

  const performApart = (work: Work): SallyportError | undefined => {
    savepoint.run();
    try {
      perform(work);
      release.run();
      return undefined;
    } catch (thrown) {
      pending.clear();
      // A full disk or a damaged file ends the whole transaction: then no work of it happened.
      if (!db.inTransaction) throw thrown;
      undo.run();
      release.run();
      return storeFault(thrown);
    }
  };

  const commitAll = (batch: readonly Handed[]): (SallyportError | undefined)[] => {
    const [first] = batch;
    try {
      begin.run();
      let faults: (SallyportError | undefined)[] = [];
      if (first && batch.length === 1) perform(first.work);
      else faults = batch.map(({ work }) => performApart(work));
      commit.run();
      return faults;
    } catch (thrown) {
      pending.clear();
      if (db.inTransaction) rollback.run();
      const fault = toldFault(thrown, onDamage);
      if (fault.code === 'STORE_FULL') reuseLog(db);
      return batch.map(() => fault);
    }
  };

  const afterCommit = (): void => {
    try {
      keepLogBounded();
    } catch {
      // No room even for that, or nothing to be told of the disk: the next look tries again.
    }
  };

  const flush = (): void => {
    clearTimeout(timer);
    clearImmediate(soon);
    timer = soon = undefined;
    const batch = queue;
    queue = [];
    if (batch.length === 0) return;
    const faults = commitAll(batch);
    afterCommit();
    batch.forEach(({ resolve, reject }, index) => {
      const fault = faults[index];
      if (fault) reject(fault);
      else resolve();
    });
  };

  const hand = (work: Work): Promise<void> =>
    new Promise((resolve, reject) => {
      if (closed) return reject(new SallyportError('STORE_FAILED', 'the store is closed'));
      queue.push({ work, resolve, reject });
    });

  return {
    write(work) {
      soon ??= setImmediate(flush);
      return hand(work);
    },
    later(work) {
      timer ??= setTimeout(flush, limits.storeLaterMs);
      return hand(work);
    },
    close() {
      if (!closed) flush();
      closed = true;
    },
  };
}
