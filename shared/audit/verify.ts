/** Recomputes the audit chain from its first block. docs/spec/audit.md says what that can show. */
import { type KeyObject, verify, X509Certificate } from 'node:crypto';
import { counted } from '../counted.ts';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { AuditBlock } from '../store/port.ts';
import { blockHash, type Checkpoint, checkpointMessage, noHash } from './chain.ts';
import { type AuditEventName, isAuditEventName } from './events.ts';

export interface AuditVerdict {
  readonly ok: boolean;
  /** Blocks found good before the first fault. */
  readonly blocks: number;
  readonly events: number;
  /** Checkpoints met; their signatures were checked only where a certificate was given. */
  readonly checkpoints: number;
  /** Last block that a checked signature covers; 0: none. Blocks above it could be cut off unseen. */
  readonly signedThrough: number;
  readonly firstFault?: AuditFault;
}

export interface AuditFault {
  /** Sequence that the block should have. */
  readonly sequence: number;
  readonly what: string;
}

export interface AuditVerifier {
  /** Takes the next block; false from the first fault on. */
  add(block: AuditBlock): boolean;
  verdict(): AuditVerdict;
}

export interface VerifyOptions {
  /** The audit key's certificate, PEM or DER, from a source that is trusted. */
  readonly auditCertificate?: string | Uint8Array;
  /** The block that it begins with, where those before are not at hand; else the first of all. */
  readonly first?: number;
}

/** Takes all blocks from `first` on. CERTIFICATE_REFUSED: not a P-256 certificate. */
export function createAuditVerifier({ auditCertificate, first = 1 }: VerifyOptions): AuditVerifier {
  const key = auditCertificate === undefined ? undefined : publicKeyOf(auditCertificate);
  /** Hashes of the blocks that a coming checkpoint may name. */
  const hashes = new Map<number, string>();
  let previous = first === 1 ? noHash : undefined;
  let sequence = first - 1;
  let blocks = 0;
  let events = 0;
  let checkpoints = 0;
  let lastNamed = 0;
  let signedThrough = 0;
  let firstFault: AuditFault | undefined;

  const checkCheckpoint = (checkpoint: Checkpoint): string | undefined => {
    const { sequence, hash } = checkpoint;
    if (!Number.isSafeInteger(sequence)) return 'a checkpoint names no block';
    if (sequence < first) return undefined;
    if (sequence < lastNamed) return 'a checkpoint goes behind the one before it';
    const known = hashes.get(sequence);
    if (known === undefined || known !== hash)
      return `the checkpoint of block ${sequence} names another`;
    if (key && !isSigned(checkpoint, key)) return 'the signature of a checkpoint is wrong';
    checkpoints += 1;
    lastNamed = sequence;
    if (key) signedThrough = sequence;
    for (const older of hashes.keys()) {
      if (older >= sequence) break;
      hashes.delete(older);
    }
    return undefined;
  };

  const checkBlock = (block: AuditBlock): string | undefined => {
    const fault = faultOfBlock(block, sequence + 1, previous);
    if (fault !== undefined) return fault;
    const lines = Buffer.from(block.events).toString('utf8').split('\n');
    if (lines.pop() !== '') return 'the last event is cut';
    if (lines.length !== block.count) {
      return `expected ${counted(block.count, 'event')}, got ${lines.length}`;
    }
    for (const line of lines) {
      const event = eventOf(line);
      if (event === undefined) return 'an event is not of the log';
      const wrong = isCheckpoint(event) ? checkCheckpoint(event) : undefined;
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  };

  return {
    add(block) {
      if (firstFault) return false;
      const what = checkBlock(block);
      if (what !== undefined) {
        firstFault = { sequence: sequence + 1, what };
        return false;
      }
      blocks += 1;
      sequence += 1;
      events += block.count;
      previous = block.hash;
      hashes.set(sequence, block.hash);
      hashes.delete(sequence - limits.auditCheckpointLagMax);
      return true;
    },
    verdict: () => ({
      ok: firstFault === undefined,
      blocks,
      events,
      checkpoints,
      signedThrough,
      ...(firstFault && { firstFault }),
    }),
  };
}

function faultOfBlock(
  block: AuditBlock,
  sequence: number,
  previous: string | undefined,
): string | undefined {
  if (block.sequence !== sequence) return `expected block ${sequence}, got ${block.sequence}`;
  if (previous !== undefined && block.previous !== previous)
    return 'the block does not continue the one before it';
  if (!Number.isSafeInteger(block.atMs) || block.atMs < 0) return 'the time is not a time';
  if (!(block.events instanceof Uint8Array)) return 'the events are not bytes';
  if (blockHash(block) !== block.hash) return 'the content does not match its hash';
  return undefined;
}

function eventOf(line: string): { readonly event: AuditEventName } | undefined {
  try {
    const event = JSON.parse(line) as { event?: unknown } | null;
    return isAuditEventName(event?.event) ? { ...event, event: event.event } : undefined;
  } catch {
    return undefined;
  }
}

/** By its name alone: whoever uses its other fields compares them with what is known. */
function isCheckpoint(event: { readonly event: AuditEventName }): event is Checkpoint {
  return event.event === 'checkpoint';
}

function isSigned({ sequence, hash, atMs, signature }: Checkpoint, key: KeyObject): boolean {
  if (typeof signature !== 'string' || !Number.isSafeInteger(atMs) || atMs < 0) return false;
  const message = checkpointMessage({ sequence, hash }, atMs);
  const raw = Buffer.from(signature, 'base64');
  return verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, raw);
}

function publicKeyOf(certificate: string | Uint8Array): KeyObject {
  try {
    const key = new X509Certificate(certificate).publicKey;
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  } catch (cause) {
    throw new SallyportError('CERTIFICATE_REFUSED', 'expected a certificate', { hint, cause });
  }
  throw new SallyportError('CERTIFICATE_REFUSED', 'expected a certificate of a P-256 key', {
    hint,
  });
}

const hint = 'give the certificate of the audit key: certs/audit.pem in the home of the node';
