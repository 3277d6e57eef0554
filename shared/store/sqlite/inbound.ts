/** Packages that arrive, their messages, and how far each lane has come. */
import { type ErrorCode, SallyportError } from '../../errors.ts';
import type { InMessage, InPackage, Store, StoreWrites } from '../port.ts';
import type { Statements } from './statements.ts';

type Reads = Pick<
  Store,
  'inLanes' | 'unfinishedInbound' | 'unfinishedMessages' | 'inboundPlace' | 'inboundMessage'
>;
type Writes = Pick<
  StoreWrites,
  'recordInbound' | 'recordMessage' | 'finishMessage' | 'finishInbound'
>;

export interface Inbound {
  readonly reads: Reads;
  readonly writes: Writes;
  count(): number;
  forget(beforeMs: number, count: number): void;
}

export function inbound(sql: Statements): Inbound {
  const lanes = sql.all<{ lane: string; contiguous: number }>(
    'SELECT lane, contiguous FROM in_lane ORDER BY lane',
  );
  const lane = sql.one<{ contiguous: number }>('SELECT contiguous FROM in_lane WHERE lane = ?');
  const putLane = sql.change('INSERT OR REPLACE INTO in_lane VALUES (?, ?)');
  const beyond = sql.all<{ sequence: number }>(
    'SELECT sequence FROM in_package WHERE lane = +? AND sequence > ? ORDER BY sequence',
  );
  const place = sql.one<{ digest: string; previous: string }>(
    'SELECT digest, previous FROM in_package WHERE lane = ? AND sequence = ?',
  );
  const record = sql.change('INSERT INTO in_package VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const finishPackage = sql.change(
    `UPDATE in_package AS p SET finished = 1 WHERE lane = ? AND sequence = ? AND NOT EXISTS
       (SELECT 1 FROM in_message m
        WHERE m.lane = p.lane AND m.sequence = p.sequence AND m.state = 'RELEASED')`,
  );
  const keep = sql.change('INSERT INTO content VALUES (?, ?) ON CONFLICT DO NOTHING');
  const drop = sql.change(
    `DELETE FROM content WHERE package_id =
       (SELECT package_id FROM in_package WHERE lane = ? AND sequence = ?)`,
  );
  const unfinished = sql.all<Row>(
    'SELECT * FROM in_package WHERE finished = 0 ORDER BY received_at, lane, sequence',
  );
  const recordMessage = sql.change(
    `INSERT INTO in_message (id, lane, sequence, flow, consumer, deadline_at, received_at, state, code)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  );
  const finishMessage = sql.change(
    `UPDATE in_message SET state = ?, finished_at = ?, code = ? WHERE id = ? AND state = 'RELEASED'`,
  );
  const message = sql.one<MessageRow>('SELECT * FROM in_message WHERE id = ?');
  const open = sql.all<MessageRow>(
    `SELECT * FROM in_message WHERE lane = ? AND sequence = ? AND state = 'RELEASED' ORDER BY id`,
  );
  const forget = forgetting(sql);

  const advance = (laneName: string, contiguous: number): void => {
    let last = contiguous;
    for (const { sequence } of beyond(laneName, contiguous)) {
      if (sequence !== last + 1) break;
      last = sequence;
    }
    if (last > 0) putLane(laneName, last);
  };

  return {
    writes: {
      recordInbound(received, content) {
        const { lane: laneName, sequence, digest } = received;
        const contiguous = lane(laneName)?.contiguous;
        if (contiguous === undefined) putLane(laneName, 0);
        refuseKnown(received, contiguous ?? 0, place(laneName, sequence)?.digest);
        record(
          laneName,
          sequence,
          received.packageId,
          digest,
          received.previous,
          received.bytes,
          received.messages,
          received.receivedAtMs,
          received.finished ? 1 : 0,
        );
        if (!received.finished && keep(received.packageId, content) === 0) {
          throw new SallyportError('PACKAGE_MANIFEST', 'expected a package id of its own');
        }
        if (sequence === (contiguous ?? 0) + 1) advance(laneName, sequence - 1);
      },
      recordMessage(one) {
        const { id, lane: laneName, sequence, flow, consumer, deadlineMs, receivedAtMs } = one;
        const { state, code = null } = one;
        const times = [deadlineMs, receivedAtMs] as const;
        if (recordMessage(id, laneName, sequence, flow, consumer, ...times, state, code) === 0) {
          throw new SallyportError('MESSAGE_DUPLICATE', `message ${id} was recorded before`);
        }
      },
      finishMessage(id, state, atMs, code) {
        finishMessage(state, atMs, code ?? null, id);
      },
      finishInbound(laneName, sequence) {
        if (finishPackage(laneName, sequence) > 0) drop(laneName, sequence);
      },
    },
    reads: {
      inLanes: () =>
        lanes().map((one) => ({
          ...one,
          beyond: beyond(one.lane, one.contiguous).map(({ sequence }) => sequence),
        })),
      unfinishedInbound: () => unfinished().map(packageOf),
      unfinishedMessages: (laneName, sequence) => open(laneName, sequence).map(messageOf),
      inboundPlace: (laneName, sequence) => place(laneName, sequence),
      inboundMessage(id) {
        const row = message(id);
        return row && messageOf(row);
      },
    },
    count: () =>
      lanes().reduce(
        (sum, one) => sum + one.contiguous + beyond(one.lane, one.contiguous).length,
        0,
      ),
    forget,
  };
}

/** The lane logic judged before; that a sequence is taken once is kept here as well. */
function refuseKnown(received: InPackage, contiguous: number, known: string | undefined): void {
  const { sequence, digest } = received;
  if (known !== undefined && known !== digest) {
    throw new SallyportError('LANE_FORK', `sequence ${sequence} was used for another package`);
  }
  if (known !== undefined || sequence <= contiguous) {
    throw new SallyportError('LANE_REPLAY', `package ${sequence} was recorded before`);
  }
}

/**
 * Messages go with their package once it is finished: first they, then its row. The last package of the
 * contiguous run stays, for the next one must continue it. By the time of arrival here, never by a
 * time in an id: the sender's clock does not decide what is remembered.
 */
function forgetting(sql: Statements): (beforeMs: number, count: number) => void {
  const done = `p.finished = 1 AND p.received_at < ?
    AND p.sequence < (SELECT contiguous FROM in_lane l WHERE l.lane = p.lane)`;
  const messages = sql.all<{ id: string }>(
    `SELECT m.id FROM in_package p JOIN in_message m ON m.lane = p.lane AND m.sequence = p.sequence
     WHERE ${done} ORDER BY p.received_at LIMIT ?`,
  );
  const packages = sql.all<{ lane: string; sequence: number }>(
    `SELECT p.lane, p.sequence FROM in_package p WHERE ${done} AND NOT EXISTS
       (SELECT 1 FROM in_message m WHERE m.lane = p.lane AND m.sequence = p.sequence)
     ORDER BY p.received_at LIMIT ?`,
  );
  const removeMessage = sql.change('DELETE FROM in_message WHERE id = ?');
  const removePackage = sql.change('DELETE FROM in_package WHERE lane = ? AND sequence = ?');
  return (beforeMs, count) => {
    for (const { id } of messages(beforeMs, count)) removeMessage(id);
    for (const { lane, sequence } of packages(beforeMs, count)) removePackage(lane, sequence);
  };
}

interface Row {
  lane: string;
  sequence: number;
  package_id: string;
  digest: string;
  previous: string;
  bytes: number;
  messages: number;
  received_at: number;
  finished: number;
}

function packageOf(row: Row): InPackage {
  const { lane, sequence, digest, previous, bytes, messages } = row;
  return {
    lane,
    sequence,
    packageId: row.package_id,
    digest,
    previous,
    bytes,
    messages,
    receivedAtMs: row.received_at,
    finished: row.finished === 1,
  };
}

interface MessageRow {
  id: string;
  lane: string;
  sequence: number;
  flow: string;
  consumer: string;
  deadline_at: number;
  received_at: number;
  state: InMessage['state'];
  code: ErrorCode | null;
}

function messageOf(row: MessageRow): InMessage {
  const { id, lane, sequence, flow, consumer, state } = row;
  return {
    id,
    lane,
    sequence,
    flow,
    consumer,
    deadlineMs: row.deadline_at,
    state,
    receivedAtMs: row.received_at,
    ...(row.code !== null && { code: row.code }),
  };
}
