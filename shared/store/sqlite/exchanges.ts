/** The origin of calls: accepted, answered or ended, shown, forgotten. */
import type { ErrorCode } from '../../errors.ts';
import type {
  Exchange,
  ExchangeState,
  KeptMax,
  Store,
  StoredAnswer,
  StoreWrites,
} from '../port.ts';
import type { Pending } from './commits.ts';
import type { Statements } from './statements.ts';

type Reads = Pick<Store, 'exchange' | 'idempotent' | 'waitingExchanges' | 'recentExchanges'>;
type Writes = Pick<StoreWrites, 'acceptExchange' | 'recordAnswer' | 'endExchange'>;

export interface Exchanges {
  readonly reads: Reads;
  readonly writes: Writes;
  readonly pending: Pending;
  counts(): Partial<Record<ExchangeState, number>>;
  /** When the oldest exchange that still waits was accepted. */
  oldestWaitingMs(): number;
  forget(beforeMs: number, count: number, kept: KeptMax): void;
}

export function exchanges(sql: Statements): Exchanges {
  const ended = endedCounts(sql);
  const select = (where: string, body = 'e.body'): string =>
    `SELECT e.id, e.consumer, e.flow, e.accepted_at, e.deadline_at, e.lane, e.sequence,
       e.request_digest, e.idempotency_key, e.call_digest, ${stateOf} AS state,
       e.ended_at, e.code, e.status, e.content_type, e.headers, ${body} AS body
     FROM exchange e LEFT JOIN out_package p ON p.lane = e.lane AND p.sequence = e.sequence ${where}`;

  const accept = sql.change(
    `INSERT INTO exchange (id, consumer, flow, accepted_at, deadline_at, lane, sequence,
       request_digest, idempotency_key, call_digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const end = sql.change(
    `UPDATE exchange SET state = ?, ended_at = ?, code = ?, status = ?, content_type = ?,
       headers = ?, body = ? WHERE id = ? AND ended_at IS NULL`,
  );
  const one = sql.one<Row>(select('WHERE e.id = ?'));
  const byKey = sql.one<Row>(select('WHERE e.consumer = ? AND e.idempotency_key = ?'));
  const waiting = sql.all<Row>(
    select('WHERE e.ended_at IS NULL AND e.deadline_at < ? ORDER BY e.deadline_at LIMIT ?'),
  );
  const recent = sql.all<Row>(select('ORDER BY e.id DESC LIMIT ?', "x''"));
  const waitingCounts = sql.all<{ state: ExchangeState; count: number }>(
    `SELECT ${stateOf} AS state, count(*) AS count FROM exchange e
     LEFT JOIN out_package p ON p.lane = e.lane AND p.sequence = e.sequence
     WHERE e.ended_at IS NULL GROUP BY 1`,
  );
  const oldest = sql.one<{ at: number | null }>(
    'SELECT min(accepted_at) AS at FROM exchange WHERE ended_at IS NULL',
  );
  const old = sql.all<{ id: string; state: ExchangeState; bytes: number }>(
    `SELECT id, state, coalesce(length(body), 0) AS bytes FROM exchange
     WHERE ended_at < ? ORDER BY ended_at LIMIT ?`,
  );
  const remove = sql.change('DELETE FROM exchange WHERE id = ?');

  return {
    pending: ended,
    writes: {
      acceptExchange(one) {
        accept(
          one.id,
          one.consumer,
          one.flow,
          one.acceptedAtMs,
          one.deadlineMs,
          one.lane,
          one.sequence,
          one.requestDigest,
          one.idempotencyKey ?? null,
          one.callDigest ?? null,
        );
      },
      recordAnswer(id, { state, answeredAtMs, status, ...answer }) {
        const headers = JSON.stringify(answer.headers);
        const { code = null, contentType = null, body } = answer;
        const touched = end(state, answeredAtMs, code, status, contentType, headers, body, id);
        ended.add(state, touched, touched * body.length);
      },
      endExchange(id, state, code, atMs) {
        ended.add(state, end(state, atMs, code, null, null, null, null, id), 0);
      },
    },
    reads: {
      exchange: (id) => exchangeOf(one(id)),
      idempotent: (consumer, key) => exchangeOf(byKey(consumer, key)),
      waitingExchanges: (beforeDeadlineMs, count) =>
        waiting(beforeDeadlineMs, count).map(exchangeOfRow),
      recentExchanges: (count) => recent(count).map(exchangeOfRow),
    },
    counts() {
      const counts = ended.counts();
      for (const { state, count } of waitingCounts()) counts[state] = count;
      return counts;
    },
    oldestWaitingMs: () => oldest()?.at ?? Number.POSITIVE_INFINITY,
    forget(beforeMs, count, kept) {
      const drop = ({ id, state, bytes }: { id: string; state: ExchangeState; bytes: number }) =>
        ended.add(state, -remove(id), -bytes);
      old(beforeMs, count).forEach(drop);
      const total = ended.total();
      if (total.count <= kept.answers && total.bytes <= kept.bytes) return;
      for (const one of old(Number.MAX_SAFE_INTEGER, count)) {
        if (total.count <= kept.answers && total.bytes <= kept.bytes) return;
        drop(one);
        total.count -= 1;
        total.bytes -= one.bytes;
      }
    },
  };
}

/** Until it ends, an exchange is where its package is. */
const stateOf = `coalesce(e.state, CASE WHEN p.acknowledged_at IS NOT NULL THEN 'ACKNOWLEDGED'
  WHEN p.sent_at IS NOT NULL THEN 'SENT' ELSE 'SEALED' END)`;

/**
 * How many ended exchanges of each state the store holds, and how many bytes their answers have. Counting
 * rows would read the whole table, so the sums are kept: added up in memory during a work, written once
 * before it ends, dropped if it is undone.
 */
function endedCounts(sql: Statements) {
  const add = sql.change(
    `INSERT INTO ended_exchanges (state, count, bytes) VALUES (?, ?, ?)
     ON CONFLICT (state) DO UPDATE SET
       count = count + excluded.count, bytes = bytes + excluded.bytes`,
  );
  const all = sql.all<{ state: ExchangeState; count: number; bytes: number }>(
    'SELECT state, count, bytes FROM ended_exchanges WHERE count > 0',
  );
  const added = new Map<ExchangeState, { count: number; bytes: number }>();
  return {
    add(state: ExchangeState, count: number, bytes: number): void {
      if (count === 0) return;
      const sum = added.get(state) ?? { count: 0, bytes: 0 };
      added.set(state, { count: sum.count + count, bytes: sum.bytes + bytes });
    },
    flush(): void {
      for (const [state, { count, bytes }] of added) add(state, count, bytes);
      added.clear();
    },
    clear: (): void => added.clear(),
    counts(): Partial<Record<ExchangeState, number>> {
      return Object.fromEntries(all().map(({ state, count }) => [state, count]));
    },
    /** Of all states, what this work added included. */
    total(): { count: number; bytes: number } {
      const total = { count: 0, bytes: 0 };
      for (const { count, bytes } of [...all(), ...added.values()]) {
        total.count += count;
        total.bytes += bytes;
      }
      return total;
    },
  };
}

interface Row {
  id: string;
  consumer: string;
  flow: string;
  accepted_at: number;
  deadline_at: number;
  lane: string;
  sequence: number;
  request_digest: string;
  idempotency_key: string | null;
  call_digest: string | null;
  state: ExchangeState;
  ended_at: number | null;
  code: ErrorCode | null;
  status: number | null;
  content_type: string | null;
  headers: string | null;
  body: Buffer | null;
}

const exchangeOf = (row: Row | undefined): Exchange | undefined => row && exchangeOfRow(row);

function exchangeOfRow(row: Row): Exchange {
  const answer = answerOf(row);
  return {
    id: row.id,
    consumer: row.consumer,
    flow: row.flow,
    acceptedAtMs: row.accepted_at,
    deadlineMs: row.deadline_at,
    lane: row.lane,
    sequence: row.sequence,
    requestDigest: row.request_digest,
    ...(row.idempotency_key !== null && { idempotencyKey: row.idempotency_key }),
    ...(row.call_digest !== null && { callDigest: row.call_digest }),
    state: row.state,
    ...(answer && { answer }),
  };
}

/** Only recordAnswer stores a status; an exchange that ended without an answer has none. */
function answerOf(row: Row): StoredAnswer | undefined {
  if (row.status === null || row.headers === null || row.body === null) return undefined;
  return {
    state: row.state === 'REJECTED' ? 'REJECTED' : 'RESPONDED',
    status: row.status,
    headers: JSON.parse(row.headers),
    ...(row.content_type !== null && { contentType: row.content_type }),
    ...(row.code !== null && { code: row.code }),
    body: row.body,
    answeredAtMs: row.ended_at ?? 0,
  };
}
