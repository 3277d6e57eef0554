/**
 * gzip (RFC 1952) of one member: some readers stop at the end of the first, others go on.
 *
 *   1f 8b 08 flags time(4) extra os [extra field] [name] [comment] [check] deflate crc(4) size(4)
 */
import { crc32 } from 'node:zlib';
import { SallyportError } from '../../errors.ts';
import { type Budget, count, spend, unpackedMax } from './budget.ts';
import { inflate, isTooLarge } from './inflate.ts';
import { archiveRefused } from './refusals.ts';

/** Errors: ARCHIVE_REFUSED. */
export async function ungzip(bytes: Buffer, budget: Budget): Promise<Buffer> {
  count(budget);
  const from = contentAt(bytes);
  try {
    const most = Math.min(budget.bytes, unpackedMax(bytes.length));
    const { content, packedBytes } = await inflate(bytes.subarray(from), most);
    const end = from + packedBytes;
    const isWhole =
      end + 8 === bytes.length &&
      bytes.readUInt32LE(end) === crc32(content) &&
      bytes.readUInt32LE(end + 4) === content.length % 2 ** 32;
    if (!isWhole) throw archiveRefused('damaged');
    spend(budget, bytes.length, content.length);
    return content;
  } catch (cause) {
    if (cause instanceof SallyportError) throw cause;
    throw archiveRefused(isTooLarge(cause) ? 'ratio' : 'damaged', cause);
  }
}

const flag = { headerCheck: 2, extra: 4, name: 8, comment: 16, reserved: 0xe0 } as const;

/** Behind the header. One that is cut ends behind the file, where nothing can be unpacked. */
function contentAt(bytes: Buffer): number {
  const flags = bytes[3] ?? 0;
  if ((flags & flag.reserved) !== 0) throw archiveRefused('headers');
  let at = 10;
  if (flags & flag.extra) at += 2 + ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8));
  for (const text of [flag.name, flag.comment]) {
    if ((flags & text) === 0) continue;
    const end = bytes.indexOf(0, at);
    at = end < 0 ? bytes.length : end + 1;
  }
  return flags & flag.headerCheck ? at + 2 : at;
}
