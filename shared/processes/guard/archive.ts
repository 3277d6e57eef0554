/**
 * Packages that crossed, kept as they crossed: sealed, so that they can be shown to an auditor and read by
 * nobody without the receiver's HSM. One folder an hour; the oldest go when there is too much.
 */
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { limits } from '../../limits.ts';

/** Moves a finished package from the spool to the archive; both are on one file system. */
export async function archive(fromDir: string, name: string, archiveDir: string): Promise<void> {
  const hour = join(archiveDir, new Date().toISOString().slice(0, 13));
  try {
    await rename(join(fromDir, name), join(hour, name));
  } catch {
    await mkdir(hour, { recursive: true, mode: 0o700 });
    await rename(join(fromDir, name), join(hour, name)).catch(() => {});
  }
}

/** Removes whole hours, oldest first, until the archive is in its limits. The current hour stays. */
export async function prune(archiveDir: string, nowMs: number): Promise<void> {
  const hours = (await readdir(archiveDir).catch(() => [])).sort();
  const oldest = new Date(nowMs - limits.archiveAgeMs).toISOString().slice(0, 13);
  const sizes = await Promise.all(hours.map((hour) => sizeOf(join(archiveDir, hour))));
  let total = sizes.reduce((sum, size) => sum + size, 0);
  for (const [index, hour] of hours.slice(0, -1).entries()) {
    if (hour >= oldest && total <= limits.archiveBytesMax) return;
    await rm(join(archiveDir, hour), { recursive: true, force: true });
    total -= sizes[index] ?? 0;
  }
}

async function sizeOf(dir: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(dir).catch(() => [])) {
    bytes += (await stat(join(dir, name)).catch(() => ({ size: 0 }))).size;
  }
  return bytes;
}
