/**
 * Zip: yauzl reads its directory, after which that and the headers before each content must say the same, and
 * each content must be what both say, to its last byte.
 */
import { crc32 } from 'node:zlib';
import { type Entry, fromBufferPromise } from 'yauzl';
import { SallyportError } from '../../errors.ts';
import { type Budget, count, spend } from './budget.ts';
import { inflate } from './inflate.ts';
import { archiveRefused, encrypted } from './refusals.ts';
import { expectName, type Unpacked } from './unpacked.ts';
import { directoryAt, entryAt, isGapless, type Stretch } from './zip-headers.ts';

/** Errors: ARCHIVE_REFUSED, FILE_ENCRYPTED. */
export async function unzip(bytes: Buffer, budget: Budget): Promise<Unpacked[]> {
  const files: Unpacked[] = [];
  const taken: Stretch[] = [];
  let directoryBytes = 0;
  try {
    const zip = await fromBufferPromise(bytes, { strictFileNames: true });
    for await (const entry of zip.eachEntry()) {
      count(budget);
      if (entry.isEncrypted()) throw encrypted();
      expectName(entry.fileName);
      const { fileNameLength, extraFieldLength, fileCommentLength } = entry;
      directoryBytes += 46 + fileNameLength + extraFieldLength + fileCommentLength;
      const own = entryAt(bytes, entry) ?? refuseHeaders();
      taken.push(own);
      const kind = (entry.externalFileAttributes >>> 16) & 0o170000;
      if (kind !== 0 && kind !== 0o100000 && kind !== 0o040000) throw archiveRefused('link');
      const isFolder = entry.fileName.endsWith('/');
      if (isFolder && entry.uncompressedSize !== 0) throw archiveRefused('headers');
      spend(budget, entry.compressedSize, entry.uncompressedSize);
      const content = await contentOf(entry, own.content);
      if (!isFolder) files.push({ name: entry.fileName, bytes: content });
    }
  } catch (cause) {
    if (cause instanceof SallyportError) throw cause;
    throw archiveRefused('damaged', cause);
  }
  taken.push(directoryAt(bytes, directoryBytes) ?? refuseHeaders());
  if (!isGapless(taken)) throw archiveRefused('headers');
  return files;
}

function refuseHeaders(): never {
  throw archiveRefused('headers');
}

const stored = 0;
const deflated = 8;

async function contentOf(entry: Entry, packed: Buffer): Promise<Buffer> {
  const { compressionMethod: method, uncompressedSize: size } = entry;
  if (method !== stored && method !== deflated) throw archiveRefused('damaged');
  const { content, packedBytes } =
    method === stored
      ? { content: packed, packedBytes: packed.length }
      : await inflate(packed, size);
  const isWhole =
    packedBytes === packed.length && content.length === size && crc32(content) === entry.crc32;
  if (!isWhole) throw archiveRefused('damaged');
  return content;
}
