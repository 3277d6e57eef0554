/** One look through a pick-up folder: takes what is finished, sets aside what is no package. */
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { counted } from '../../counted.ts';
import { asSallyportError, SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { ChannelSink } from '../../ports.ts';
import { checkSize, type SpoolBounds, type SpoolRoom } from '../room.ts';
import { bySpoolOrder, parseSpoolName } from '../spool.ts';
import { createAside, refusedFolder } from './aside.ts';
import { copyPackage } from './copy.ts';
import { type Convention, createFinished, markerSuffix } from './finished.ts';

export interface PickupOptions {
  readonly pickupDir: string;
  readonly sink: ChannelSink;
  readonly convention: Convention;
  readonly stableMs: number;
  readonly bounds: SpoolBounds;
  readonly room: SpoolRoom;
  collected(file: string, bytes: number): void;
  /** Asked between packages. */
  stopped(): boolean;
}

export interface Pickup {
  /**
   * False where the spool is full and packages were left lying. Throws where `pickupDir` is
   * unreadable.
   */
  sweep(): Promise<boolean>;
}

export function createPickup(options: PickupOptions): Pickup {
  const { pickupDir, sink, convention, stableMs } = options;
  const finished = createFinished(pickupDir, convention, stableMs);
  const aside = createAside(pickupDir, sink);
  let toldFull = false;

  /** Takes one package. CHANNEL_FULL stops the sweep; other errors are about this file alone. */
  const take = async (name: string): Promise<void> => {
    const path = join(pickupDir, name);
    const source = await openRegular(path);
    let file: string;
    let size: number;
    try {
      size = await checkFile(source, options.bounds);
      if (!(await options.room.take(size))) {
        throw new SallyportError('CHANNEL_FULL', 'expected room in the spool, got none');
      }
      file = await copyPackage(source, size, sink.spoolDir, name);
    } finally {
      await source.close();
    }
    options.collected(file, size);
    // The marker first: one that outlived its package would vouch for the next of that name.
    if (convention === 'marker') await remove(path + markerSuffix);
    await remove(path);
  };
  const consider = async (name: string, names: ReadonlySet<string>): Promise<void> => {
    if (aside.knows(name)) return;
    try {
      if (!parseSpoolName(name)) throw refusal('the name of a package', 'another name');
      if (await finished.check(name, names)) await take(name);
    } catch (thrown) {
      const error = asSallyportError(thrown, 'CHANNEL_LOST');
      if (error.code === 'CHANNEL_FULL') throw error;
      // Gone, being written or unreadable just now: the next sweep sees it again.
      if (error.code === 'CHANNEL_FRAME') await aside.put(name, error);
    }
  };
  return {
    async sweep() {
      const names = new Set(await readdir(pickupDir));
      finished.forget(names);
      aside.forget(names);
      if (convention === 'marker') await removeStaleMarkers(pickupDir, names);
      const candidates = [...names].filter((name) => !isFurniture(name, convention));
      try {
        for (const name of candidates.sort(bySpoolOrder)) {
          if (options.stopped()) break;
          await consider(name, names);
        }
        toldFull = false;
        return true;
      } catch (thrown) {
        const { code, message } = asSallyportError(thrown);
        if (!toldFull) sink.refused(code, message);
        toldFull = true;
        return false;
      }
    },
  };
}

/** A package that came twice leaves the marker of its second coming: a file is always written before. */
async function removeStaleMarkers(dir: string, names: ReadonlySet<string>): Promise<void> {
  for (const name of names) {
    const marked = name.endsWith(markerSuffix) ? name.slice(0, -markerSuffix.length) : '';
    if (!parseSpoolName(marked) || names.has(marked)) continue;
    const { mtimeMs } = await lstat(join(dir, name)).catch(() => ({ mtimeMs: Date.now() }));
    // A fresh one may belong to a package that came after we looked.
    if (Date.now() - mtimeMs > limits.directoryMarkerMs) await remove(join(dir, name));
  }
}

/** Temporary names of ferries begin with a dot; `refused` is where we set things aside. */
function isFurniture(name: string, convention: Convention): boolean {
  const isMarker = convention === 'marker' && name.endsWith(markerSuffix);
  return isMarker || name.startsWith('.') || name === refusedFolder;
}

/** Looks before it opens, for opening a pipe or a device can do things; then opens no link. */
async function openRegular(path: string): Promise<FileHandle> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  if (!(await lstat(path)).isFile()) throw refusal('a regular file', 'something else');
  try {
    return await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    throw code === 'EACCES' ? refusal('a readable file', 'a locked one') : cause;
  }
}

async function remove(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch {
    throw refusal('a package that can be removed', 'one that stays');
  }
}

async function checkFile(source: FileHandle, bounds: SpoolBounds): Promise<number> {
  const found = await source.stat();
  if (!found.isFile()) throw refusal('a regular file', 'something else');
  if (found.nlink !== 1) throw refusal('a file with one name', counted(found.nlink, 'hard link'));
  checkSize(found.size, bounds);
  return found.size;
}

function refusal(expected: string, got: string): SallyportError {
  return new SallyportError('CHANNEL_FRAME', `expected ${expected}, got ${got}`);
}
