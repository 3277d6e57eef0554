/** The hash chain and what a checkpoint signs: the formulas of docs/spec/audit.md, once. */
import { createHash } from 'node:crypto';
import type { AuditBlock, AuditHead } from '../store/port.ts';

/** Hash before the first block. */
export const noHash = '0'.repeat(64);

/** The block that continues `head` with these lines, each without its end. */
export function blockAfter(head: AuditHead, atMs: number, lines: readonly string[]): AuditBlock {
  const block = {
    sequence: head.sequence + 1,
    atMs,
    previous: head.hash,
    count: lines.length,
    events: Buffer.from(`${lines.join('\n')}\n`),
  };
  return { ...block, hash: blockHash(block) };
}

/** The lines of a block. */
export function linesOf({ events }: AuditBlock): string[] {
  return Buffer.from(events).toString('utf8').trimEnd().split('\n');
}

/** `SHA-256(0x01 ‖ previous ‖ u64 sequence ‖ u64 atMs ‖ events)`, hex. */
export function blockHash(block: Omit<AuditBlock, 'hash' | 'count'>): string {
  const start = Buffer.alloc(49);
  start.writeUInt8(0x01, 0);
  start.write(block.previous, 1, 'hex');
  start.writeBigUInt64BE(BigInt(block.sequence), 33);
  start.writeBigUInt64BE(BigInt(block.atMs), 41);
  return createHash('sha256').update(start).update(block.events).digest('hex');
}

/** What the audit key signs, hashed with SHA-256: `label ‖ u64 sequence ‖ u64 atMs ‖ hash`. */
export function checkpointMessage(head: AuditHead, atMs: number): Buffer {
  const end = Buffer.alloc(48);
  end.writeBigUInt64BE(BigInt(head.sequence), 0);
  end.writeBigUInt64BE(BigInt(atMs), 8);
  end.write(head.hash, 16, 'hex');
  return Buffer.concat([checkpointLabel, end]);
}

const checkpointLabel = Buffer.from('sallyport/audit/checkpoint/v1\0');

/** A checkpoint's line in the log. */
export interface Checkpoint {
  readonly event: 'checkpoint';
  readonly atMs: number;
  /** Last block that it covers. */
  readonly sequence: number;
  /** Hash (hex) of that block. */
  readonly hash: string;
  /** ECDSA P-256, r ‖ s, base64. */
  readonly signature: string;
}
