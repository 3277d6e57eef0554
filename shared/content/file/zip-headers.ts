/**
 * What a zip says of itself in several places must be the same (APPNOTE.TXT 6.3.10, 4.3): some readers go by
 * the directory at its end, others by the headers from its start.
 *
 *   header content [descriptor] header content … directory [zip64 end, its locator] end
 */
import type { Entry } from 'yauzl';

/** From its first byte to the one behind it. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** An entry with its descriptor, where it has one, and its content as it is packed. */
export interface OwnEntry extends Stretch {
  readonly content: Buffer;
}

/** Where an entry lies; undefined where its own header says something else than the directory. */
export function entryAt(bytes: Buffer, entry: Entry): OwnEntry | undefined {
  const from = entry.relativeOffsetOfLocalHeader;
  if (from + 30 > bytes.length || bytes.readUInt32LE(from) !== 0x04034b50) return undefined;
  const nameEnd = from + 30 + bytes.readUInt16LE(from + 26);
  const contentAt = nameEnd + bytes.readUInt16LE(from + 28);
  const end = contentAt + entry.compressedSize;
  if (end > bytes.length) return undefined;
  const flags = bytes.readUInt16LE(from + 6);
  const extra = bytes.subarray(nameEnd, contentAt);
  const own = { crc: bytes.readUInt32LE(from + 14), ...sizesOf(bytes, from, extra) };
  const isDescribed = (flags & hasDescriptor) !== 0;
  // With a descriptor behind the content they may be left open.
  const isOpen = isDescribed && own.crc === 0 && own.packed === 0 && own.size === 0;
  const same =
    flags === entry.generalPurposeBitFlag &&
    bytes.subarray(from + 30, nameEnd).equals(entry.fileNameRaw) &&
    bytes.toString('utf8', from + 30, nameEnd) === entry.fileName &&
    bytes.readUInt16LE(from + 8) === entry.compressionMethod &&
    (isOpen || isSame(own, entry));
  if (!same) return undefined;
  const to = isDescribed ? descriptorEnd(bytes, end, entry) : end;
  return to === undefined ? undefined : { from, to, content: bytes.subarray(contentAt, end) };
}

interface Said {
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
}

const isSame = ({ crc, packed, size }: Said, entry: Entry): boolean =>
  crc === entry.crc32 && packed === entry.compressedSize && size === entry.uncompressedSize;

const hasDescriptor = 8;
const inZip64 = 0xffffffff;
const signature = 0x08074b50;

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
 * Behind the data descriptor: with its signature or without, sizes of four bytes or of eight. Undefined where
 * none of these says what the directory says.
 */
function descriptorEnd(bytes: Buffer, at: number, entry: Entry): number | undefined {
  for (const from of [at + 4, at]) {
    if (from > at && (from > bytes.length || bytes.readUInt32LE(at) !== signature)) continue;
    for (const width of [4, 8]) {
      const end = from + 4 + 2 * width;
      if (end > bytes.length) continue;
      const sizeAt = (offset: number): number =>
        width === 4 ? bytes.readUInt32LE(offset) : Number(bytes.readBigUInt64LE(offset));
      const packed = sizeAt(from + 4);
      const said = { crc: bytes.readUInt32LE(from), packed, size: sizeAt(from + 4 + width) };
      if (isSame(said, entry)) return end;
    }
  }
  return undefined;
}

/**
 * The directory with all up to the end record. Undefined where it is not as long as its entries, `length`,
 * not where both ends say, or where a comment follows, in which anything may stand.
 */
export function directoryAt(bytes: Buffer, length: number): Stretch | undefined {
  const end = bytes.lastIndexOf('PK\x05\x06');
  const own = { length: bytes.readUInt32LE(end + 12), from: bytes.readUInt32LE(end + 16) };
  const end64 = zip64End(bytes, end);
  const from = (end64?.at ?? end) - length;
  const isSaid = (said: number, is: number): boolean =>
    said === is || (end64 !== undefined && said === inZip64);
  const same =
    end + 22 === bytes.length &&
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
  return inOrder.every(({ from }, index) => from === (inOrder[index - 1]?.to ?? 0));
}
