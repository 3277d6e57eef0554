/** Archives made by hand, so that they can lie. */
import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipEntry {
  readonly name: string;
  readonly content: Buffer | string;
  readonly encrypted?: boolean;
  /** Unix mode and type, such as 0o120777 for a link. */
  readonly mode?: number;
  /** Not packed. */
  readonly stored?: boolean;
  /** Bytes behind the packed content that are counted to it. */
  readonly behind?: string;
  /** Name in the entry's own header, where it differs from the directory. */
  readonly localName?: string;
  /** Size in the directory, where it lies. */
  readonly size?: number;
  /** In the directory only in passing: not in it, or not counted by its end. */
  readonly hidden?: 'unlisted' | 'uncounted';
  /** In the entry's own header, where it differs from the directory. */
  readonly localPacked?: number;
  readonly localCrc?: number;
  /** In both. */
  readonly crc?: number;
  readonly localFlags?: number;
  /** Its own header leaves crc and sizes to a descriptor behind the content. */
  readonly descriptor?: Descriptor;
  /** Sizes stand in the zip64 field; `localSize`: in its own header another one. */
  readonly zip64?: { readonly localSize?: number };
  /** Points at the content of the entry before. */
  readonly overlaps?: boolean;
}

export interface Descriptor {
  readonly signed?: boolean;
  /** Sizes of eight bytes. */
  readonly wide?: boolean;
  /** What it lies about. */
  readonly crc?: number;
  readonly packed?: number;
  readonly size?: number;
}

/** `before`: bytes in front of the first entry; `comment`: of the whole. */
export function zipOf(entries: readonly ZipEntry[], before = '', comment = ''): Buffer {
  const parts: Buffer[] = [Buffer.from(before)];
  const directory: Buffer[] = [];
  let at = before.length;
  let last = at;
  for (const entry of entries) {
    const content = Buffer.from(entry.content);
    const behind = Buffer.from(entry.behind ?? '');
    const packed = Buffer.concat([entry.stored ? content : deflateRawSync(content), behind]);
    const size = entry.size ?? content.length;
    const flags = (entry.encrypted ? 1 : 0) | (entry.descriptor ? 8 : 0) | 0x0800;
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(entry.zip64 ? 45 : 20, 0);
    fields.writeUInt16LE(flags, 2);
    fields.writeUInt16LE(entry.stored ? 0 : 8, 4);
    fields.writeUInt32LE(entry.crc ?? crc32(content), 10);
    fields.writeUInt32LE(entry.zip64 ? inZip64 : packed.length, 14);
    fields.writeUInt32LE(entry.zip64 ? inZip64 : size, 18);
    const local = Buffer.from(entry.localName ?? entry.name);
    const head = Buffer.from(fields);
    if (entry.descriptor) head.fill(0, 10, 22);
    head.writeUInt16LE(local.length, 22);
    if (entry.localPacked !== undefined) head.writeUInt32LE(entry.localPacked, 14);
    if (entry.localCrc !== undefined) head.writeUInt32LE(entry.localCrc, 10);
    if (entry.localFlags !== undefined) head.writeUInt16LE(entry.localFlags, 2);
    const extra = entry.zip64 ? zip64Field(size, packed.length) : Buffer.alloc(0);
    const ownExtra = entry.zip64
      ? zip64Field(entry.zip64.localSize ?? size, packed.length)
      : Buffer.alloc(0);
    head.writeUInt16LE(ownExtra.length, 24);
    const name = Buffer.from(entry.name);
    fields.writeUInt16LE(name.length, 22);
    fields.writeUInt16LE(extra.length, 24);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 6);
    tail.writeUInt32LE(entry.overlaps ? last : at, 10);
    if (entry.hidden !== 'unlisted') {
      directory.push(Buffer.from('PK\x01\x02\x14\x03', 'latin1'), fields, tail, name, extra);
    }
    last = at;
    if (entry.overlaps) continue;
    const described = { crc: crc32(content), packed: packed.length, size, ...entry.descriptor };
    const whole = Buffer.concat([
      Buffer.from('PK\x03\x04', 'latin1'),
      ...[head, local, ownExtra, packed],
      entry.descriptor ? descriptorOf(described) : Buffer.alloc(0),
    ]);
    parts.push(whole);
    at += whole.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  const counted = entries.filter(({ hidden }) => hidden === undefined).length;
  end.writeUInt16LE(counted, 8);
  end.writeUInt16LE(counted, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...parts, central, end, Buffer.from(comment)]);
}

const inZip64 = 0xffffffff;

function zip64Field(size: number, packed: number): Buffer {
  const field = Buffer.alloc(20);
  field.writeUInt16LE(1, 0);
  field.writeUInt16LE(16, 2);
  field.writeBigUInt64LE(BigInt(size), 4);
  field.writeBigUInt64LE(BigInt(packed), 12);
  return field;
}

function descriptorOf(said: Required<Pick<Descriptor, 'crc' | 'packed' | 'size'>> & Descriptor) {
  const width = said.wide ? 8 : 4;
  const bytes = Buffer.alloc(4 + 2 * width);
  bytes.writeUInt32LE(said.crc, 0);
  bytes.writeUInt32LE(said.packed, 4);
  bytes.writeUInt32LE(said.size, 4 + width);
  return said.signed === false
    ? bytes
    : Buffer.concat([Buffer.from('PK\x07\x08', 'latin1'), bytes]);
}

export function tarOf(
  entries: readonly {
    name: string;
    content?: string | Buffer;
    kind?: string;
    /** Of the header: GNU's own has `ustar ` and other fields behind. */
    magic?: string;
    prefix?: string;
    /** The field of the size as it stands there. */
    size?: string | Buffer;
    /** What fills the last block of the content. */
    fill?: string;
  }[],
): Buffer {
  const parts = entries.flatMap(({ name, content = '', kind = '0', fill = '\0', ...more }) => {
    const bytes = Buffer.from(content);
    const head = Buffer.alloc(512);
    head.write(name, 0);
    head.write('0000644\0', 100);
    head.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
    head.write('        ', 148);
    head.write(kind, 156);
    head.write(more.magic ?? 'ustar\x0000', 257);
    head.write(more.prefix ?? '', 345);
    if (more.size !== undefined) Buffer.from(more.size).copy(head, 124);
    const sum = head.reduce((total, byte) => total + byte, 0);
    head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [head, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512, fill)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}
