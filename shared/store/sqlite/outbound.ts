/** Packages that leave: their place on the lane, when they were sent, whether they arrived. */
import { SallyportError } from '../../errors.ts';
import type { OutPackage, Store, StoreWrites } from '../port.ts';
import type { Statements } from './statements.ts';

type Reads = Pick<Store, 'outLanes' | 'unacknowledged' | 'outPackage' | 'packageContent'>;
type Writes = Pick<StoreWrites, 'appendOutbound' | 'markSent' | 'acknowledgeOutbound'>;

export interface Outbound {
  readonly reads: Reads;
  readonly writes: Writes;
  counts(): { outbound: number; unacknowledged: number };
  forget(beforeMs: number, count: number): void;
}

export function outbound(sql: Statements): Outbound {
  const lanes = sql.all<LaneRow>('SELECT * FROM out_lane ORDER BY lane');
  const lane = sql.one<LaneRow>('SELECT * FROM out_lane WHERE lane = ?');
  const putLane = sql.change('INSERT OR REPLACE INTO out_lane VALUES (?, ?, ?, ?)');
  const append = sql.change('INSERT INTO out_package VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const markSent = sql.change(
    'UPDATE out_package SET sent_at = ? WHERE lane = ? AND sequence = ? AND sent_at IS NULL',
  );
  const acknowledge = sql.change(
    `UPDATE out_package SET acknowledged_at = ?
     WHERE lane = ? AND sequence BETWEEN ? AND ? AND acknowledged_at IS NULL`,
  );
  const keep = sql.change('INSERT INTO content VALUES (?, ?)');
  const drop = sql.change(
    `DELETE FROM content WHERE package_id IN (SELECT package_id FROM out_package
     WHERE lane = ? AND sequence BETWEEN ? AND ? AND acknowledged_at IS NULL)`,
  );
  const content = sql.one<{ bytes: Buffer }>('SELECT bytes FROM content WHERE package_id = ?');
  const firstOpen = sql.one<{ sequence: number }>(
    `SELECT sequence FROM out_package
     WHERE lane = +? AND sequence > ? AND acknowledged_at IS NULL ORDER BY sequence LIMIT 1`,
  );
  const one = sql.one<Row>('SELECT * FROM out_package WHERE lane = ? AND sequence = ?');
  const unacknowledged = sql.all<Row>(
    `SELECT p.* FROM out_lane l JOIN out_package p ON p.lane = l.lane
       AND p.sequence > l.acknowledged
     WHERE p.acknowledged_at IS NULL ORDER BY p.lane, p.sequence`,
  );
  const openCount = sql.one<{ count: number }>(
    `SELECT count(*) AS count FROM out_package
     WHERE awaits_receipt = 1 AND acknowledged_at IS NULL`,
  );
  const old = sql.all<{ lane: string; sequence: number }>(
    `SELECT lane, sequence FROM out_package WHERE created_at < ? AND (acknowledged_at IS NOT NULL
       OR (awaits_receipt = 0 AND sent_at IS NOT NULL)) ORDER BY created_at LIMIT ?`,
  );
  const remove = sql.change('DELETE FROM out_package WHERE lane = ? AND sequence = ?');

  return {
    writes: {
      appendOutbound(sealed, content) {
        const { head, acknowledged } = lane(sealed.lane) ?? noLane;
        if (sealed.sequence !== head + 1) {
          const got = `expected sequence ${head + 1}, got ${sealed.sequence}`;
          throw new SallyportError('INTERNAL', `${got} on lane ${sealed.lane}`);
        }
        append(
          sealed.lane,
          sealed.sequence,
          sealed.packageId,
          sealed.digest,
          sealed.bytes,
          sealed.messages,
          sealed.createdAtMs,
          sealed.expiresAtMs,
          sealed.awaitsReceipt ? 1 : 0,
          sealed.sentAtMs ?? null,
          sealed.acknowledgedAtMs ?? null,
        );
        keep(sealed.packageId, content);
        putLane(sealed.lane, sealed.sequence, sealed.digest, acknowledged);
      },
      markSent(laneName, sequence, atMs) {
        markSent(atMs, laneName, sequence);
      },
      acknowledgeOutbound(laneName, contiguous, beyond, atMs) {
        const stored = lane(laneName);
        if (!stored) return;
        const settle = (from: number, to: number): void => {
          drop(laneName, from, to);
          acknowledge(atMs, laneName, from, to);
        };
        settle(stored.acknowledged + 1, contiguous);
        for (const sequence of beyond) settle(sequence, sequence);
        const open = firstOpen(laneName, stored.acknowledged)?.sequence ?? stored.head + 1;
        if (open - 1 > stored.acknowledged) {
          putLane(laneName, stored.head, stored.head_digest, open - 1);
        }
      },
    },
    reads: {
      outLanes: () =>
        lanes().map(({ head_digest, ...row }) => ({ ...row, headDigest: head_digest })),
      unacknowledged: () => unacknowledged().map(packageOf),
      packageContent: (packageId) => content(packageId)?.bytes,
      outPackage(laneName, sequence) {
        const row = one(laneName, sequence);
        return row && packageOf(row);
      },
    },
    counts: () => ({
      outbound: lanes().reduce((sum, { head }) => sum + head, 0),
      unacknowledged: openCount()?.count ?? 0,
    }),
    forget(beforeMs, count) {
      for (const row of old(beforeMs, count)) remove(row.lane, row.sequence);
    },
  };
}

interface LaneRow {
  lane: string;
  head: number;
  head_digest: string;
  acknowledged: number;
}

const noLane = { head: 0, acknowledged: 0 };

interface Row {
  lane: string;
  sequence: number;
  package_id: string;
  digest: string;
  bytes: number;
  messages: number;
  created_at: number;
  expires_at: number;
  awaits_receipt: number;
  sent_at: number | null;
  acknowledged_at: number | null;
}

function packageOf(row: Row): OutPackage {
  return {
    lane: row.lane,
    sequence: row.sequence,
    packageId: row.package_id,
    digest: row.digest,
    bytes: row.bytes,
    messages: row.messages,
    createdAtMs: row.created_at,
    expiresAtMs: row.expires_at,
    awaitsReceipt: row.awaits_receipt === 1,
    ...(row.sent_at !== null && { sentAtMs: row.sent_at }),
    ...(row.acknowledged_at !== null && { acknowledgedAtMs: row.acknowledged_at }),
  };
}
