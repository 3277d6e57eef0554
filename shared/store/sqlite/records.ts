/** What is only ever added: policy bundles and blocks of the audit chain. And a proof of writing. */
import { SallyportError } from '../../errors.ts';
import type { AuditBlock, AuditHead, Store, StoredPolicy, StoreWrites } from '../port.ts';
import type { Statements } from './statements.ts';

type Reads = Pick<
  Store,
  'policyBundle' | 'policyHistory' | 'auditHead' | 'auditSpan' | 'auditBlocks'
>;
type Writes = Pick<StoreWrites, 'putPolicy' | 'appendAudit' | 'forgetAudit' | 'proveWritable'>;

export interface Records {
  readonly reads: Reads;
  readonly writes: Writes;
  auditEvents(): number;
}

export function records(sql: Statements): Records {
  const policyColumns = 'version, bundle, applied_at AS appliedAtMs, actor';
  const policies = sql.all<StoredPolicy>(
    `SELECT ${policyColumns} FROM policy ORDER BY version DESC LIMIT ?`,
  );
  const putPolicy = sql.change('INSERT INTO policy VALUES (?, ?, ?, ?)');
  const tail = sql.one<AuditHead & { total: number }>(
    'SELECT sequence, hash, total FROM audit_block ORDER BY sequence DESC LIMIT 1',
  );
  const blocks = sql.all<AuditBlock>(
    `SELECT sequence, at AS atMs, previous, hash, count, events FROM audit_block
     WHERE sequence >= ? ORDER BY sequence LIMIT ?`,
  );
  const start = sql.one<{ first: number; before: number }>(
    'SELECT sequence AS first, total - count AS before FROM audit_block ORDER BY sequence LIMIT 1',
  );
  const forget = sql.change(
    'DELETE FROM audit_block WHERE sequence <= ? AND sequence < (SELECT max(sequence) FROM audit_block)',
  );
  const append = sql.change('INSERT INTO audit_block VALUES (?, ?, ?, ?, ?, ?, ?)');

  const prove = sql.change('INSERT OR REPLACE INTO proof VALUES (1, ?)');

  return {
    writes: {
      proveWritable: (atMs) => prove(atMs),
      putPolicy({ version, bundle, appliedAtMs, actor }) {
        const last = policies(1)[0]?.version ?? 0;
        if (version <= last) {
          const got = `expected a version above ${last}, got ${version}`;
          throw new SallyportError('POLICY_VERSION', got);
        }
        putPolicy(version, bundle, appliedAtMs, actor);
      },
      appendAudit(block) {
        const { sequence, hash, total } = tail() ?? { ...emptyHead, total: 0 };
        if (block.sequence !== sequence + 1 || block.previous !== hash) {
          const got = `expected a block after ${sequence}, got ${block.sequence}`;
          throw new SallyportError('AUDIT_BROKEN', got);
        }
        const { atMs, previous, count, events } = block;
        append(block.sequence, atMs, previous, block.hash, count, total + count, events);
      },
      forgetAudit: (through) => void forget(through),
    },
    reads: {
      policyBundle: () => policies(1)[0],
      policyHistory: () => policies(-1),
      auditHead() {
        const { sequence, hash } = tail() ?? emptyHead;
        return { sequence, hash };
      },
      auditSpan() {
        const first = start();
        return first && { first: first.first, events: (tail()?.total ?? 0) - first.before };
      },
      auditBlocks: (from, count) => blocks(from, count),
    },
    auditEvents: () => tail()?.total ?? 0,
  };
}

const emptyHead: AuditHead = { sequence: 0, hash: '0'.repeat(64) };
