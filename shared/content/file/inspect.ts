/**
 * A file before it may go on: its type, what it may hold, and so on for all that is packed in it.
 *
 *   bytes ▶ size ▶ type ▶ allowed? ▶ document ▶ unpack ▶ each part the same again
 */
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Budget } from './budget.ts';
import { checkDocument, checkParts, documentTypeOf, partTypes } from './document.ts';
import { archiveRefused } from './refusals.ts';
import { type FileType, fileTypeOf, typeRefused } from './type.ts';
import { isArchive, unpack } from './unpack.ts';

/** What was found; evidence without names and content. */
export interface Inspected {
  readonly type: FileType;
  /** Type → how many files in it, at any depth. */
  readonly inside: Readonly<Partial<Record<FileType, number>>>;
  /** The files in it, at any depth, each as it was unpacked; empty ones left out. */
  readonly parts: readonly Buffer[];
}

/** How large a file may be, and how much may be packed in it. */
export interface FileBounds {
  readonly bytesMax: number;
  readonly depthMax: number;
  readonly entriesMax: number;
  readonly unpackedBytesMax: number;
}

const widest: FileBounds = {
  bytesMax: limits.fileBytesMax,
  depthMax: limits.archiveDepthMax,
  entriesMax: limits.archiveEntriesMax,
  unpackedBytesMax: limits.unpackedBytesMax,
};

/**
 * Looks through untrusted bytes. `allowed` holds for the file and for all that is packed in it, but not
 * for the parts of a document, which have types of their own. Errors in check order: FILE_TOO_LARGE; for
 * each part FILE_TYPE_REFUSED, FILE_ENCRYPTED, FILE_ACTIVE, ARCHIVE_REFUSED.
 */
export async function inspectFile(
  bytes: Buffer,
  allowed: ReadonlySet<FileType>,
  bounds: FileBounds = widest,
): Promise<Inspected> {
  expectSize(bytes, bounds.bytesMax);
  const looking: Looking = {
    budget: { entries: bounds.entriesMax, bytes: bounds.unpackedBytesMax },
    depthMax: bounds.depthMax,
    inside: {},
    parts: [],
  };
  const type = await look(looking, bytes, allowed, 0);
  return { type, inside: looking.inside, parts: looking.parts };
}

interface Looking {
  readonly budget: Budget;
  readonly depthMax: number;
  readonly inside: Partial<Record<FileType, number>>;
  readonly parts: Buffer[];
}

async function look(
  looking: Looking,
  bytes: Buffer,
  allowed: ReadonlySet<FileType>,
  depth: number,
): Promise<FileType> {
  const type = fileTypeOf(bytes);
  expectAllowed(type, allowed);
  checkDocument(type, bytes);
  if (!isArchive(type)) return type;
  if (depth >= looking.depthMax) throw archiveRefused('depth');
  const parts = await unpack(type, bytes, looking.budget);
  const document = type === 'zip' ? documentTypeOf(parts) : type;
  if (!allowed.has(document)) throw typeRefused('an allowed type', document);
  if (type === 'zip') checkParts(parts);
  const within = document === type ? allowed : partTypes;
  for (const part of parts) {
    // An empty file is of no type and holds nothing.
    if (part.bytes.length === 0) continue;
    looking.parts.push(part.bytes);
    const found = await look(looking, part.bytes, within, depth + 1);
    looking.inside[found] = (looking.inside[found] ?? 0) + 1;
  }
  return document;
}

/** Which document a zip is shows only when it is unpacked. */
const documents: readonly FileType[] = ['docx', 'xlsx', 'pptx', 'odt', 'ods', 'odp'];

function expectAllowed(type: FileType, allowed: ReadonlySet<FileType>): void {
  const may = type === 'zip' && documents.some((one) => allowed.has(one));
  if (!may && !allowed.has(type)) throw typeRefused('an allowed type', type);
}

function expectSize(bytes: Buffer, most: number): void {
  if (bytes.length <= most) return;
  throw new SallyportError(
    'FILE_TOO_LARGE',
    `expected a file of at most ${most} bytes, got ${bytes.length}`,
    { hint: 'send a smaller file, or raise bytesMax of the field in the policy' },
  );
}
