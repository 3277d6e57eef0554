/**
 * What a zip says of itself in several places must be the same (APPNOTE.TXT 6.3.10, 4.3): some readers go by
 * the directory at its end, others by the headers from its start.
 *
 *   header content header content … directory [zip64 end, its locator] end
 */
import type { Entry } from 'yauzl';

/** From its first byte to the one behind it. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** Where an entry lies; undefined where its own header says something else than the directory. */
export function entryAt(bytes: Buffer, entry: Entry): Stretch | undefined {
  const from = entry.relativeOffsetOfLocalHeader;
  if (from + 30 > bytes.length || bytes.readUInt32LE(from) !== 0x04034b50) return undefined;
  const nameEnd = from + 30 + bytes.readUInt16LE(from + 26);
  const contentAt = nameEnd + bytes.readUInt16LE(from + 28);
  if (contentAt > bytes.length) return undefined;
  const flags = bytes.readUInt16LE(from + 6);
  const { packed, size } = sizesOf(bytes, from, bytes.subarray(nameEnd, contentAt));
  // With a descriptor behind the content they may be left open.
  const isOpen = (flags & hasDescriptor) !== 0 && packed === 0 && size === 0;
  const same =
    bytes.toString('utf8', from + 30, nameEnd) === entry.fileName &&
    bytes.readUInt16LE(from + 8) === entry.compressionMethod &&
    (isOpen || (packed === entry.compressedSize && size === entry.uncompressedSize)) &&
    (flags & isEncrypted) === 0;
  return same ? { from, to: contentAt + entry.compressedSize } : undefined;
}

const isEncrypted = 1;
const hasDescriptor = 8;
const inZip64 = 0xffffffff;

/** Sizes in an entry's own header, or in the zip64 field at the start of what is extra. */
function sizesOf(bytes: Buffer, from: number, extra: Buffer): { packed: number; size: number } {
  const packed = bytes.readUInt32LE(from + 18);
  const size = bytes.readUInt32LE(from + 22);
  const isZip64 = packed === inZip64 && size === inZip64 && extra.length >= 20;
  if (!isZip64 || extra.readUInt16LE(0) !== 1) return { packed, size };
  const [own, packedOwn] = [extra.readBigUInt64LE(4), extra.readBigUInt64LE(12)];
  return { packed: Number(packedOwn), size: Number(own) };
}

/**
 * The directory with all up to the end record. Undefined where it is not as long as its entries, `length`, or
 * not where both ends say.
 */
export function directoryAt(bytes: Buffer, length: number): Stretch | undefined {
  const end = bytes.lastIndexOf('PK\x05\x06');
  const own = { length: bytes.readUInt32LE(end + 12), from: bytes.readUInt32LE(end + 16) };
  const end64 = zip64End(bytes, end);
  const from = (end64?.at ?? end) - length;
  const isSaid = (said: number, is: number): boolean =>
    said === is || (end64 !== undefined && said === inZip64);
  const same =
    isSaid(own.length, length) &&
    isSaid(own.from, from) &&
    (end64 === undefined || (end64.length === length && end64.from === from));
  return same ? { from, to: end } : undefined;
}

/** The zip64 end record and its locator, where they stand right before the end record. */
function zip64End(bytes: Buffer, end: number) {
  const at = end - 76;
  if (at < 0 || bytes.readUInt32LE(end - 20) !== 0x07064b50) return undefined;
  if (bytes.readUInt32LE(at) !== 0x06064b50) return undefined;
  const number = (offset: number): number => Number(bytes.readBigUInt64LE(offset));
  return number(end - 12) === at
    ? { at, length: number(at + 40), from: number(at + 48) }
    : undefined;
}

/** One after the other from the first byte on: nothing before, between or inside. */
export function isGapless(taken: readonly Stretch[]): boolean {
  const inOrder = taken.toSorted((a, b) => a.from - b.from);
  return inOrder.every(({ from }, index) => {
    const before = inOrder[index - 1]?.to ?? 0;
    // A data descriptor of at most 24 bytes may stand between.
    return from >= before && from <= before + (index === 0 ? 0 : 24);
  });
}
