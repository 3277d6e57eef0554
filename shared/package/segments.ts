/** Identity, key and place of each segment. docs/spec/package.md §Segments. */
import { hkdfSync } from 'node:crypto';
import { sealSegment, segmentContent, segmentFileBytes } from './cms-enveloped.ts';
import type { Suite } from './suites.ts';
import { blockBytes, entryBytes, entryHead } from './tar.ts';

export interface SegmentPlan {
  readonly packageId: string;
  readonly contentBytes: number;
  readonly segmentBytes: number;
  readonly segmentCount: number;
}

export interface Segment {
  /** Name of its archive entry. */
  readonly name: string;
  /** packageId (16) ‖ index (u64) ‖ last (1). */
  readonly id: Buffer;
  readonly plainBytes: number;
  readonly fileBytes: number;
}

export function segmentAt(plan: SegmentPlan, index: number, suite: Suite): Segment {
  const last = index === plan.segmentCount - 1;
  const plainBytes = last ? plan.contentBytes - index * plan.segmentBytes : plan.segmentBytes;
  const id = Buffer.alloc(25);
  id.write(plan.packageId, 'hex');
  id.writeBigUInt64BE(BigInt(index), 16);
  id.writeUInt8(last ? 1 : 0, 24);
  const name = `seg/${String(index).padStart(8, '0')}.p7m`;
  return { name, id, plainBytes, fileBytes: segmentFileBytes(plainBytes, id, suite) };
}

/** Archive bytes of all segments: all but the last are of one size. */
export function segmentsArchiveBytes(plan: SegmentPlan, suite: Suite): number {
  const last = segmentAt(plan, plan.segmentCount - 1, suite);
  const first = segmentAt(plan, 0, suite);
  return (plan.segmentCount - 1) * entryBytes(first.fileBytes) + entryBytes(last.fileBytes);
}

/** Where the plaintext lies in the archive entry of a segment that is to be sealed. */
export function contentOf(entry: Buffer, { plainBytes, fileBytes }: Segment, suite: Suite): Buffer {
  return segmentContent(entry.subarray(blockBytes, blockBytes + fileBytes), plainBytes, suite);
}

/** Seals the content in `entry` where it lies, and writes all that surrounds it. */
export function sealEntry(entry: Buffer, segment: Segment, packageKek: Buffer, suite: Suite): void {
  const { name, id, plainBytes, fileBytes } = segment;
  const end = blockBytes + fileBytes;
  entry.set(entryHead(name, fileBytes));
  const kek = segmentKek(packageKek, id, suite);
  sealSegment(entry.subarray(blockBytes, end), plainBytes, kek, id, suite);
  entry.fill(0, end);
}

/**
 * What the leaf of a segment hashes, as it lies in the archive entry: the last byte of the header
 * block is the zero that comes before a leaf.
 */
export function leafInput(entry: Buffer, { fileBytes }: Segment): Buffer {
  return entry.subarray(blockBytes - 1, blockBytes + fileBytes);
}

const label = 'sallyport/seg/v1';

/** A KEK for one place in one package: under it, no other segment opens. */
export function segmentKek(packageKek: Buffer, id: Buffer, suite: Suite): Buffer {
  const info = Buffer.concat([Buffer.from(label), id]);
  const { name } = suite.hash;
  return Buffer.from(hkdfSync(name, packageKek, Buffer.alloc(0), info, suite.wrap.keyBytes));
}
