/**
 * The store port: what a node must remember, in the verbs of the exchange.
 *
 * `write` and `later` are the only ways to change anything. A work is synchronous and only writes; all work
 * handed over in one turn of the event loop becomes durable in one commit (fsync) before any promise
 * resolves. A work that throws undoes itself alone. Errors: STORE_FAILED, STORE_FULL, STORE_DAMAGED.
 */
import type { CredentialUse } from '../accounts/last-use.ts';
import type { RecordedUse } from '../accounts/replays.ts';
import type { ErrorCode } from '../errors.ts';
import type { VaultRow } from '../masking/vault.ts';
import type { PolicyReads, PolicyWrites } from './policy-port.ts';

export interface Store extends PolicyReads {
  write(work: (tx: StoreWrites) => void): Promise<void>;
  /** Joins the next commit, at the latest one in `storeLaterMs`: for what a crash may forget. */
  later(work: (tx: StoreWrites) => void): Promise<void>;

  outLanes(): OutLane[];
  inLanes(): InLane[];
  /**
   * Packages whose receipt has not come, by lane and sequence ascending. Also those that nobody waits
   * for: a sequence that was used must be there to be sent again.
   */
  unacknowledged(): OutPackage[];
  /** Received packages that still hold unfinished messages, oldest first. */
  unfinishedInbound(): InPackage[];
  /** Messages of one received package that are not finished. */
  unfinishedMessages(lane: string, sequence: number): InMessage[];
  /** Digests of a received package and of the one before it, where that sequence was received. */
  inboundPlace(lane: string, sequence: number): { digest: string; previous: string } | undefined;
  inboundMessage(id: string): InMessage | undefined;
  outPackage(lane: string, sequence: number): OutPackage | undefined;
  /** The sealed bytes of a package that is not acknowledged, or not finished. */
  packageContent(packageId: string): Buffer | undefined;
  exchange(id: string): Exchange | undefined;
  idempotent(consumer: string, key: string): Exchange | undefined;
  /** Exchanges that wait for an answer, by deadline, at most `count`. */
  waitingExchanges(beforeDeadlineMs: number, count: number): Exchange[];
  /** Newest first, without bodies. */
  recentExchanges(count: number): Exchange[];
  /** Newest first, both directions: what `status` and the demo show. */
  counts(): StoreCounts;
  /** Uses of signatures that can be shown again after `nowMs`. */
  signatureUses(nowMs: number): RecordedUse[];
  /** When each credential was used last. */
  credentialUses(): CredentialUse[];
  policyBundle(): StoredPolicy | undefined;
  policyHistory(): StoredPolicy[];
  /** The master key of masks, wrapped by the HSM; undefined as long as none was made. */
  maskKey(): Uint8Array | undefined;
  /** The token of a value, by its keyed hash. */
  tokenOf(consumer: string, lookup: Uint8Array): string | undefined;
  /** The value of a token, encrypted as it was put. */
  sealedValue(consumer: string, token: string): Uint8Array | undefined;
  auditHead(): AuditHead;
  /** First block that is still here, and how many events there are from it on; undefined: none. */
  auditSpan(): { readonly first: number; readonly events: number } | undefined;
  /** Blocks in order, from `from` inclusive, at most `count`. */
  auditBlocks(from: number, count: number): AuditBlock[];
  close(): void;
}

export interface StoreWrites extends PolicyWrites {
  // the origin of calls
  acceptExchange(exchange: NewExchange): void;
  recordAnswer(id: string, answer: StoredAnswer): void;
  /** EXPIRED or IN_DOUBT: the exchange ends without an answer of the upstream. */
  endExchange(
    id: string,
    state: 'EXPIRED' | 'IN_DOUBT' | 'REJECTED',
    code: ErrorCode,
    atMs: number,
  ): void;
  /**
   * Forgets ended exchanges and finished inbound messages older than `beforeMs`, at most `count` each; of
   * ended exchanges also the oldest beyond what may be kept.
   */
  forget(beforeMs: number, count: number, kept?: KeptMax): void;

  // packages that leave
  /** Keeps the sealed bytes too, until they are acknowledged: from here the package is durable. */
  appendOutbound(sealed: OutPackage, content: Uint8Array): void;
  markSent(lane: string, sequence: number, atMs: number): void;
  /** The receipt: all up to `contiguous` and those in `beyond` arrived. */
  acknowledgeOutbound(
    lane: string,
    contiguous: number,
    beyond: readonly number[],
    atMs: number,
  ): void;

  // packages that arrive
  /**
   * Keeps the bytes of a package that is not finished, until it is. PACKAGE_MANIFEST: its id was used for
   * another whose bytes are kept.
   */
  recordInbound(received: InPackage, content: Uint8Array): void;
  recordMessage(message: InMessage): void;
  finishMessage(id: string, state: FinishedState, atMs: number, code?: ErrorCode): void;
  /** Where no message of the package is unfinished any more: it is finished, its bytes go. */
  finishInbound(lane: string, sequence: number): void;

  /** In the commit of the exchange that it is used for. */
  recordSignatureUse(use: RecordedUse): void;
  recordCredentialUse(use: CredentialUse): void;
  appendAudit(block: AuditBlock): void;
  /** Blocks up to `through` go; never the last one, which the next has to continue. */
  forgetAudit(through: number): void;
  putPolicy(policy: StoredPolicy): void;
  /** Once in the life of a store: what it wraps cannot be made again. STORE_FAILED: there is one. */
  putMaskKey(wrapped: Uint8Array): void;
  /** Keeps a token; one that this value has already stays as it is. */
  putToken(row: VaultRow): void;
  /** Changes one small row, so that the commit around it has to reach the disk. */
  proveWritable(atMs: number): void;
}

/** How many ended exchanges are kept, and how many bytes of answers. */
export interface KeptMax {
  readonly answers: number;
  readonly bytes: number;
}

export interface OutLane {
  readonly lane: string;
  /** Last sequence used; 0: none yet. */
  readonly head: number;
  /** SHA-256 (hex) of the last package's manifest.p7m; 64 zeros before the first. */
  readonly headDigest: string;
  /** Highest sequence up to which all are acknowledged. */
  readonly acknowledged: number;
}

export interface InLane {
  readonly lane: string;
  readonly contiguous: number;
  /** Received sequences above `contiguous`, ascending. */
  readonly beyond: readonly number[];
}

export interface OutPackage {
  readonly lane: string;
  readonly sequence: number;
  readonly packageId: string;
  /** SHA-256 (hex) of manifest.p7m. */
  readonly digest: string;
  readonly bytes: number;
  readonly messages: number;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  /** False for packages of receipts and heartbeats alone: nobody waits for their receipt. */
  readonly awaitsReceipt: boolean;
  readonly sentAtMs?: number;
  readonly acknowledgedAtMs?: number;
}

export interface InPackage {
  readonly lane: string;
  readonly sequence: number;
  readonly packageId: string;
  readonly digest: string;
  /** manifest.previous: digest of the package before it on the lane. */
  readonly previous: string;
  readonly bytes: number;
  readonly messages: number;
  readonly receivedAtMs: number;
  /** True as soon as no message of it waits for anything. */
  readonly finished: boolean;
}

export type FinishedState = 'DELIVERED' | 'REFUSED' | 'EXPIRED' | 'IN_DOUBT';

/** A request that arrived: RELEASED once it may have reached its upstream. */
export interface InMessage {
  readonly id: string;
  readonly lane: string;
  readonly sequence: number;
  readonly flow: string;
  readonly consumer: string;
  readonly deadlineMs: number;
  readonly state: 'RELEASED' | FinishedState;
  readonly receivedAtMs: number;
  readonly code?: ErrorCode;
}

export interface NewExchange {
  readonly id: string;
  readonly consumer: string;
  readonly flow: string;
  readonly acceptedAtMs: number;
  readonly deadlineMs: number;
  readonly lane: string;
  readonly sequence: number;
  /** SHA-256 (hex) of the encoded request message. */
  readonly requestDigest: string;
  readonly idempotencyKey?: string;
  /** SHA-256 (hex) of what the caller sent, to recognise another request under the same key. */
  readonly callDigest?: string;
}

export type ExchangeState =
  | 'SEALED'
  | 'SENT'
  | 'ACKNOWLEDGED'
  | 'RESPONDED'
  | 'REJECTED'
  | 'EXPIRED'
  | 'IN_DOUBT';

export interface Exchange extends NewExchange {
  /** Until it ends, the state of the package that carries it. */
  readonly state: ExchangeState;
  readonly answer?: StoredAnswer;
}

export interface StoredAnswer {
  readonly state: 'RESPONDED' | 'REJECTED';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly code?: ErrorCode;
  readonly body: Uint8Array;
  readonly answeredAtMs: number;
}

export interface StoreCounts {
  readonly exchanges: Readonly<Partial<Record<ExchangeState, number>>>;
  readonly outbound: number;
  readonly inbound: number;
  readonly unacknowledged: number;
  readonly auditEvents: number;
}

export interface StoredPolicy {
  readonly version: number;
  /** CMS SignedData, DER, whose content is the bundle's canonical JSON. */
  readonly bundle: Uint8Array;
  readonly appliedAtMs: number;
  readonly actor: string;
}

export interface AuditHead {
  /** Sequence of the last block; 0: none. */
  readonly sequence: number;
  readonly hash: string;
}

/** One commit's events. `hash = SHA-256(0x01 ‖ previous ‖ u64 sequence ‖ u64 atMs ‖ events)`. */
export interface AuditBlock {
  readonly sequence: number;
  readonly atMs: number;
  /** Hash (hex) of the block before; 64 zeros for the first. */
  readonly previous: string;
  readonly hash: string;
  readonly count: number;
  /** JSON Lines, UTF-8, one event a line. */
  readonly events: Uint8Array;
}
