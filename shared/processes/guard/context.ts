/** What a guard's journey works with. Wired once in run.ts; nothing here is global. */
import type { Logger } from 'pino';
import type { AuditLog } from '../../audit/log.ts';
import type { MessageHeader } from '../../exchange/message.ts';
import type { Outgoing } from '../../exchange/outbox.ts';
import type { AskPlugins } from '../../plugins/ask.ts';
import type { CompiledPolicy } from '../../policy/compile.ts';
import type { Role, Signer } from '../../ports.ts';
import type { OutPackage, Store, StoreWrites } from '../../store/port.ts';
import type { Answer, Handlers } from '../ipc/peer.ts';
import type { Disk } from './disk.ts';
import type { Examine } from './examine.ts';
import type { MaskKeys } from './mask-keys.ts';
import type { SparingRecord } from './sparing.ts';

export interface NodeIdentity {
  readonly nodeId: string;
  readonly role: Role;
  readonly signCertificate: Buffer;
  readonly decryptCertificate: Buffer;
}

export interface PeerIdentity {
  readonly nodeId: string;
  readonly signCertificate: Buffer;
  readonly decryptCertificate: Buffer;
}

export interface PolicyInForce {
  readonly compiled: CompiledPolicy;
  readonly version: number;
  readonly appliedAtMs: number;
}

/** The sending half of the node's channel, as the journey sees it. */
export interface Sending {
  /** Resolves when the message is accepted: sealed, durable, on its way. */
  enqueue(outgoing: Outgoing): Promise<OutPackage>;
  readonly queued: number;
}

export interface GuardContext {
  readonly self: NodeIdentity;
  readonly peer: PeerIdentity;
  readonly store: Store;
  readonly audit: AuditLog;
  readonly signer: Signer;
  readonly log: Logger;
  readonly sending: Sending;
  /** Asked before something new is taken. */
  readonly disk: Disk;
  readonly now: () => number;
  /** Milliseconds on a clock that is never set: for waits. */
  readonly steady: () => number;
  /** Aborted when the guard stops: whatever tries again and again ends then. */
  readonly stopping: AbortSignal;
  /** Asks the edge. IPC_LOST while it is away. */
  readonly askEdge: (
    verb: string,
    head: unknown,
    body: Uint8Array,
    timeoutMs: number,
  ) => Promise<Answer>;
  /** Looks into the files of a body and has them scanned. */
  readonly examine: Examine;
  /** Marks one message of a received package finished; call inside the commit that ends it. */
  readonly finish: (tx: StoreWrites, place: ArrivedPlace, id: string) => void;
  /** For refusals that the peer can cause at will. */
  readonly refusals: SparingRecord;
  /** Commits the audit events that wait, soon. */
  readonly flushAudit: () => void;
  /** Keys and tokens of masks; only the inner node opens them. */
  readonly maskKeys: MaskKeys;
  /** Asks plug-ins; what they give is checked. Each failure is an audit event. */
  readonly askPlugins: AskPlugins;
  /** A policy comes into force by a plan alone, which two people agreed on. */
  readonly fourEyes: boolean;
  readonly policy: () => PolicyInForce | undefined;
  /** Puts a policy into force, where it is newer. */
  readonly obey: (policy: PolicyInForce) => void;
}

/** Where a message came from: enough to find its package again. */
export interface ArrivedPlace {
  readonly lane: string;
  readonly sequence: number;
  readonly packageId: string;
}

export interface Arrived<H extends MessageHeader = MessageHeader> {
  readonly header: H;
  readonly body: Buffer;
  /** SHA-256 (hex) of the encoded message. */
  readonly digest: string;
  readonly place: ArrivedPlace;
  /** True when the package was received before and is read again after a restart. */
  readonly again: boolean;
}

/** What the journey wants done about one message that arrived. */
export interface Taking {
  /** Joins the commit that records the package. */
  readonly record?: (tx: StoreWrites) => void;
  /** Runs after that commit. */
  readonly after?: () => void;
  /** True when the message is not finished with that commit: `finish` will be called. */
  readonly open?: boolean;
}

/** A node's part of the journey: what it does with calls and with messages. */
export interface Journey {
  /** Verbs for the edge and for the admin process. */
  readonly handlers: Handlers;
  /** Decides about one opened message; synchronous. A coded error refuses that message alone. */
  take(arrived: Arrived): Taking;
  /** Every second or so: deadlines, retention. */
  tick(nowMs: number): void;
  /** After start, and when packages came too late to count: what the peer must hear from this node. */
  announce(): void;
  status(): Readonly<Record<string, unknown>>;
}
