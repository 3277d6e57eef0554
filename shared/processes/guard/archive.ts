import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { limits } from '../../limits.ts';

export interface Pruner {
  /**
   * Removes whole hours, oldest first, until the archive is in its limits; of the current hour only
   * what is too much in itself.
   */
  prune(nowMs: number): Promise<void>;
}

/** Measures an hour again only where its folder changed: an archive may hold a million packages. */
export function createPruner(archiveDir: string): Pruner {
  const measured = new Map<string, { changedMs: number; bytes: number }>();

  const sizeOf = async (hour: string): Promise<number> => {
    const dir = join(archiveDir, hour);
    const changedMs = (await stat(dir).catch(() => undefined))?.mtimeMs ?? 0;
    const known = measured.get(hour);
    if (known?.changedMs === changedMs) return known.bytes;
    let bytes = 0;
    for (const name of await readdir(dir).catch(() => [])) {
      bytes += (await stat(join(dir, name)).catch(() => undefined))?.size ?? 0;
    }
    measured.set(hour, { changedMs, bytes });
    return bytes;
  };

  return {
    async prune(nowMs) {
      const hours = (await readdir(archiveDir).catch(() => [])).sort();
      const oldest = new Date(nowMs - limits.archiveAgeMs).toISOString().slice(0, 13);
      let total = 0;
      for (const hour of hours) total += await sizeOf(hour);
      for (const hour of hours.slice(0, -1)) {
        if (hour >= oldest && total <= limits.archiveBytesMax) return;
        total -= measured.get(hour)?.bytes ?? 0;
        measured.delete(hour);
        await rm(join(archiveDir, hour), { recursive: true, force: true });
      }
      const current = hours.at(-1);
      if (current) await thin(join(archiveDir, current), total - limits.archiveBytesMax);
    },
  };
}

/** Removes the first packages that came, until so many bytes are gone. */
async function thin(dir: string, tooManyBytes: number): Promise<void> {
  let left = tooManyBytes;
  if (left <= 0) return;
  for (const name of (await readdir(dir)).sort()) {
    if (left <= 0) return;
    const file = join(dir, name);
    left -= (await stat(file).catch(() => undefined))?.size ?? 0;
    await rm(file, { force: true });
  }
}
