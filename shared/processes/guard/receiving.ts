/**
 * collect ▶ open: the guard's incoming half. Each package is verified, placed on its lane and recorded
 * in one commit together with what the journey makes of its messages; only then does anything happen.
 * What is authentic and cannot be taken is held until a later package shows whose fault that is.
 */
import type { Logger } from 'pino';
import type { AuditLog } from '../../audit/log.ts';
import { asSallyportError, SallyportError } from '../../errors.ts';
import { createHold, type HoldStatus, isHoldable } from '../../exchange/hold.ts';
import { createReceivingLane, type ReceivingLane } from '../../exchange/lane.ts';
import type { MessageHeader } from '../../exchange/message.ts';
import { createReceiptBook, type ReceiptBook } from '../../exchange/receipts.ts';
import { limits } from '../../limits.ts';
import type { Manifest } from '../../package/manifest.ts';
import { openPackage } from '../../package/open.ts';
import { bytesSource } from '../../package/source.ts';
import { type LaneName, laneKey, type Signer } from '../../ports.ts';
import type { InPackage, Store, StoreWrites } from '../../store/port.ts';
import type { Arrived, ArrivedPlace, NodeIdentity, PeerIdentity, Taking } from './context.ts';
import { createIntake } from './intake.ts';
import { patiently, retryable } from './patience.ts';
import type { SparingRecord } from './sparing.ts';
import { archive, nameOf, readPackage, remove, type SpoolPaths, setAside } from './spool.ts';
import { verifyWhole } from './whole.ts';

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
  /** What an authentic package says of the peer: its clock, its policy. */
  readonly heard: (manifest: Manifest) => void;
  /** A package came too late to count: what it said is lost here. */
  readonly passedOver: () => void;
  /** What to do with one message; may throw a coded error, which refuses that message alone. */
  readonly take: (arrived: Arrived) => Taking;
  /** For refusals and repetitions, which the peer and the mover can cause at will. */
  readonly refusals: SparingRecord;
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
  /** Packages that are authentic and cannot be taken now: a clock or a key is not as it should be. */
  readonly held: HoldStatus | undefined;
}

/** A file that came. */
interface Came {
  readonly name: string;
  readonly bytes: Buffer;
  readonly atMs: number;
  readonly startedMs: number;
  /** As its manifest says, once that is known to be the peer's. */
  place?: ArrivedPlace;
}

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
  const hold = createHold();
  const trust = { nodeId: peer.nodeId, certificate: peer.signCertificate };

  const openAt = (
    bytes: Buffer,
    nowMs: number | undefined,
    check: Parameters<typeof openPackage>[1]['check'],
  ): Promise<Opened> =>
    openPackage(bytesSource(bytes), {
      trust,
      self: {
        nodeId: self.nodeId,
        certificate: self.decryptCertificate,
        derive: (point) => options.signer.derive('decrypt', point),
      },
      lane: expected,
      nowMs,
      check,
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
        refuse(error, place, id);
        return [];
      }
    });
  };

  const refuse = ({ code, message }: SallyportError, about: ArrivedPlace, id?: string): void => {
    const ofMessage = id !== undefined && { exchangeId: id };
    options.refusals.record(
      { event: 'refuse', atMs: now(), code, ...about, ...ofMessage },
      message,
    );
  };

  const receive = async (came: Came): Promise<void> => {
    const { bytes, atMs } = came;
    try {
      const opened = await openAt(bytes, atMs, (manifest) => {
        came.place = placeOf({ ...manifest, lane: laneName });
        options.heard(manifest);
        // However far it jumps, it says nothing of what is further than the window.
        const furthest = lane.contiguous + limits.laneWindowMax + 1;
        hold.proved(Math.min(manifest.sequence, furthest), 'fits');
        lane.judge(manifest);
      });
      await takeIn(came, opened);
      hold.proved(opened.manifest.sequence, 'opened');
    } catch (thrown) {
      const opened = await judgeAgain(came, asSallyportError(thrown));
      if (opened) await takeIn(came, opened);
    }
  };

  const takeIn = async ({ name, bytes, atMs, startedMs }: Came, opened: Opened): Promise<void> => {
    const { manifest, digest, messages } = opened;
    const { sequence, previous } = manifest;
    const place = placeOf({ ...manifest, lane: laneName });
    const tookMs = performance.now() - startedMs;
    audit.append({ event: 'collect', atMs, ...place, bytes: bytes.length });
    audit.append({ event: 'open', atMs: now(), ...place, count: messages.length, tookMs });
    const takings = takeAll(messages, place, false);
    const unfinished = takings.flatMap(({ id, open }) => (open ? [id] : []));
    const record: InPackage = {
      ...{ ...place, digest, previous, receivedAtMs: atMs },
      ...{ bytes: bytes.length, messages: messages.length },
      finished: unfinished.length === 0,
    };
    await commit((tx) => {
      tx.recordInbound(record, bytes);
      for (const taking of takings) taking.record?.(tx);
      audit.drain(tx);
    });
    if (unfinished.length > 0) open.set(place.packageId, new Set(unfinished));
    lane.accept({ sequence, digest, previous });
    if (messages.some(({ header }) => wantsReceipt(header))) book.due(performance.now());
    goOn(takings);
    archive(options.spool.inDir, name, options.spool.archiveInDir, nameOf(place));
    intake.done(name);
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
   * A package that cannot be taken, `error` says why. Where all of it is the peer's it is held, passed over,
   * or opened after all. Errors: `error` where it is refused or passed over, those of the lane.
   */
  const judgeAgain = async (came: Came, error: SallyportError): Promise<Opened | undefined> => {
    const { name, bytes, atMs } = came;
    if (!isHoldable(error.code)) throw error;
    const { manifest, digest } = await verifyWhole(bytes, trust, laneName).catch(() => {
      throw error;
    });
    const { sequence, previous } = manifest;
    const place = placeOf({ ...manifest, lane: laneName });
    came.place = place;
    options.heard(manifest);
    lane.judge({ sequence, digest, previous });
    const verdict = hold.judge(sequence, error.code);
    if (verdict === 'take') return openAt(bytes, undefined, () => {});
    if (verdict === 'hold') {
      refuse(error, place);
      const held = { name, sequence, bytes: bytes.length, code: error.code };
      if (hold.keep(held, now())) return undefined;
      remove(options.spool.inDir, name);
      return void intake.done(name);
    }
    const sizes = { bytes: bytes.length, messages: manifest.messageCount };
    const record = { ...place, digest, previous, ...sizes, receivedAtMs: atMs, finished: true };
    await commit((tx) => tx.recordInbound(record, bytes));
    lane.accept({ sequence, digest, previous });
    book.due(performance.now());
    options.passedOver();
    throw error;
  };

  /** What of a stored package is not finished is taken again. */
  const reread = async (stored: InPackage): Promise<void> => {
    const place = placeOf(stored);
    const messages = store.unfinishedMessages(place.lane, place.sequence);
    const unfinished = new Set(messages.map((message) => message.id));
    const content = store.packageContent(place.packageId);
    if (!content) throw new SallyportError('STORE_DAMAGED', 'expected the bytes of a package');
    const opened = await openAt(content, undefined, () => {});
    const rest = opened.messages.filter(({ header }) => unfinished.has(header.id));
    open.set(place.packageId, unfinished);
    goOn(takeAll(rest, place, true));
  };

  const receiveFile = async (name: string): Promise<void> => {
    const { spool } = options;
    let came: Came | undefined;
    try {
      const bytes = readPackage(spool.inDir, name);
      if (!bytes) return intake.done(name);
      came = { name, bytes, atMs: now(), startedMs: performance.now() };
      await receive(came);
    } catch (thrown) {
      const error = asSallyportError(thrown);
      const { code, message } = error;
      if (options.stopping.aborted || retryable.has(code)) throw error;
      const event = code === 'LANE_REPLAY' ? 'duplicate' : 'refuse';
      const about = { atMs: now(), code, lane: laneName, ...came?.place };
      options.refusals.record({ event, ...about }, `${name}: ${message}`);
      intake.done(name);
      if (code === 'LANE_REPLAY') book.due(performance.now());
      if (code === 'LANE_REPLAY' || code === 'LANE_WINDOW') remove(spool.inDir, name);
      else setAside(spool.inDir, name, spool.refusedDir);
    }
  };

  const tryWork = async (work: string | InPackage): Promise<void> => {
    try {
      await (typeof work === 'string' ? receiveFile(work) : reread(work));
    } catch (thrown) {
      const error = asSallyportError(thrown);
      const { code, message } = error;
      if (options.stopping.aborted) return;
      if (!retryable.has(code)) return refuse(error, placeOf(work as InPackage));
      log.warn({ code, detail: message }, 'cannot open now, will try again');
      tryLater(work);
    }
    intake.enqueue(hold.ripe().map(({ name }) => name));
  };
  const tryLater = (work: string | InPackage): void =>
    void setTimeout(() => intake.enqueue([work]), retryMs);
  // A refusal that the audit log has no room for is not made yet.
  const intake = createIntake<InPackage>(options.spool.inDir, (work) =>
    tryWork(work).catch(() => tryLater(work)),
  );

  return {
    lane,
    laneName,
    book,
    collected: intake.collected,
    async resume() {
      intake.enqueue(store.unfinishedInbound());
      await intake.list();
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
      return intake.queued;
    },
    get held() {
      return hold.status();
    },
  };
}

const retryMs = 200;

const wantsReceipt = (header: MessageHeader): boolean =>
  header.type !== 'receipt' && header.type !== 'heartbeat';

const placeOf = ({ lane, sequence, packageId }: ArrivedPlace): ArrivedPlace => ({
  lane,
  sequence,
  packageId,
});
