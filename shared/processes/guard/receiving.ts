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
import { type LaneName, laneKey, type Signer } from '../../ports.ts';
import type { InPackage, Store, StoreWrites } from '../../store/port.ts';
import { archive } from './archive.ts';
import type { Arrived, ArrivedPlace, NodeIdentity, PeerIdentity, Taking } from './context.ts';
import { readPackage, remove, type SpoolPaths, setAside } from './spool.ts';

export interface ReceivingOptions {
  readonly self: NodeIdentity;
  readonly peer: PeerIdentity;
  readonly store: Store;
  readonly audit: AuditLog;
  readonly signer: Signer;
  readonly spool: SpoolPaths;
  readonly log: Logger;
  readonly now: () => number;
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
  /** After a restart: reads again what was received and not finished. */
  resume(): Promise<void>;
  finish(tx: StoreWrites, place: ArrivedPlace, id: string): void;
  finished(place: ArrivedPlace): void;
  readonly queued: number;
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
  const files = new Map<string, string>();
  /** Package → ids of its messages that are not finished. */
  const open = new Map<string, Set<string>>();
  const waiting: string[] = [];
  let known = new Set<string>();
  let busy = false;

  /** `received`: when a package that is read again came; it was fresh then. */
  const openFile = (bytes: Buffer, received?: InPackage): Promise<Opened> =>
    openPackage(bytesSource(bytes), {
      trust: { nodeId: peer.nodeId, certificate: peer.signCertificate },
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
        refuse(asSallyportError(thrown), place, message.header);
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
    const bytes = await readPackage(options.spool.inDir, name);
    const opened = await openFile(bytes);
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
    files.set(packageId, name);
    if (unfinished.length > 0) open.set(packageId, new Set(unfinished));
    await store.write((tx) => {
      tx.recordInbound(record);
      for (const taking of takings) taking.record?.(tx);
      audit.drain(tx);
    });
    lane.accept({ sequence, digest: opened.digest, previous });
    if (opened.messages.some(({ header }) => wantsReceipt(header))) book.due(now());
    for (const taking of takings) taking.after?.();
    if (unfinished.length === 0) finished(place);
  };

  const finished = (place: ArrivedPlace): void => {
    if ((open.get(place.packageId)?.size ?? 0) > 0) return;
    open.delete(place.packageId);
    const name = files.get(place.packageId);
    files.delete(place.packageId);
    if (name === undefined) return;
    known.delete(name);
    void archive(options.spool.inDir, name, options.spool.archiveInDir);
  };

  const tryReceive = async (name: string): Promise<void> => {
    try {
      await receive(name);
    } catch (thrown) {
      const error = asSallyportError(thrown);
      const sequence = parseSpoolName(name)?.sequence;
      if (retryable.has(error.code)) {
        log.warn({ code: error.code, detail: error.message }, 'cannot open now, will try again');
        setTimeout(() => enqueue([name]), retryMs);
        return;
      }
      audit.append({
        event: error.code === 'LANE_REPLAY' ? 'duplicate' : 'refuse',
        atMs: now(),
        code: error.code,
        lane: laneName,
        ...(sequence !== undefined && { sequence }),
      });
      options.flushAudit();
      known.delete(name);
      if (error.code === 'LANE_REPLAY') {
        book.due(now());
        await remove(options.spool.inDir, name);
      } else {
        log.warn({ code: error.code, detail: error.message, name }, 'package refused');
        await setAside(options.spool, name);
      }
    }
  };

  const run = async (): Promise<void> => {
    busy = true;
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      await tryReceive(name);
    }
    busy = false;
  };
  const enqueue = (names: readonly string[]): void => {
    waiting.push(...names);
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
      const names = await listSpool(options.spool.inDir);
      const byPackage = new Map(names.map((name) => [parseSpoolName(name)?.packageId, name]));
      known = new Set(names);
      const unfinished = store.unfinishedInbound();
      for (const place of unfinished) {
        const name = byPackage.get(place.packageId);
        if (name === undefined) {
          log.error({ ...placeOf(place) }, 'file of an unfinished package is missing');
          audit.append({ event: 'gap', atMs: now(), ...placeOf(place), code: 'STORE_DAMAGED' });
          continue;
        }
        byPackage.delete(place.packageId);
        await reread(name, place);
      }
      enqueue([...byPackage.values()]);
    },
    // May run again for the same message when the commit around it failed.
    finish(tx, place, id) {
      const left = open.get(place.packageId);
      left?.delete(id);
      if (!left || left.size === 0) tx.finishInbound(place.lane, place.sequence);
    },
    finished,
    get queued() {
      return waiting.length;
    },
  };

  async function reread(name: string, stored: InPackage): Promise<void> {
    const place = placeOf(stored);
    const unfinished = new Set(
      store.unfinishedMessages(place.lane, place.sequence).map((message) => message.id),
    );
    try {
      const opened = await openFile(await readPackage(options.spool.inDir, name), stored);
      const rest = opened.messages.filter(({ header }) => unfinished.has(header.id));
      files.set(place.packageId, name);
      open.set(place.packageId, unfinished);
      const takings = takeAll(rest, place, true);
      for (const taking of takings) taking.after?.();
    } catch (thrown) {
      refuse(asSallyportError(thrown), place);
    }
  }
}

const retryMs = 200;

/** Not the package's fault: it is tried again. */
const retryable: ReadonlySet<string> = new Set([
  'HSM_LOST',
  'HSM_TOKEN',
  'HSM_PIN',
  'IPC_LOST',
  'IPC_TIMEOUT',
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
