/**
 * The audit log of a running node: events gather in memory and become one block of the hash chain in
 * the next commit that drains them.
 *
 *   append, append ─▶ lines ─ drain(tx) ─▶ one block in this commit ─ committed ─▶ forgotten here
 *                       ▲                                            └ undone ──┐
 *                       └───────────────────────────────────────────────────────┘
 *
 * Whether a drained block exists is never guessed: the store's head says so. A block above the head was
 * undone, so its events go back to the front and into the next block. Inside a commit the head tells of
 * blocks of earlier works; when the commit has ended, one look at it settles them for good. This rests on
 * the store's promise that a commit is one uninterrupted turn.
 */
import { createHash } from 'node:crypto';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { AuditEvent } from '../ports.ts';
import type { AuditHead, StoreWrites } from '../store/port.ts';
import { blockAfter, type Checkpoint, checkpointMessage } from './chain.ts';
import { lineOf } from './line.ts';

export interface AuditLog {
  /** Keeps an event for the next block. INTERNAL: not of the closed form. OVERLOADED: no room. */
  append(event: AuditEvent): void;
  /** Writes what was appended as one block of this commit. Call it last in a work. */
  drain(tx: Pick<StoreWrites, 'appendAudit'>): void;
  /** Signs the head of the chain with the audit key and appends that. Errors: those of `sign`. */
  checkpoint(sign: SignDigest): Promise<void>;
  /** Events that are not durable yet. */
  readonly pending: number;
}

/** ECDSA P-256 over a 32-byte digest. Returns r ‖ s, 64 bytes. */
export type SignDigest = (digest: Uint8Array) => Promise<Uint8Array>;

export interface AuditLogOptions {
  /** The store's own word, asked each time: `() => store.auditHead()`. */
  readonly head: () => AuditHead;
  readonly now: () => number;
}

interface Drained {
  readonly sequence: number;
  readonly lines: readonly string[];
}

export function createAuditLog({ head, now }: AuditLogOptions): AuditLog {
  let lines: string[] = [];
  let drained: Drained[] = [];
  let pending = 0;
  let pendingBytes = 0;
  let settling = false;

  const keep = (line: string): void => {
    const bytes = Buffer.byteLength(line) + 1;
    if (
      pending >= limits.auditEventsPerBlockMax ||
      pendingBytes + bytes > limits.auditBlockBytesMax
    ) {
      throw new SallyportError('OVERLOADED', `${pending} audit events wait to be stored`);
    }
    lines.push(line);
    pending += 1;
    pendingBytes += bytes;
  };

  const takeBack = (stored: AuditHead): void => {
    const undone = drained.filter((block) => block.sequence > stored.sequence);
    if (undone.length === 0) return;
    drained = drained.filter((block) => block.sequence <= stored.sequence);
    lines = [...undone.flatMap((block) => block.lines), ...lines];
  };

  const settle = (): void => {
    settling = false;
    try {
      takeBack(head());
    } catch {
      return; // the store was closed or lost meanwhile; what is durable shows at the next start
    }
    drained = [];
    pending = lines.length;
    pendingBytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
  };

  return {
    append: (event) => keep(lineOf(event)),
    drain(tx) {
      if (pending === 0) return;
      const stored = head();
      takeBack(stored);
      if (lines.length === 0) return;
      const block = blockAfter(stored, now(), lines);
      tx.appendAudit(block);
      drained.push({ sequence: block.sequence, lines });
      lines = [];
      if (!settling) queueMicrotask(settle);
      settling = true;
    },
    async checkpoint(sign) {
      const { sequence, hash } = head();
      if (sequence === 0) return;
      const atMs = now();
      const message = checkpointMessage({ sequence, hash }, atMs);
      const signature = await sign(createHash('sha256').update(message).digest());
      // A verifier looks back only so far; a signature that took this long is not worth keeping.
      if (head().sequence - sequence >= limits.auditCheckpointLagMax) return;
      const line: Checkpoint = {
        event: 'checkpoint',
        atMs,
        sequence,
        hash,
        signature: Buffer.from(signature).toString('base64'),
      };
      keep(JSON.stringify(line));
    },
    get pending() {
      return pending;
    },
  };
}
