/**
 * How long the log of the store may grow before its pages go to where they belong. A long one is fast; but
 * to empty it takes room, and one that takes the last of the disk can never be emptied. So where little is
 * left it is kept short.
 */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import { limits } from '../../limits.ts';

/** Returns what to call after each commit: it looks at the disk now and then. */
export function boundLog(db: Database.Database): () => void {
  const dir = dirname(db.name);
  let commits = 0;
  let short = false;
  const bound = (pages: number): void => void db.pragma(`wal_autocheckpoint = ${pages}`);
  bound(limits.storeLogPagesMax);
  return () => {
    commits += 1;
    if (commits % limits.storeRoomLookCommits !== 1) return;
    const { bavail, bsize } = statfsSync(dir);
    const low = bavail * bsize < limits.storeRoomLowBytes;
    if (low === short) return;
    bound(low ? limits.storeLogPagesLowMax : limits.storeLogPagesMax);
    short = low;
    // What it took until now is given back.
    if (low) db.pragma('wal_checkpoint(TRUNCATE)');
  };
}
