/**
 * Archives, unpacked in memory under limits before anything is written. Zip goes through yauzl, after
 * which its directory and its own headers must say the same; tar through a reader that knows regular
 * files and folders alone; gzip through node:zlib.
 */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { type Entry, fromBufferPromise, type ZipFile } from 'yauzl';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { nameFault } from '../text.ts';
import type { FileType } from './type.ts';
import { directoryAt, entryAt, isGapless, type Stretch } from './zip-headers.ts';

/** What one upload may unpack to, over all archives inside of it. */
export interface Budget {
  entries: number;
  bytes: number;
}

export interface Unpacked {
  /** Relative, in NFC, with `/`; empty for the one content of a gzip. */
  readonly name: string;
  readonly bytes: Buffer;
}

export type ArchiveType = 'zip' | 'tar' | 'gzip';

/** Why an archive is refused; in the message of the error, never with a name of it. */
type ArchiveRule =
  | 'entries'
  | 'bytes'
  | 'ratio'
  | 'name'
  | 'duplicate'
  | 'link'
  | 'headers'
  | 'damaged'
  | 'depth';

export function isArchive(type: FileType): type is ArchiveType {
  return type === 'zip' || type === 'tar' || type === 'gzip';
}

/** The files of an archive. Errors: ARCHIVE_REFUSED, FILE_ENCRYPTED. */
export async function unpack(
  type: ArchiveType,
  bytes: Buffer,
  budget: Budget,
): Promise<Unpacked[]> {
  const { entries, bytes: left } = budget;
  const files =
    type === 'zip'
      ? await unzip(bytes, budget)
      : type === 'tar'
        ? untar(bytes, budget)
        : [{ name: '', bytes: await ungzip(bytes, budget) }];
  const names = files.map(({ name }) => name.toLowerCase());
  if (new Set(names).size !== names.length) throw archiveRefused('duplicate');
  if (left - budget.bytes > limits.archiveRatioMax * Math.max(bytes.length, minimum)) {
    throw archiveRefused('ratio');
  }
  if (files.length > entries) throw archiveRefused('entries');
  return files;
}

export function archiveRefused(rule: ArchiveRule, cause?: unknown): SallyportError {
  return new SallyportError('ARCHIVE_REFUSED', `expected a plain archive, got a break of ${rule}`, {
    hint: 'pack regular files with relative names, within the limits, not deep in each other',
    cause,
  });
}

function refuse(rule: ArchiveRule): never {
  throw archiveRefused(rule);
}

/** A few bytes may well unpack to a few hundred times as many. */
const minimum = 4096;

function spend(budget: Budget, packed: number, size: number): void {
  budget.bytes -= size;
  if (budget.bytes < 0) throw archiveRefused('bytes');
  if (size > limits.archiveRatioMax * Math.max(packed, minimum)) throw archiveRefused('ratio');
}

function count(budget: Budget): void {
  budget.entries -= 1;
  if (budget.entries < 0) throw archiveRefused('entries');
}

/** A name that stays where it is put, on every system. */
function expectName(name: string): void {
  const parts = name.replace(/\/$/, '').split('/');
  const sound =
    Buffer.byteLength(name) <= limits.archiveNameBytesMax &&
    !/[\\:*?"<>|]/.test(name) &&
    nameFault(name) === undefined &&
    parts.every(
      (part) => !/^(?:\.{0,2}|.*[. ]|(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?)$/i.test(part),
    );
  if (!sound) throw archiveRefused('name');
}

async function unzip(bytes: Buffer, budget: Budget): Promise<Unpacked[]> {
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
      taken.push(entryAt(bytes, entry) ?? refuse('headers'));
      const kind = (entry.externalFileAttributes >>> 16) & 0o170000;
      if (kind !== 0 && kind !== 0o100000 && kind !== 0o040000) throw archiveRefused('link');
      if (entry.fileName.endsWith('/')) {
        if (entry.uncompressedSize !== 0) throw archiveRefused('headers');
        continue;
      }
      spend(budget, entry.compressedSize, entry.uncompressedSize);
      files.push({ name: entry.fileName, bytes: await contentOf(zip, entry) });
    }
  } catch (cause) {
    if (cause instanceof SallyportError) throw cause;
    throw archiveRefused('damaged', cause);
  }
  taken.push(directoryAt(bytes, directoryBytes) ?? refuse('headers'));
  if (!isGapless(taken)) throw archiveRefused('headers');
  return files;
}

async function contentOf(zip: ZipFile, entry: Entry): Promise<Buffer> {
  const parts: Buffer[] = [];
  // yauzl ends with an error where there is more or less than the directory says.
  for await (const part of await zip.openReadStreamPromise(entry)) parts.push(part);
  return Buffer.concat(parts);
}

const blockBytes = 512;

/** POSIX ustar with regular files and folders; GNU and pax extensions are not read but refused. */
function untar(bytes: Buffer, budget: Budget): Unpacked[] {
  const files: Unpacked[] = [];
  let at = 0;
  for (;;) {
    const head = bytes.subarray(at, at + blockBytes);
    if (head.length < blockBytes) throw archiveRefused('damaged');
    if (head.every((byte) => byte === 0)) break;
    const text = (from: number, length: number): string =>
      head.toString('utf8', from, from + length).replace(/\0.*$/s, '');
    const number = (from: number, length: number): number => {
      const digits = text(from, length).trim();
      if (!/^[0-7]{1,11}$/.test(digits)) throw archiveRefused('headers');
      return Number.parseInt(digits, 8);
    };
    const sum = head.reduce(
      (total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte),
      0,
    );
    if (number(148, 8) !== sum) throw archiveRefused('headers');
    count(budget);
    const kind = text(156, 1);
    if (kind !== '' && kind !== '0' && kind !== '5') throw archiveRefused('link');
    const prefix = text(345, 155);
    const name = prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`;
    expectName(name);
    const size = number(124, 12);
    at += blockBytes;
    if (at + size > bytes.length) throw archiveRefused('damaged');
    if (kind === '5' ? size > 0 : name.endsWith('/')) throw archiveRefused('headers');
    if (kind !== '5') {
      spend(budget, size, size);
      files.push({ name, bytes: bytes.subarray(at, at + size) });
    }
    at += Math.ceil(size / blockBytes) * blockBytes;
  }
  if (bytes.subarray(at).some((byte) => byte !== 0)) throw archiveRefused('damaged');
  return files;
}

interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}
const inflate = promisify<Buffer, { maxOutputLength: number; info: true }, Inflated>(
  gunzip as never,
);

async function ungzip(bytes: Buffer, budget: Budget): Promise<Buffer> {
  count(budget);
  const most = Math.min(budget.bytes, limits.archiveRatioMax * Math.max(bytes.length, minimum));
  try {
    const inflated = await inflate(bytes, { maxOutputLength: Math.max(1, most), info: true });
    const { buffer: content, engine } = inflated;
    // Behind a zero anything may stand.
    if (engine.bytesWritten !== bytes.length) throw archiveRefused('damaged');
    spend(budget, bytes.length, content.length);
    return content;
  } catch (cause) {
    if (cause instanceof SallyportError) throw cause;
    const tooLarge =
      cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE';
    throw archiveRefused(tooLarge ? 'ratio' : 'damaged', cause);
  }
}

function encrypted(): SallyportError {
  return new SallyportError(
    'FILE_ENCRYPTED',
    'expected an archive without password, got one with',
    {
      hint: 'send the archive without password',
    },
  );
}
