import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { limits } from '../../limits.ts';

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
