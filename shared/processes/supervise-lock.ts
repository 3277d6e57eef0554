/** One supervisor for each home, by a lock that the kernel itself drops when its holder dies. */
import Database from 'better-sqlite3';
import { SallyportError } from '../errors.ts';

/**
 * Takes the lock at `path` and returns what releases it. SQLite's exclusive lock is a record lock of
 * the kernel: kill -9 leaves nothing behind, and no stale pid file has to be judged.
 * Errors: HOME_IN_USE; STORE_FAILED where the directory cannot be written.
 */
export function lockHome(path: string): () => void {
  try {
    const db = new Database(path, { timeout: 0 });
    db.exec('BEGIN EXCLUSIVE');
    return () => db.close();
  } catch (cause) {
    if (cause instanceof Database.SqliteError && cause.code === 'SQLITE_BUSY') {
      throw new SallyportError('HOME_IN_USE', 'expected a stopped node, got one that runs', {
        hint: 'look at it with `sallyport status`',
        cause,
      });
    }
    throw new SallyportError('STORE_FAILED', `cannot lock ${path}`, { cause });
  }
}
