/**
 * The guard process: the only one that sees plaintext and decides. It owns the store, seals what leaves,
 * opens what arrives and hands each message to the node's journey.
 */
import type { Logger } from 'pino';
import { createAuditLog } from '../../audit/log.ts';
import { SallyportError } from '../../errors.ts';
import type { Outgoing } from '../../exchange/outbox.ts';
import { newId } from '../../ids.ts';
import { limits } from '../../limits.ts';
import { encodeMessage } from '../../package/message.ts';
import type { Store, StoredPolicy } from '../../store/port.ts';
import { connect } from '../ipc/socket.ts';
import { createSigner } from '../signer/client.ts';
import { prune } from './archive.ts';
import { checkpoints } from './checkpoints.ts';
import type {
  GuardContext,
  Journey,
  NodeIdentity,
  PeerIdentity,
  PolicyInForce,
} from './context.ts';
import { type Doors, openDoors } from './doors.ts';
import { patientSigner } from './patience.ts';
import { enforce } from './policy.ts';
import { createReceiving } from './receiving.ts';
import { createSending } from './sending.ts';
import type { SpoolPaths } from './spool.ts';

export interface GuardOptions {
  readonly self: NodeIdentity;
  readonly peer: PeerIdentity;
  readonly store: Store;
  readonly spool: SpoolPaths;
  readonly socketPath: string;
  readonly signerSocketPath: string;
  /** How long a package sealed here stays acceptable. */
  readonly expiresMs: number;
  /** How long a receipt may take on this channel before the first resend. */
  readonly resendFirstMs: number;
  readonly heartbeatMs: number;
  readonly journey: (node: GuardContext) => Journey;
  readonly log: Logger;
  readonly now?: () => number;
}

export async function runGuard(options: GuardOptions): Promise<{ close(): Promise<void> }> {
  const { self, peer, store, log } = options;
  const now = options.now ?? Date.now;
  const audit = createAuditLog({ head: () => store.auditHead(), now });
  const signerLink = connect(options.signerSocketPath);
  const issuer = self.role === 'inner' ? self : peer;
  const stopping = new AbortController();
  let policy: PolicyInForce | undefined;
  let flushing = false;
  let doors: Doors | undefined;

  const flushAudit = (): void => {
    if (flushing) return;
    flushing = true;
    setTimeout(() => {
      flushing = false;
      store.write((tx) => audit.drain(tx)).catch(() => {});
    }, limits.auditFlushMs);
  };
  const signer = patientSigner(createSigner(signerLink), (code) => {
    log.warn({ code }, code ? 'the signer is away' : 'the signer is back');
    audit.append({ event: code ? 'key-lost' : 'key-back', atMs: now(), ...(code && { code }) });
    flushAudit();
  });
  const obey = (stored: StoredPolicy): void => {
    policy = enforce(stored, issuer);
    log.info({ version: policy.version }, 'policy in force');
  };
  const stored = store.policyBundle();
  if (stored) obey(stored);

  const tellMover = (verb: string, names: string[]): void => doors?.tellMover(verb, names);
  const sending = await createSending({
    ...{ self, peer, store, audit, signer, now, tellMover },
    spool: options.spool,
    expiresMs: options.expiresMs,
    resendFirstMs: options.resendFirstMs,
    policyVersion: () => policy?.version ?? 0,
    riders: () => ride(),
  });
  const receiving = createReceiving({
    ...{ self, peer, store, audit, signer, log, now, flushAudit },
    spool: options.spool,
    take(arrived) {
      const { header } = arrived;
      if (header.type === 'receipt') return { after: () => sending.receipt(header) };
      if (header.type !== 'heartbeat') return journey.take(arrived);
      return { after: () => receiving.lane.noteHead(header.head) };
    },
  });
  const ride = (): Outgoing[] => {
    const header = receiving.book.take(newId(), now());
    return header ? [quiet(header)] : [];
  };
  const node: GuardContext = {
    ...{ self, peer, store, audit, signer, log, sending, now, flushAudit, obey },
    stopping: stopping.signal,
    policy: () => policy,
    askEdge: (verb, head, body, timeoutMs) => {
      if (doors) return doors.askEdge(verb, head, body, timeoutMs);
      return Promise.reject(new SallyportError('NOT_READY', 'the guard is starting'));
    },
    finish: receiving.finish,
  };
  const journey = options.journey(node);

  audit.append({ event: 'start', atMs: now() });
  await receiving.resume();
  doors = await openDoors({
    socketPath: options.socketPath,
    journey: journey.handlers,
    collected: receiving.collected,
    sent: sending.sent,
    channel(up) {
      audit.append({ event: up ? 'channel-up' : 'channel-down', atMs: now(), lane: sending.lane });
      flushAudit();
    },
    refused(code, detail) {
      log.warn({ code, detail }, 'refused at the channel');
      audit.append({ event: 'refuse', atMs: now(), code });
      flushAudit();
    },
    store,
    storeCheck: () => store.write((tx) => tx.proveWritable(now())),
    status: () => ({
      role: self.role,
      node: self.nodeId,
      peer: peer.nodeId,
      policy: policy ? { version: policy.version, appliedAtMs: policy.appliedAtMs } : null,
      lanes: {
        out: [{ lane: sending.lane, head: sending.head, inFlight: sending.inFlight }],
        in: [{ lane: receiving.laneName, ...placeOf(receiving.lane) }],
      },
      queues: { outbox: sending.queued, inbound: receiving.queued, ...journey.status() },
      counts: store.counts(),
      audit: store.auditHead(),
    }),
  });
  journey.started();

  const heartbeat = (): void => {
    const header = { type: 'heartbeat', id: newId(), lane: sending.lane, head: sending.head };
    sending.enqueue(quiet({ ...header, type: 'heartbeat' })).catch(() => {});
  };
  const timers = [
    setInterval(() => {
      const nowMs = now();
      journey.tick(nowMs);
      sending.tick(nowMs);
      if (receiving.book.overdue(nowMs)) sending.nudge();
      if (audit.pending > 0) flushAudit();
    }, tickMs),
    setInterval(heartbeat, options.heartbeatMs),
    setInterval(() => {
      void store
        .write((tx) => tx.forget(now() - limits.answerRetentionMs, forgetMax))
        .catch(() => {});
    }, forgetEveryMs),
    setInterval(() => {
      void prune(options.spool.archiveOutDir, now());
      void prune(options.spool.archiveInDir, now());
    }, limits.archivePruneMs),
    checkpoints(audit, signer, flushAudit),
  ];
  return {
    async close() {
      stopping.abort();
      for (const timer of timers) clearInterval(timer);
      await doors?.close();
      signerLink.close();
      audit.append({ event: 'stop', atMs: now() });
      await store.write((tx) => audit.drain(tx)).catch(() => {});
      store.close();
    },
  };
}

const tickMs = 100;
const forgetEveryMs = 1_000;
const forgetMax = 5_000;

/** A message whose receipt nobody waits for. */
const quiet = (header: Parameters<typeof encodeMessage>[0]['header']): Outgoing => ({
  message: encodeMessage({ header, body: new Uint8Array(0) }),
  awaitsReceipt: false,
});

const placeOf = ({
  contiguous,
  beyond,
  head,
}: {
  contiguous: number;
  beyond: readonly number[];
  head: number;
}) => ({
  contiguous,
  beyond,
  head,
});
