/**
 * collect ▶ open: the guard's incoming half. Each package is verified, placed on its lane and recorded
 * in one commit together with what the journey makes of its messages; only then does anything happen.
 */
import type { Logger } from 'pino';
import type { AuditLog } from '../../audit/log.ts';
import { listSpool, parseSpoolName } from '../../channel/spool.ts';
import { asSallyportError, SallyportError } from '../../errors.ts';
import { createReceivingLane, type ReceivingLane } from '../../exchange/lane.ts';
import type { MessageHeader } from '../../exchange/message.ts';
import { createReceiptBook, type ReceiptBook } from '../../exchange/receipts.ts';
import { openPackage } from '../../package/open.ts';
import { bytesSource } from '../../package/source.ts';
import { verifyManifest } from '../../package/verify.ts';
import { type LaneName, laneKey, type Signer } from '../../ports.ts';
import type { InPackage, Store, StoreWrites } from '../../store/port.ts';
import type { Arrived, ArrivedPlace, NodeIdentity, PeerIdentity, Taking } from './context.ts';
import { patiently } from './patience.ts';
import { archive, readPackage, remove, type SpoolPaths, setAside } from './spool.ts';

export interface ReceivingOptions {
  readonly self: NodeIdentity;
  readonly peer: PeerIdentity;
  readonly store: Store;
  readonly audit: AuditLog;
  readonly signer: Signer;
  readonly spool: SpoolPaths;
  readonly log: Logger;
  readonly now: () => number;
  readonly stopping: AbortSignal;
  /** A package came too late to count: what it said is lost here. */
  readonly passedOver: () => void;
  /** What to do with one message; may throw a coded error, which refuses that message alone. */
  readonly take: (arrived: Arrived) => Taking;
  readonly flushAudit: () => void;
}

export interface ReceivingHalf {
  readonly lane: ReceivingLane;
  readonly laneName: string;
  readonly book: ReceiptBook;
  /** New files in the spool, by name. */
  collected(names: readonly string[]): void;
  /** After a restart: reads again what was received and not finished, and what came meanwhile. */
  resume(): Promise<void>;
  finish(tx: StoreWrites, place: ArrivedPlace, id: string): void;
  readonly queued: number;
}

/** A file that came, by name, or a package that the store holds unfinished. */
type Work = string | InPackage;

type Opened = Awaited<ReturnType<typeof openPackage>>;

export function createReceiving(options: ReceivingOptions): ReceivingHalf {
  const { self, peer, store, audit, log, now } = options;
  const expected: LaneName = {
    sender: peer.nodeId,
    receiver: self.nodeId,
    channel: self.role === 'outer' ? 'export' : 'import',
    flowClass: 'interactive',
  };
  const laneName = laneKey(expected);
  const stored = store.inLanes().find((one) => one.lane === laneName);
  const lane = createReceivingLane(stored ?? { contiguous: 0, beyond: [] }, (sequence) =>
    store.inboundPlace(laneName, sequence),
  );
  const book = createReceiptBook(laneName, lane);
  /** Package → ids of its messages that are not finished. */
  const open = new Map<string, Set<string>>();
  const waiting: Work[] = [];
  const known = new Set<string>();
  let busy = false;

  const trust = { nodeId: peer.nodeId, certificate: peer.signCertificate };

  /** `received`: when a package that is read again came; it was fresh then. */
  const openFile = (bytes: Buffer, received?: InPackage): Promise<Opened> =>
    openPackage(bytesSource(bytes), {
      trust,
      self: {
        nodeId: self.nodeId,
        certificate: self.decryptCertificate,
        derive: (point) => options.signer.derive('decrypt', point),
      },
      nowMs: received?.receivedAtMs ?? now(),
      lane: expected,
      check(place) {
        if (!received) lane.judge(place);
      },
    });

  /** Takes every message; those that are refused cost only themselves. */
  const takeAll = (messages: Opened['messages'], place: ArrivedPlace, again: boolean) => {
    const ids = new Set<string>();
    return messages.flatMap((message) => {
      const { id } = message.header;
      try {
        if (ids.has(id)) throw new SallyportError('MESSAGE_DUPLICATE', 'twice in one package');
        ids.add(id);
        return [{ ...options.take({ ...message, place, again }), id }];
      } catch (thrown) {
        const error = asSallyportError(thrown);
        // No room in the audit log: not the message's fault, and nothing may go on unrecorded.
        if (error.code === 'OVERLOADED') throw error;
        refuse(error, place, message.header);
        return [];
      }
    });
  };

  const refuse = (error: SallyportError, place?: ArrivedPlace, header?: MessageHeader): void => {
    log.warn({ code: error.code, detail: error.message, ...place, id: header?.id }, 'refused');
    audit.append({
      event: 'refuse',
      atMs: now(),
      code: error.code,
      ...place,
      ...(header && { exchangeId: header.id }),
    });
    options.flushAudit();
  };

  const receive = async (name: string): Promise<void> => {
    const startedMs = performance.now();
    const collectedAtMs = now();
    const bytes = readPackage(options.spool.inDir, name);
    if (!bytes) return;
    const opened = await openFile(bytes).catch(async (thrown) => {
      if (asSallyportError(thrown).code === 'PACKAGE_EXPIRED') await passOver(bytes, collectedAtMs);
      throw thrown;
    });
    const { packageId, sequence, previous } = opened.manifest;
    const place: ArrivedPlace = { lane: laneName, sequence, packageId };
    audit.append({ event: 'collect', atMs: collectedAtMs, ...place, bytes: bytes.length });
    audit.append({
      event: 'open',
      atMs: now(),
      ...place,
      count: opened.messages.length,
      tookMs: performance.now() - startedMs,
    });
    const takings = takeAll(opened.messages, place, false);
    const unfinished = takings.flatMap(({ id, open }) => (open ? [id] : []));
    const record: InPackage = {
      ...place,
      digest: opened.digest,
      previous,
      bytes: bytes.length,
      messages: opened.messages.length,
      receivedAtMs: collectedAtMs,
      finished: unfinished.length === 0,
    };
    if (unfinished.length > 0) open.set(packageId, new Set(unfinished));
    await commit((tx) => {
      tx.recordInbound(record, bytes);
      for (const taking of takings) taking.record?.(tx);
      audit.drain(tx);
    });
    lane.accept({ sequence, digest: opened.digest, previous });
    if (opened.messages.some(({ header }) => wantsReceipt(header))) book.due(performance.now());
    goOn(takings);
    archive(options.spool.inDir, name, options.spool.archiveInDir);
  };

  /** A package is decided once: what cannot be stored now is stored later, it does not come again. */
  const commit = (work: (tx: StoreWrites) => void): Promise<void> =>
    patiently(Number.POSITIVE_INFINITY, () => store.write(work), options.stopping);

  /** What happens to one message must not depend on the others of its package. */
  const goOn = (takings: readonly Taking[]): void => {
    for (const { after } of takings) {
      try {
        after?.();
      } catch (err) {
        log.error({ err }, 'a message was recorded and not gone on with');
      }
    }
  };

  /**
   * An authentic package that came after its expiry: its messages have no effect. It takes its place all
   * the same, for what follows it on the lane. Errors: those of ReceivingLane.judge and of the store.
   */
  const passOver = async (bytes: Buffer, receivedAtMs: number): Promise<void> => {
    const { manifest, digest } = await verifyManifest(bytesSource(bytes), trust);
    const { packageId, sequence, previous, messageCount: messages } = manifest;
    lane.judge({ sequence, digest, previous });
    const place = { lane: laneName, sequence, packageId, digest, previous };
    await commit((tx) =>
      tx.recordInbound(
        { ...place, bytes: bytes.length, messages, receivedAtMs, finished: true },
        bytes,
      ),
    );
    lane.accept(place);
    book.due(performance.now());
    options.passedOver();
  };

  /** What of a stored package is not finished is taken again. */
  const reread = async (stored: InPackage): Promise<void> => {
    const place = placeOf(stored);
    const messages = store.unfinishedMessages(place.lane, place.sequence);
    const unfinished = new Set(messages.map((message) => message.id));
    const content = store.packageContent(place.packageId);
    if (!content) throw new SallyportError('STORE_DAMAGED', 'expected the bytes of a package');
    const opened = await openFile(content, stored);
    const rest = opened.messages.filter(({ header }) => unfinished.has(header.id));
    open.set(place.packageId, unfinished);
    goOn(takeAll(rest, place, true));
  };

  const tryWork = async (work: Work): Promise<void> => {
    try {
      if (typeof work !== 'string') return await reread(work);
      await receive(work);
      known.delete(work);
    } catch (thrown) {
      const error = asSallyportError(thrown);
      if (options.stopping.aborted) return;
      if (retryable.has(error.code)) {
        log.warn({ code: error.code, detail: error.message }, 'cannot open now, will try again');
        setTimeout(() => enqueue([work]), retryMs);
        return;
      }
      if (typeof work !== 'string') return refuse(error, placeOf(work));
      const sequence = parseSpoolName(work)?.sequence;
      audit.append({
        event: error.code === 'LANE_REPLAY' ? 'duplicate' : 'refuse',
        atMs: now(),
        code: error.code,
        lane: laneName,
        ...(sequence !== undefined && { sequence }),
      });
      options.flushAudit();
      known.delete(work);
      if (error.code === 'LANE_REPLAY') {
        book.due(performance.now());
        remove(options.spool.inDir, work);
      } else {
        log.warn({ code: error.code, detail: error.message, name: work }, 'package refused');
        setAside(options.spool, work);
      }
    }
  };

  const run = async (): Promise<void> => {
    busy = true;
    for (let work = waiting.shift(); work !== undefined; work = waiting.shift()) {
      // A refusal that the audit log has no room for is not made yet.
      await tryWork(work).catch(() => setTimeout(() => enqueue([work]), retryMs));
    }
    busy = false;
  };
  const enqueue = (works: readonly Work[]): void => {
    waiting.push(...works);
    if (!busy) void run();
  };

  return {
    lane,
    laneName,
    book,
    collected(names) {
      const fresh = names.filter((name) => !known.has(name));
      for (const name of fresh) known.add(name);
      enqueue(fresh);
    },
    async resume() {
      enqueue(store.unfinishedInbound());
      const names = await listSpool(options.spool.inDir);
      for (const name of names) known.add(name);
      enqueue(names);
    },
    // May run again for the same message when the commit around it failed.
    finish(tx, place, id) {
      const left = open.get(place.packageId);
      left?.delete(id);
      if (left && left.size > 0) return;
      open.delete(place.packageId);
      tx.finishInbound(place.lane, place.sequence);
    },
    get queued() {
      return waiting.length;
    },
  };
}

const retryMs = 200;

/** Not the package's fault: it is tried again. */
const retryable: ReadonlySet<string> = new Set([
  'HSM_LOST',
  'HSM_TOKEN',
  'HSM_PIN',
  'IPC_LOST',
  'IPC_TIMEOUT',
  'OVERLOADED',
  'STORE_FULL',
  'STORE_FAILED',
]);

const wantsReceipt = (header: MessageHeader): boolean =>
  header.type !== 'receipt' && header.type !== 'heartbeat';

const placeOf = ({ lane, sequence, packageId }: InPackage): ArrivedPlace => ({
  lane,
  sequence,
  packageId,
});
