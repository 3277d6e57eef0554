/**
 * seal ▶ send: the guard's outgoing half. One outbox per class on the node's channel, the packages in
 * flight, and the receipts that settle them.
 */
import type { AuditLog } from '../../audit/log.ts';
import { SallyportError } from '../../errors.ts';
import { zeroDigest } from '../../exchange/lane.ts';
import type { ReceiptHeader } from '../../exchange/message.ts';
import { createOutbox, type Outbox, type Outgoing } from '../../exchange/outbox.ts';
import { createInFlight, type InFlight } from '../../exchange/resend.ts';
import { newId } from '../../ids.ts';
import { limits } from '../../limits.ts';
import type { EncodedMessage } from '../../package/message.ts';
import { sealPackage } from '../../package/seal.ts';
import { type LaneName, laneKey, type Signer } from '../../ports.ts';
import type { OutPackage, Store } from '../../store/port.ts';
import type { NodeIdentity, PeerIdentity, Sending } from './context.ts';
import { patiently } from './patience.ts';
import {
  archive,
  cleanTemporary,
  hasPackage,
  nameOf,
  packagesIn,
  putPackage,
  readPackage,
  type SpoolPaths,
  setForeignAside,
} from './spool.ts';

export interface SendingOptions {
  readonly self: NodeIdentity;
  readonly peer: PeerIdentity;
  readonly store: Store;
  readonly audit: AuditLog;
  readonly signer: Signer;
  readonly spool: SpoolPaths;
  /** How long a package that is sealed here stays acceptable. */
  readonly expiresMs: number;
  /** How many messages one package may hold, those that ride along not counted. */
  readonly messagesMax: number;
  /** How long a receipt may take before the first resend. */
  readonly resendFirstMs: number;
  readonly policyVersion: () => number;
  readonly riders: () => Outgoing[];
  readonly tellMover: (verb: 'queued' | 'resend', names: string[]) => void;
  readonly now: () => number;
  readonly stopping: AbortSignal;
}

export interface SendingHalf extends Sending {
  readonly lane: string;
  readonly head: number;
  readonly inFlight: number;
  /**
   * Checks a receipt of the peer. What it returns, for after the commit of its package, forgets what
   * arrived and sends again what is missing. Errors: PACKAGE_MESSAGE.
   */
  receipt(header: ReceiptHeader): () => void;
  /** The mover's report. */
  sent(names: readonly string[], atMs: readonly number[]): void;
  nudge(): void;
  tick(): void;
}

/** Opens the lane where the store left it; publishes what a crash left staged. */
export async function createSending(options: SendingOptions): Promise<SendingHalf> {
  const { self, peer, store, audit, now } = options;
  const laneName: LaneName = {
    sender: self.nodeId,
    receiver: peer.nodeId,
    channel: self.role === 'outer' ? 'import' : 'export',
    flowClass: 'interactive',
  };
  const lane = laneKey(laneName);
  const stored = store.outLanes().find((one) => one.lane === lane);
  const inFlight = createInFlight(options.resendFirstMs);
  for (const place of store.unacknowledged()) {
    if (place.lane === lane) inFlight.add(place, performance.now());
  }
  fillSpool(options, inFlight.all());
  /** Reported sent after their receipt, and not recorded as such yet. */
  const reported = new Set<number>();

  const seal = async (sequence: number, previous: string, messages: EncodedMessage[]) => {
    const startedMs = performance.now();
    const createdAtMs = now();
    const manifest = {
      packageId: newId(createdAtMs),
      lane: laneName,
      sequence,
      previous,
      createdAtMs,
      expiresAtMs: createdAtMs + options.expiresMs,
      policyVersion: options.policyVersion(),
    };
    const sealed = await sealPackage({
      suite: 'intl-1',
      manifest,
      sender: {
        certificate: self.signCertificate,
        sign: (digest) => options.signer.sign('sign', digest),
      },
      recipient: { certificate: peer.decryptCertificate },
      messages,
    });
    audit.append({
      event: 'seal',
      atMs: createdAtMs,
      packageId: manifest.packageId,
      lane,
      sequence,
      count: messages.length,
      bytes: sealed.bytes.length,
      tookMs: performance.now() - startedMs,
    });
    return { ...manifest, digest: sealed.digest, bytes: sealed.bytes };
  };

  const outbox: Outbox = createOutbox(stored ?? emptyLane(lane), {
    messagesMax: options.messagesMax,
    seal,
    riders: options.riders,
    commit: (work) =>
      store.write((tx) => {
        work(tx);
        audit.drain(tx);
      }),
    async publish(place, bytes) {
      inFlight.add(place, performance.now());
      await patiently(
        Number.POSITIVE_INFINITY,
        async () => {
          // A resend may have put it there meanwhile, and its receipt may have come.
          if (inFlight.get(place.sequence)) putPackage(options.spool.outDir, nameOf(place), bytes);
        },
        options.stopping,
      );
      options.tellMover('queued', [nameOf(place)]);
    },
  });

  return {
    lane,
    enqueue(outgoing) {
      if (
        outbox.queued >= limits.outboxMessagesMax ||
        outbox.queuedBytes >= limits.outboxBytesMax
      ) {
        return Promise.reject(new SallyportError('OVERLOADED', 'the outbox is full'));
      }
      if (
        inFlight.size >= limits.inFlightPackagesMax ||
        inFlight.bytes >= limits.inFlightBytesMax
      ) {
        return Promise.reject(new SallyportError('OVERLOADED', 'too much waits for its receipt'));
      }
      return outbox.enqueue(outgoing);
    },
    receipt(header) {
      const { contiguous, beyond, missing } = header;
      const last = Math.max(contiguous, beyond.at(-1) ?? 0, missing.at(-1) ?? 0);
      if (header.lane !== lane || last > outbox.head) {
        throw new SallyportError('PACKAGE_MESSAGE', 'expected a receipt for what this lane sent');
      }
      return () => settle(options, inFlight, header, lane);
    },
    sent(names, times) {
      for (const [index, name] of names.entries()) {
        const sequence = Number(name.split('-')[1]);
        const open = inFlight.get(sequence);
        // A receipt may overtake the mover's report: the store knows what is settled.
        const place =
          open ?? (reported.has(sequence) ? undefined : store.outPackage(lane, sequence));
        if (!place || nameOf(place) !== name || (!open && place.sentAtMs !== undefined)) continue;
        // Once for each time that it was handed over, however often the mover says so.
        if (open && !inFlight.sent(sequence, performance.now())) continue;
        const said = times[index] ?? now();
        const atMs = said >= place.createdAtMs && said <= now() ? said : now();
        audit.append({ event: 'send', atMs, packageId: place.packageId, lane, sequence });
        reported.add(sequence);
        void store
          .later((tx) => tx.markSent(lane, sequence, atMs))
          .catch(() => {})
          .finally(() => reported.delete(sequence));
      }
    },
    nudge: () => outbox.nudge(),
    tick: () => resend(options, inFlight, inFlight.late(performance.now())),
    get queued() {
      return outbox.queued;
    },
    get head() {
      return outbox.head;
    },
    get inFlight() {
      return inFlight.waiting;
    },
  };
}

function settle(
  options: SendingOptions,
  inFlight: InFlight,
  header: ReceiptHeader,
  lane: string,
): void {
  const { contiguous, beyond, missing } = header;
  const settled = inFlight.settle(contiguous, beyond);
  resend(options, inFlight, inFlight.asked(missing, performance.now()));
  if (settled.length === 0) return;
  const nowMs = options.now();
  const { sequence } = settled[settled.length - 1] as OutPackage;
  const record = (): Promise<void> =>
    options.store.later((tx) => tx.acknowledgeOutbound(lane, contiguous, beyond, nowMs));
  patiently(Number.POSITIVE_INFINITY, record, options.stopping)
    .then(() => {
      for (const place of settled) {
        archive(options.spool.outDir, nameOf(place), options.spool.archiveOutDir);
      }
      const count = settled.length;
      options.audit.append({ event: 'receipt', atMs: nowMs, lane, sequence, count });
    })
    // The node stops. After its next start they are sent again and settled by the next receipt.
    .catch(() => {});
}

function resend(options: SendingOptions, inFlight: InFlight, places: readonly OutPackage[]): void {
  const [first] = places;
  if (!first) return;
  for (const place of places) putAgain(options, place, inFlight.resends(place.sequence));
  options.tellMover('resend', places.map(nameOf));
  const { packageId, lane, sequence } = first;
  const which = places.length === 1 ? { packageId } : { count: places.length };
  options.audit.append({ event: 'resend', atMs: options.now(), lane, sequence, ...which });
}

/**
 * The mover may have lost the file, torn or changed it. That it is gone or shorter is seen; after a few
 * resends in vain it is put into the spool anew whatever it looks like.
 */
function putAgain(options: SendingOptions, place: OutPackage, resends: number): void {
  const name = nameOf(place);
  const whole = hasPackage(options.spool.outDir, { name, bytes: place.bytes });
  if (whole && resends % limits.resendsOfSpoolMax !== 0) return;
  try {
    putStored(options, place);
  } catch {
    // A full disk: the next resend tries again.
  }
}

/** After a crash: what the store holds unacknowledged lies in the spool, whole; nothing else does. */
function fillSpool(options: SendingOptions, unacknowledged: readonly OutPackage[]): void {
  const { spool } = options;
  setForeignAside(spool.outDir, spool.refusedDir);
  cleanTemporary(spool.outDir);
  const wanted = new Map(unacknowledged.map((place) => [nameOf(place), place]));
  for (const name of packagesIn(spool.outDir)) {
    if (!wanted.has(name)) archive(spool.outDir, name, spool.archiveOutDir);
  }
  let left: number = limits.storeCheckBytesMax;
  for (const [name, place] of wanted) {
    left -= place.bytes;
    const whole = hasPackage(spool.outDir, { name, bytes: place.bytes });
    if (!whole || (left > 0 && !isAsStored(options, place))) putStored(options, place);
  }
}

/** What differs would be refused by the peer, again and again. */
function isAsStored({ spool, store }: SendingOptions, place: OutPackage): boolean {
  const content = store.packageContent(place.packageId);
  return (
    content === undefined || readPackage(spool.outDir, nameOf(place))?.equals(content) === true
  );
}

/** Puts the store's copy into the spool. Where there is none the lane stands still: that is told. */
function putStored({ spool, store, audit, now }: SendingOptions, place: OutPackage): void {
  const content = store.packageContent(place.packageId);
  const { lane, sequence, packageId } = place;
  if (content) putPackage(spool.outDir, nameOf(place), content);
  else
    audit.append({
      event: 'refuse',
      atMs: now(),
      code: 'STORE_DAMAGED',
      lane,
      sequence,
      packageId,
    });
}

const emptyLane = (lane: string) => ({ lane, head: 0, headDigest: zeroDigest, acknowledged: 0 });
