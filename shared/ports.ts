/**
 * The seams of a node: what the core asks of the outside world, in the core's own words.
 * Each port has one contract suite in test/contract/ that every implementation passes.
 */
import type { ErrorCode } from './errors.ts';

/** Purposes of a node's keys; each is a separate P-256 key pair in the HSM. */
export type KeyName = 'ca' | 'sign' | 'decrypt' | 'audit';

/**
 * A key store session: PKCS#11 token or encrypted soft keystore. Labels, not handles, name keys.
 * Errors: HSM_MODULE, HSM_TOKEN, HSM_PIN, HSM_PIN_FILE, HSM_KEY, HSM_LOST, KEYSTORE_DAMAGED.
 */
export interface Hsm {
  readonly kind: 'pkcs11' | 'soft';
  /** One line for people: module, token label, or the warning that this is no HSM. */
  readonly description: string;
  /** Labels of the key pairs that are present. */
  labels(): Promise<string[]>;
  /** Makes a non-extractable P-256 key pair for one use. HSM_KEY if the label exists. */
  generateKeyPair(label: string, use: 'sign' | 'derive'): Promise<void>;
  /** Uncompressed point, 65 bytes (0x04 ‖ X ‖ Y). */
  publicKey(label: string): Promise<Buffer>;
  /** ECDSA P-256 over a 32-byte digest. Returns r ‖ s, 64 bytes. */
  sign(label: string, digest: Uint8Array): Promise<Buffer>;
  /** ECDH P-256 with a 65-byte point; returns the 32-byte shared X coordinate, no KDF. */
  derive(label: string, point: Uint8Array): Promise<Buffer>;
  /** Forgets everything and opens anew: module, token, login, keys. The only way to heal. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}

/** What the guard may ask of the signer process. Errors as Hsm, plus IPC_LOST and IPC_TIMEOUT. */
export interface Signer {
  /** ECDSA P-256 over a 32-byte digest. Returns r ‖ s, 64 bytes. */
  sign(key: KeyName, digest: Uint8Array): Promise<Buffer>;
  /** ECDH shared X coordinate, 32 bytes. */
  derive(key: KeyName, point: Uint8Array): Promise<Buffer>;
}

export type FlowClass = 'interactive' | 'bulk';
export type Role = 'outer' | 'inner';

/** A one-way sequence of packages: sender, receiver, channel direction and class. */
export interface LaneName {
  readonly sender: string;
  readonly receiver: string;
  readonly channel: 'import' | 'export';
  readonly flowClass: FlowClass;
}

/** One line per lane: `sender/receiver/import/interactive`. */
export function laneKey(lane: LaneName): string {
  return `${lane.sender}/${lane.receiver}/${lane.channel}/${lane.flowClass}`;
}

/**
 * A mover kind. Both halves are one-way: `send` never learns whether the package arrived, and
 * `collect` never answers. A package is a finished file; its name is that of shared/channel/spool.ts.
 */
export interface ChannelSender {
  /** Hands the file over. Resolves when the transport took every byte. CHANNEL_LOST to try again. */
  send(file: string): Promise<void>;
  status(): ChannelStatus;
  close(): Promise<void>;
}

export interface ChannelReceiver {
  status(): ChannelStatus;
  close(): Promise<void>;
}

/**
 * Where a receiver puts what it collected: it writes to a temporary name in the spool, fsyncs,
 * renames and calls `collected` with the final path. It has checked name and size, nothing else.
 */
export interface ChannelSink {
  readonly spoolDir: string;
  collected(file: string): void;
  /** A coded refusal at the transport (wrong peer, oversize, bad name). */
  refused(code: ErrorCode, detail: string): void;
}

export interface ChannelStatus {
  readonly kind: 'directory' | 'link';
  readonly state: 'up' | 'down' | 'connecting';
  readonly packages: number;
  readonly bytes: number;
  readonly lastMs: number | undefined;
  readonly detail: string;
}

/** One audit event; ids, codes, counts and durations only, never a value of a body. */
export interface AuditEvent {
  /** Name from the catalogue in shared/audit/events.ts. */
  readonly event: string;
  readonly atMs: number;
  readonly exchangeId?: string;
  readonly packageId?: string;
  readonly lane?: string;
  readonly sequence?: number;
  readonly consumer?: string;
  readonly flow?: string;
  readonly code?: ErrorCode;
  readonly status?: number;
  readonly count?: number;
  readonly bytes?: number;
  /** SHA-256 (hex) of a file. */
  readonly digest?: string;
  readonly tookMs?: number;
  /** By how much a clock was set, or is ahead; negative: back, behind. */
  readonly byMs?: number;
  readonly policyVersion?: number;
  /** Id of a plan for the policy. */
  readonly plan?: string;
  /** Name of the deny rule or content check that refused, or of the plug-in that gave no answer. */
  readonly rule?: string;
  /** IP address of the caller, where the decision read it. */
  readonly source?: string;
  /** 0-100, where the decision read it. */
  readonly risk?: number;
  readonly rules?: Readonly<Record<string, number>>;
  readonly actor?: string;
}
