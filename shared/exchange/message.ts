/**
 * What crosses inside packages. A message is a header (closed schema, deterministic CBOR on the wire)
 * and raw body bytes. docs/spec/exchange.md §Messages is the norm.
 */
import type { SignedRequest } from '../accounts/signature-base.ts';
import type { ErrorCode } from '../errors.ts';

export type MessageHeader =
  | RequestHeader
  | ResponseHeader
  | ReceiptHeader
  | HeartbeatHeader
  | PolicyHeader
  | ControlHeader;

export interface Message<H extends MessageHeader = MessageHeader> {
  readonly header: H;
  readonly body: Uint8Array;
}

interface Common {
  /** UUIDv7, 32 hex digits (16 bytes on the wire). */
  readonly id: string;
  /** W3C traceparent, where the caller gave one. */
  readonly traceparent?: string;
}

/** A call on its way to an upstream. `id` is also the exchange id that the consumer sees. */
export interface RequestHeader extends Common {
  readonly type: 'request';
  /** `service/route` of the policy. */
  readonly flow: string;
  readonly consumer: string;
  /** Unix ms after which the answer is of no use. */
  readonly deadlineMs: number;
  readonly method: string;
  /** Normalised path, no query. */
  readonly path: string;
  /** Decoded query pairs in order. */
  readonly query: readonly (readonly [string, string])[];
  /** Only the headers that the route names, lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType?: string;
  /** Which credential the caller showed, as the sender says: `key 0a1b2c3d4e5f`. */
  readonly credential?: string;
  /**
   * What the caller signed (RFC 9421), for the receiver to verify: the body is then the bytes that the
   * caller sent. Fields: those that are covered, `host`, `signature-input` and `signature`.
   */
  readonly signed?: Omit<SignedRequest, 'method'>;
  /**
   * Address of the caller as the sender's edge saw it, and its risk (0-100) as the sender's guard counted
   * it. Each crosses only where a condition of the policy reads it for this call.
   */
  readonly source?: string;
  readonly risk?: number;
  /** The caller's JWT, for the receiver to verify. */
  readonly token?: string;
  /** The caller's certificate and what came with it, DER in base64, for the receiver to verify. */
  readonly certificates?: readonly string[];
  /**
   * Header fields that an authenticator of the policy saw, for that of the receiver: the body is then the
   * bytes that the caller sent.
   */
  readonly shown?: Readonly<Record<string, string>>;
}

/** The answer to a request; carries the receipt of that request. */
export interface ResponseHeader extends Common {
  readonly type: 'response';
  /** Id of the request. */
  readonly correlationId: string;
  /** HTTP status for the consumer. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType?: string;
  /** Set where the other side refused or failed; the body is then empty. */
  readonly error?: ErrorCode;
  /** SHA-256 (hex) of the encoded request message: what was answered. */
  readonly requestDigest: string;
  /** Rule id → how many values it changed: evidence of masking, never a value. */
  readonly masked?: Readonly<Record<string, number>>;
  /** What took how long on the answering node, ms by step name. */
  readonly steps?: Readonly<Record<string, number>>;
}

/** Transfer receipt for one lane: what arrived, and what is still missing. */
export interface ReceiptHeader extends Common {
  readonly type: 'receipt';
  readonly lane: string;
  /** Every sequence up to and including this one arrived. 0: none. */
  readonly contiguous: number;
  /** Sequences that arrived beyond it, ascending. */
  readonly beyond: readonly number[];
  /** Sequences asked for again, ascending. */
  readonly missing: readonly number[];
}

/** States the head of the sender's lane, so that the receiver sees a lost tail. */
export interface HeartbeatHeader extends Common {
  readonly type: 'heartbeat';
  readonly lane: string;
  readonly head: number;
}

/** Body: the signed policy bundle (CMS SignedData, DER). */
export interface PolicyHeader extends Common {
  readonly type: 'policy';
  readonly version: number;
}

/** An order between the guards. */
export interface ControlHeader extends Common {
  readonly type: 'control';
  readonly action: 'policy-wanted';
  /** Policy version in force at the sender. */
  readonly version: number;
}
