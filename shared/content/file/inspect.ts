/**
 * A file before it may go on: its type, what it may hold, and so on for all that is packed in it.
 *
 *   bytes ▶ type ▶ allowed? ▶ document ▶ unpack ▶ each part the same again
 */
import { limits } from '../../limits.ts';
import { checkDocument, checkParts } from './document.ts';
import { type FileType, fileTypeOf, typeRefused } from './type.ts';
import { archiveRefused, type Budget, freshBudget, isArchive, unpack } from './unpack.ts';

/** What was found; evidence without names and content. */
export interface Inspected {
  readonly type: FileType;
  /** Type → how many files in it, at any depth. */
  readonly inside: Readonly<Partial<Record<FileType, number>>>;
}

/**
 * Looks through untrusted bytes. `allowed` holds for the file and for all that is packed in it. Errors
 * in check order, for each part: FILE_TYPE_REFUSED, FILE_ENCRYPTED, FILE_ACTIVE, ARCHIVE_REFUSED.
 */
export async function inspectFile(
  bytes: Buffer,
  allowed: ReadonlySet<FileType>,
): Promise<Inspected> {
  if (bytes.length > limits.fileBytesMax) {
    throw typeRefused(`a file of at most ${limits.fileBytesMax} bytes`, `${bytes.length}`);
  }
  const inside: Partial<Record<FileType, number>> = {};
  const type = await look(bytes, allowed, freshBudget(), inside, 0);
  return { type, inside };
}

async function look(
  bytes: Buffer,
  allowed: ReadonlySet<FileType>,
  budget: Budget,
  inside: Partial<Record<FileType, number>>,
  depth: number,
): Promise<FileType> {
  const type = fileTypeOf(bytes);
  if (!allowed.has(type)) throw typeRefused('an allowed type', type);
  checkDocument(type, bytes);
  if (!isArchive(type)) return type;
  if (depth >= limits.archiveDepthMax) throw archiveRefused('depth');
  const parts = await unpack(type, bytes, budget);
  if (type === 'zip') checkParts(parts);
  for (const part of parts) {
    // An empty file is of no type and holds nothing.
    if (part.bytes.length === 0) continue;
    const found = await look(part.bytes, allowed, budget, inside, depth + 1);
    inside[found] = (inside[found] ?? 0) + 1;
  }
  return type;
}
