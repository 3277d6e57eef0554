/**
 * The guard process: the only one that sees plaintext and decides. It owns the store, seals what leaves,
 * opens what arrives and hands each message to the node's journey.
 */
import type { Logger } from 'pino';
import { createAuditLog } from '../../audit/log.ts';
import { asSallyportError, SallyportError } from '../../errors.ts';
import type { ReceivingLane } from '../../exchange/lane.ts';
import type { Outgoing } from '../../exchange/outbox.ts';
import { newId } from '../../ids.ts';
import { limits } from '../../limits.ts';
import { encodeMessage } from '../../package/message.ts';
import { unmaskedIn } from '../../policy/compile.ts';
import type { Store } from '../../store/port.ts';
import { scanFor } from '../scanner/client.ts';
import { createSigner } from '../signer/client.ts';
import type { Wires } from '../wires.ts';
import { createPruner } from './archive.ts';
import { checkpoints } from './checkpoints.ts';
import { createClock } from './clock.ts';
import type {
  GuardContext,
  Journey,
  NodeIdentity,
  PeerIdentity,
  PolicyInForce,
} from './context.ts';
import { createDisk } from './disk.ts';
import { type Doors, openDoors } from './doors.ts';
import { createExamining } from './examine.ts';
import { createMaskKeys } from './mask-keys.ts';
import { patientSigner } from './patience.ts';
import { createPlugins } from './plugins.ts';
import { enforce } from './policy.ts';
import { createReceiving } from './receiving.ts';
import { createRotation } from './rotation.ts';
import { createSending } from './sending.ts';
import { createSparingRecord } from './sparing.ts';
import { type SpoolPaths, setForeignAside } from './spool.ts';

export interface GuardOptions {
  readonly self: NodeIdentity;
  readonly peer: PeerIdentity;
  readonly store: Store;
  readonly spool: SpoolPaths;
  /** A folder on each volume that the node writes to. */
  readonly disks: readonly string[];
  /** Folder for files of the audit log, and how many events the store keeps beside them. */
  readonly auditFiles: string;
  readonly auditEventsMax?: number;
  readonly wires: Wires;
  /** How long a package sealed here stays acceptable. */
  readonly expiresMs: number;
  /** How many messages a package sealed here may hold; absent: as many as one can. */
  readonly messagesMax?: number;
  /** How long a receipt may take on this channel before the first resend. */
  readonly resendFirstMs: number;
  readonly heartbeatMs: number;
  /** The inner node's: a policy comes into force by an approved plan alone. */
  readonly fourEyes?: boolean;
  /** Names of the scanners of this node, as in its configuration. */
  readonly scanners?: readonly string[];
  /** A process of this node runs plug-ins. */
  readonly hasPlugins?: boolean;
  readonly journey: (node: GuardContext) => Journey;
  readonly log: Logger;
  readonly now?: () => number;
  /** Milliseconds on a clock that is never set. */
  readonly steady?: () => number;
}

export async function runGuard(options: GuardOptions): Promise<{ close(): Promise<void> }> {
  const { self, peer, store, log } = options;
  const now = options.now ?? Date.now;
  const steady = options.steady ?? (() => performance.now());
  const audit = createAuditLog({ head: () => store.auditHead(), now });
  const signerLink = options.wires('signer')();
  const scannerLink = options.wires('scanner')();
  const issuer = self.role === 'inner' ? self : peer;
  const stopping = new AbortController();
  let policy: PolicyInForce | undefined;
  let flushing = false;
  let doors: Doors | undefined;
  let announcing: NodeJS.Timeout | undefined;
  /** Of the peer's youngest package: which policy it obeyed when it was sealed. */
  let peerSays = { sequence: 0, policyVersion: 0 };

  const flushAudit = (): void => {
    if (flushing) return;
    flushing = true;
    const flushed = (): void => {
      flushing = false;
    };
    store.later((tx) => audit.drain(tx)).then(flushed, flushed);
  };
  // Apart, so that what a mover invents leaves room for what the peer is refused.
  const refusals = createSparingRecord({ audit, log, flushAudit, now });
  const ofMover = createSparingRecord({ audit, log, flushAudit, now });
  const wire = options.hasPlugins ? options.wires('plugins') : undefined;
  const plugins = createPlugins({ wire, refusals, now });
  const signer = patientSigner(createSigner(signerLink), (code) => {
    log.warn({ code }, code ? 'the signer is away' : 'the signer is back');
    audit.append({ event: code ? 'key-lost' : 'key-back', atMs: now(), ...(code && { code }) });
    flushAudit();
  });
  const obey = (newer: PolicyInForce): void => {
    if (policy && policy.version >= newer.version) return;
    policy = newer;
    log.info({ version: policy.version }, 'policy in force');
    plugins.watch(policy.compiled.policy);
  };
  const disk = createDisk({ dirs: options.disks, steady, log });
  const scan = scanFor(self.role, scannerLink, options.scanners ?? []);
  const examining = createExamining({ audit, flushAudit, now, steady, scan });
  const maskKeys = createMaskKeys({ self, store, signer });
  const stored = store.policyBundle();
  if (stored) obey(enforce(stored, issuer, maskKeys.secretsOf));

  const tellMover = (verb: string, names: string[]): void => doors?.tellMover(verb, names);
  const sending = await createSending({
    ...{ self, peer, store, audit, signer, now, tellMover, stopping: stopping.signal },
    spool: options.spool,
    expiresMs: options.expiresMs,
    messagesMax: options.messagesMax ?? limits.batchMessagesMax,
    resendFirstMs: options.resendFirstMs,
    policyVersion: () => policy?.version ?? 0,
    riders: () => ride(),
  });
  const head = store.auditHead().sequence;
  const clock = createClock({
    now,
    steady,
    slow: options.resendFirstMs >= limits.resendFirstSlowMs,
    lastKnownMs: store.auditBlocks(head, 1)[0]?.atMs,
    wasSet(byMs) {
      log.warn({ byMs }, 'the clock of this machine was set');
      audit.append({ event: 'clock-set', atMs: now(), byMs: Math.round(byMs) });
      flushAudit();
    },
    changed(apart, aheadMs) {
      const byMs = Math.round(aheadMs);
      const event = apart ? 'clock-apart' : 'clock-together';
      log.warn({ byMs, ...(apart && { code: 'CLOCK_APART' }) }, event);
      audit.append({ event, atMs: now(), byMs, ...(apart && { code: 'CLOCK_APART' }) });
      flushAudit();
    },
  });
  const receiving = createReceiving({
    ...{ self, peer, store, audit, signer, log, now, refusals, stopping: stopping.signal },
    spool: options.spool,
    heard({ createdAtMs, sequence, policyVersion }) {
      clock.heard(createdAtMs);
      if (sequence > peerSays.sequence) peerSays = { sequence, policyVersion };
    },
    take(arrived) {
      const { header } = arrived;
      if (header.type === 'receipt') return { after: sending.receipt(header) };
      if (header.type !== 'heartbeat') return journey.take(arrived);
      if (header.lane !== receiving.laneName) {
        throw new SallyportError('PACKAGE_MESSAGE', 'expected a heartbeat of its own lane');
      }
      return { after: () => receiving.lane.noteHead(header.head) };
    },
    passedOver() {
      if (announcing) return;
      announcing = setTimeout(() => {
        announcing = undefined;
        if (!stopping.signal.aborted) journey.announce();
      }, announceMs);
    },
  });
  const ride = (): Outgoing[] => {
    const header = receiving.book.take(newId(), performance.now());
    if (!header) return [];
    const { missing, lane } = header;
    const [sequence] = missing;
    if (sequence !== undefined) {
      audit.append({ event: 'gap', atMs: now(), lane, sequence, count: missing.length });
    }
    return [quiet(header)];
  };
  const node: GuardContext = {
    ...{ self, peer, store, audit, signer, log, sending, now, steady, flushAudit, refusals, obey },
    disk,
    stopping: stopping.signal,
    examine: examining.examine,
    maskKeys,
    askPlugins: plugins.ask,
    fourEyes: options.fourEyes ?? false,
    policy: () => policy,
    askEdge: (verb, head, body, timeoutMs) => {
      if (doors) return doors.askEdge(verb, head, body, timeoutMs);
      return Promise.reject(new SallyportError('NOT_READY', 'the guard is starting'));
    },
    finish: receiving.finish,
  };
  const journey = options.journey(node);

  audit.append({ event: 'start', atMs: now() });
  for (const name of setForeignAside(options.spool.inDir, options.spool.refusedDir)) {
    const event = { event: 'refuse', atMs: now(), code: 'CHANNEL_FRAME' } as const;
    refusals.record(event, `${JSON.stringify(name)}: expected a package`);
  }
  await receiving.resume();
  doors = openDoors({
    wires: options.wires,
    journey: journey.handlers,
    collected: receiving.collected,
    sent: sending.sent,
    channel(up) {
      const event = up ? 'channel-up' : 'channel-down';
      ofMover.record({ event, atMs: now(), lane: sending.lane });
    },
    refused(code, count, detail) {
      ofMover.record({ event: 'refuse', atMs: now(), code, count }, detail);
    },
    store,
    async storeCheck() {
      disk.expectRoom();
      await store.write((tx) => tx.proveWritable(now()));
    },
    status: () => ({
      ...{ role: self.role, node: self.nodeId, peer: peer.nodeId },
      policy: policy
        ? {
            version: policy.version,
            appliedAtMs: policy.appliedAtMs,
            unmasked: unmaskedIn(policy.compiled, now()),
            // The authority waits to be obeyed; the other way round there is nothing to wait for.
            ...(self.role === 'inner' &&
              peerSays.sequence > 0 && { peerVersion: peerSays.policyVersion }),
          }
        : null,
      lanes: {
        out: [{ lane: sending.lane, head: sending.head, inFlight: sending.inFlight }],
        in: [{ lane: receiving.laneName, ...placeOf(receiving.lane), held: receiving.held }],
      },
      queues: {
        ...{ outbox: sending.queued, inbound: receiving.queued },
        ...{ unexamined: examining.waiting, ...journey.status() },
      },
      clock: clock.status(),
      counts: store.counts(),
      audit: store.auditHead(),
      disk: disk.status() ?? null,
    }),
  });
  journey.announce();

  const heartbeat = (): void => {
    const header = { type: 'heartbeat', id: newId(), lane: sending.lane, head: sending.head };
    sending.enqueue(quiet({ ...header, type: 'heartbeat' })).catch(() => {});
  };
  const tick = (): void => {
    if (audit.pending > 0) flushAudit();
    try {
      clock.look();
      journey.tick(now());
      sending.tick();
      refusals.tick();
      ofMover.tick();
      if (receiving.book.overdue(performance.now())) sending.nudge();
    } catch (thrown) {
      // No room in the audit log while the store is away: all of it comes again with a later tick.
      log.warn({ code: asSallyportError(thrown).code }, 'put off');
    }
  };
  const { auditFiles: dir, auditEventsMax: eventsMax } = options;
  const rotate = createRotation({ store, dir, log, ...(eventsMax && { eventsMax }) });
  const pruners = [options.spool.archiveOutDir, options.spool.archiveInDir].map(createPruner);
  const timers = [
    setInterval(tick, tickMs),
    setInterval(heartbeat, options.heartbeatMs),
    setInterval(() => {
      void rotate();
      const before = now() - limits.answerRetentionMs;
      store.later((tx) => tx.forget(before, forgetMax)).catch(() => {});
    }, forgetEveryMs),
    setInterval(() => {
      for (const pruner of pruners) {
        pruner.prune(now()).catch((err) => log.warn({ err }, 'cannot prune the archive'));
      }
    }, limits.archivePruneMs),
    checkpoints(audit, signer, flushAudit),
  ];
  return {
    async close() {
      stopping.abort();
      for (const timer of timers) clearInterval(timer);
      doors?.close();
      signerLink.close();
      scannerLink.close();
      plugins.close();
      await store
        .write((tx) => {
          refusals.tell();
          ofMover.tell();
          audit.append({ event: 'stop', atMs: now() });
          audit.drain(tx);
        })
        .catch(() => {});
      store.close();
    },
  };
}

const tickMs = 100;
const announceMs = 1_000;
const forgetEveryMs = 1_000;
const forgetMax = 5_000;

/** A message whose receipt nobody waits for. */
const quiet = (header: Parameters<typeof encodeMessage>[0]['header']): Outgoing => ({
  message: encodeMessage({ header, body: new Uint8Array(0) }),
  awaitsReceipt: false,
});

const placeOf = ({ contiguous, beyond, head }: ReceivingLane) => ({ contiguous, beyond, head });
