/** Archives made by hand, so that they can lie. */
import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipEntry {
  readonly name: string;
  readonly content: Buffer | string;
  readonly encrypted?: boolean;
  /** Unix mode and type, such as 0o120777 for a link. */
  readonly mode?: number;
  /** Name in the entry's own header, where it differs from the directory. */
  readonly localName?: string;
  /** Size in the directory, where it lies. */
  readonly size?: number;
  /** In the directory only in passing: not in it, or not counted by its end. */
  readonly hidden?: 'unlisted' | 'uncounted';
  /** Packed size in the entry's own header, where it differs from the directory. */
  readonly localPacked?: number;
  /** Points at the content of the entry before. */
  readonly overlaps?: boolean;
}

export function zipOf(entries: readonly ZipEntry[], before = ''): Buffer {
  const parts: Buffer[] = [Buffer.from(before)];
  const directory: Buffer[] = [];
  let at = before.length;
  let last = at;
  for (const entry of entries) {
    const content = Buffer.from(entry.content);
    const packed = deflateRawSync(content);
    const flags = (entry.encrypted ? 1 : 0) | 0x0800;
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(flags, 2);
    fields.writeUInt16LE(8, 4);
    fields.writeUInt32LE(crc32(content), 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(entry.size ?? content.length, 18);
    const local = Buffer.from(entry.localName ?? entry.name);
    const head = Buffer.from(fields);
    head.writeUInt16LE(local.length, 22);
    if (entry.localPacked !== undefined) head.writeUInt32LE(entry.localPacked, 14);
    const name = Buffer.from(entry.name);
    fields.writeUInt16LE(name.length, 22);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 6);
    tail.writeUInt32LE(entry.overlaps ? last : at, 10);
    if (entry.hidden !== 'unlisted') {
      directory.push(Buffer.from('PK\x01\x02\x14\x03', 'latin1'), fields, tail, name);
    }
    last = at;
    if (entry.overlaps) continue;
    const whole = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), head, local, packed]);
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
  return Buffer.concat([...parts, central, end]);
}

export function tarOf(
  entries: readonly { name: string; content?: string | Buffer; kind?: string }[],
): Buffer {
  const parts = entries.flatMap(({ name, content = '', kind = '0' }) => {
    const bytes = Buffer.from(content);
    const head = Buffer.alloc(512);
    head.write(name, 0);
    head.write('0000644\0', 100);
    head.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
    head.write('        ', 148);
    head.write(kind, 156);
    head.write('ustar\x0000', 257);
    const sum = head.reduce((total, byte) => total + byte, 0);
    head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [head, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}
