/**
 * The folders where guard and mover meet. They only hand over: what is durable is in the store, which
 * can fill them again. What could not be opened is set aside, bounded in number, for a person to look at.
 *
 * The calls are synchronous: these files are small and local, and each would cost more as a trip to
 * another thread.
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { bySpoolOrder, parseSpoolName, spoolName } from '../../channel/spool.ts';
import { SallyportError } from '../../errors.ts';
import { newId } from '../../ids.ts';
import { limits } from '../../limits.ts';
import type { FlowClass } from '../../ports.ts';
import type { OutPackage } from '../../store/port.ts';

export interface SpoolPaths {
  readonly outDir: string;
  readonly inDir: string;
  readonly refusedDir: string;
  readonly archiveOutDir: string;
  readonly archiveInDir: string;
}

export function nameOf(place: Pick<OutPackage, 'lane' | 'sequence' | 'packageId'>): string {
  const flowClass = place.lane.split('/')[3] as FlowClass;
  return spoolName({ flowClass, sequence: place.sequence, packageId: place.packageId });
}

/** Puts a package into `dir`, whole or not at all. STORE_FAILED where that is not possible now. */
export function putPackage(dir: string, name: string, bytes: Uint8Array): void {
  const temporary = join(dir, `.${name}.tmp`);
  try {
    writeFileSync(temporary, bytes, { mode: 0o600 });
    renameSync(temporary, join(dir, name));
  } catch (cause) {
    throw new SallyportError('STORE_FAILED', 'cannot put a package into the spool', { cause });
  }
}

/** True where `dir` holds that package in its full length. */
export function hasPackage(dir: string, { name, bytes }: { name: string; bytes: number }): boolean {
  return statSync(join(dir, name), { throwIfNoEntry: false })?.size === bytes;
}

/**
 * Reads a package into memory; undefined where it is gone. PACKAGE_LAYOUT for what is no file that can be
 * read, PACKAGE_TOO_LARGE beyond what a batch may hold, STORE_FAILED where the disk fails.
 */
export function readPackage(dir: string, name: string): Buffer | undefined {
  const file = openOrNothing(join(dir, name));
  if (file === undefined) return undefined;
  try {
    const stats = fstatSync(file);
    const { size } = stats;
    if (!stats.isFile()) throw new SallyportError('PACKAGE_LAYOUT', 'expected a plain file');
    if (size > limits.batchFileBytesMax) {
      throw new SallyportError('PACKAGE_TOO_LARGE', `expected a batch, got ${size} bytes`);
    }
    const bytes = Buffer.allocUnsafe(size);
    let held = 0;
    for (let read = -1; read !== 0 && held < size; held += read) {
      read = readSync(file, bytes, held, size - held, held);
    }
    return bytes.subarray(0, held);
  } finally {
    closeSync(file);
  }
}

/** Removes what a crash left half written. For the one process that puts packages into `dir`. */
export function cleanTemporary(dir: string): void {
  for (const entry of readdirSync(dir)) {
    if (entry.startsWith('.') && entry.endsWith('.tmp')) rmSync(join(dir, entry), { force: true });
  }
}

/** Names of packages in `dir`, at most `count`, in the order in which they travel. */
export async function packagesWaiting(dir: string, count: number): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of await opendir(dir)) {
    if (parseSpoolName(name) === undefined) continue;
    if (names.push(name) === count) break;
  }
  return names.sort(bySpoolOrder);
}

/** Names of the packages in `dir`. */
export function packagesIn(dir: string): string[] {
  return readdirSync(dir).filter((name) => parseSpoolName(name) !== undefined);
}

export function remove(dir: string, name: string): void {
  rmSync(join(dir, name), { force: true, recursive: true });
}

/**
 * Moves what was refused out of the way, whatever it is; those that have lain there longest go when there are
 * too many: refusals must not fill the disk. Moving a thing reads nothing of it and follows no link.
 */
export function setAside(fromDir: string, name: string, refusedDir: string): void {
  const taken = lstatSync(join(refusedDir, name), { throwIfNoEntry: false }) !== undefined;
  move(fromDir, name, refusedDir, taken ? `${name}.${newId().slice(-8)}` : name);
  const kept = namesIn(refusedDir).flatMap((old) => {
    // Moved here last: the one time that whoever made it cannot choose.
    const stats = lstatSync(join(refusedDir, old), { throwIfNoEntry: false });
    return stats ? [{ old, size: stats.size, sinceMs: stats.ctimeMs }] : [];
  });
  let bytes = 0;
  for (const [index, { old, size }] of kept.sort((a, b) => b.sinceMs - a.sinceMs).entries()) {
    bytes += size;
    const tooMany = index >= limits.refusedPackagesMax || bytes > limits.refusedBytesMax;
    if (tooMany) remove(refusedDir, old);
  }
}

/** Sets aside what lies in `dir` and is neither a package nor on its way to be one; returns the names. */
export function setForeignAside(dir: string, refusedDir: string): string[] {
  const entries = readdirSync(dir, { withFileTypes: true });
  const foreign = entries.flatMap((entry) => {
    const isOurs = parseSpoolName(entry.name) !== undefined || entry.name.endsWith('.tmp');
    return isOurs && entry.isFile() ? [] : [entry.name];
  });
  for (const name of foreign) setAside(dir, name, refusedDir);
  return foreign;
}

/**
 * Keeps a package that crossed, as it crossed: sealed, to be shown to an auditor and read by nobody
 * without the receiver's HSM. One folder an hour. `as`: its own name, whatever the mover called it.
 */
export function archive(fromDir: string, name: string, archiveDir: string, as = name): void {
  const hour = join(archiveDir, new Date().toISOString().slice(0, 13));
  if (move(fromDir, name, hour, as)) return;
  try {
    mkdirSync(hour, { recursive: true, mode: 0o700 });
  } catch {
    // Then it cannot be moved there either.
  }
  // A full disk keeps no history: what has crossed must not take the room of what has not.
  if (!move(fromDir, name, hour, as)) remove(fromDir, name);
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

/** False where there is nothing to move, or nowhere to move it to. */
function move(fromDir: string, name: string, toDir: string, as = name): boolean {
  try {
    renameSync(join(fromDir, name), join(toDir, as));
    return true;
  } catch {
    return false;
  }
}

function openOrNothing(path: string): number | undefined {
  try {
    // The mover stands at the boundary: what it put there may be a link, or a pipe that never ends.
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    return openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    if (code === 'ENOENT') return undefined;
    const isThere = ['ELOOP', 'EACCES', 'EPERM', 'ENXIO', 'ENODEV'].includes(code);
    const message = `expected a plain file that can be read, got ${code}`;
    throw new SallyportError(isThere ? 'PACKAGE_LAYOUT' : 'STORE_FAILED', message, { cause });
  }
}
