/**
 * The folders where guard and mover meet. What the guard stages is invisible to the mover until it is
 * published; what could not be opened is set aside, bounded in number, for a person to look at.
 */
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { spoolName } from '../../channel/spool.ts';
import { SallyportError } from '../../errors.ts';
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

export function nameOf(place: OutPackage): string {
  const flowClass = place.lane.split('/')[3] as FlowClass;
  return spoolName({ flowClass, sequence: place.sequence, packageId: place.packageId });
}

const temporary = (name: string): string => `.${name}.tmp`;

/** Writes and fsyncs under a temporary name. STORE_FULL where the disk is. */
export async function stage(dir: string, name: string, bytes: Uint8Array): Promise<void> {
  try {
    const file = await open(join(dir, temporary(name)), 'w', 0o600);
    try {
      await file.writeFile(bytes);
      await file.datasync();
    } finally {
      await file.close();
    }
  } catch (cause) {
    const full = (cause as NodeJS.ErrnoException).code === 'ENOSPC';
    throw new SallyportError(full ? 'STORE_FULL' : 'STORE_FAILED', 'cannot stage a package', {
      cause,
    });
  }
}

/** Gives a staged file its final name, durably. */
export async function publish(dir: string, name: string): Promise<void> {
  await rename(join(dir, temporary(name)), join(dir, name));
  await syncDirectory(dir);
}

export function discard(dir: string, name: string): Promise<void> {
  return rm(join(dir, temporary(name)), { force: true });
}

export function remove(dir: string, name: string): Promise<void> {
  return rm(join(dir, name), { force: true });
}

/** Reads a package into memory. PACKAGE_TOO_LARGE beyond what a batch may hold. */
export async function readPackage(dir: string, name: string): Promise<Buffer> {
  const path = join(dir, name);
  const { size } = await stat(path);
  if (size > limits.batchFileBytesMax) {
    throw new SallyportError('PACKAGE_TOO_LARGE', `expected a batch, got ${size} bytes`);
  }
  return readFile(path);
}

/**
 * After a crash: publishes what was committed and staged, removes what was staged and never committed.
 * Returns the names that were published.
 */
export async function settleStaged(dir: string, committed: readonly string[]): Promise<string[]> {
  const known = new Set(committed);
  const published: string[] = [];
  for (const entry of await readdir(dir)) {
    if (!entry.startsWith('.') || !entry.endsWith('.tmp')) continue;
    const name = entry.slice(1, -4);
    if (known.has(name)) {
      await publish(dir, name);
      published.push(name);
    } else {
      await discard(dir, name);
    }
  }
  return published;
}

/** Moves a refused package out of the way; the oldest go when there are too many. */
export async function setAside(paths: SpoolPaths, name: string): Promise<void> {
  await rename(join(paths.inDir, name), join(paths.refusedDir, name)).catch(() => {});
  const kept = (await readdir(paths.refusedDir).catch(() => [])).sort();
  for (const old of kept.slice(0, Math.max(0, kept.length - limits.refusedPackagesMax))) {
    await rm(join(paths.refusedDir, old), { force: true });
  }
}

async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
