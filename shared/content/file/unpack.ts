/** Archives, unpacked in memory under limits before anything is written. */
import { type Budget, unpackedMax } from './budget.ts';
import { archiveRefused } from './refusals.ts';
import type { FileType } from './type.ts';
import { ungzip } from './ungzip.ts';
import type { Unpacked } from './unpacked.ts';
import { untar } from './untar.ts';
import { unzip } from './unzip.ts';

export type ArchiveType = 'zip' | 'tar' | 'gzip';

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
  const files = await filesOf(type, bytes, budget);
  const names = files.map(({ name }) => name.toLowerCase());
  if (new Set(names).size !== names.length) throw archiveRefused('duplicate');
  if (left - budget.bytes > unpackedMax(bytes.length)) throw archiveRefused('ratio');
  if (files.length > entries) throw archiveRefused('entries');
  return files;
}

async function filesOf(type: ArchiveType, bytes: Buffer, budget: Budget): Promise<Unpacked[]> {
  if (type === 'zip') return unzip(bytes, budget);
  if (type === 'tar') return untar(bytes, budget);
  return [{ name: '', bytes: await ungzip(bytes, budget) }];
}
