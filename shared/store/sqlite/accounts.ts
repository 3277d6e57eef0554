/**
 * What accounts need beyond a restart: which signatures were used, and when each credential was
 * used last.
 */
import type { Store, StoreWrites } from '../port.ts';
import type { Statements } from './statements.ts';

export interface AccountRecords {
  readonly reads: Pick<Store, 'signatureUses' | 'credentialUses'>;
  readonly writes: Pick<StoreWrites, 'recordSignatureUse' | 'recordCredentialUse'>;
  /** At most `count` uses of signatures that are too old to be shown again. */
  forget(nowMs: number, count: number): void;
}

export function accountRecords(sql: Statements): AccountRecords {
  const columns = 'key, id, consumer, until_at AS untilMs';
  const uses = sql.all<ReturnType<Store['signatureUses']>[number]>(
    `SELECT ${columns} FROM signature_use WHERE until_at > ?`,
  );
  const recordUse = sql.change('INSERT OR IGNORE INTO signature_use VALUES (?, ?, ?, ?)');
  const forgetUses = sql.change(
    `DELETE FROM signature_use WHERE key IN
     (SELECT key FROM signature_use WHERE until_at <= ? ORDER BY until_at LIMIT ?)`,
  );
  const credentials = sql.all<ReturnType<Store['credentialUses']>[number]>(
    'SELECT consumer, credential, at AS atMs FROM credential_use',
  );
  const recordCredential = sql.change(
    `INSERT INTO credential_use VALUES (?, ?, ?)
     ON CONFLICT (consumer, credential) DO UPDATE SET at = max(at, excluded.at)`,
  );
  return {
    reads: {
      signatureUses: (nowMs) => uses(nowMs),
      credentialUses: () => credentials(),
    },
    writes: {
      recordSignatureUse: ({ key, id, consumer, untilMs }) =>
        void recordUse(key, id, consumer, Math.ceil(untilMs)),
      recordCredentialUse: ({ consumer, credential, atMs }) =>
        void recordCredential(consumer, credential, atMs),
    },
    forget: (nowMs, count) => void forgetUses(nowMs, count),
  };
}
