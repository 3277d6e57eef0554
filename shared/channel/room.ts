/** How much a spool may hold, and whether one more package fits. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';

export interface SpoolBounds {
  readonly packageBytesMax: number;
  readonly spoolPackagesMax: number;
  readonly spoolBytesMax: number;
}

/** CHANNEL_FRAME for a size that no package has: the far end would refuse it for ever. */
export function checkSize(bytes: number, bounds: SpoolBounds = limits): void {
  const bytesMax = Math.min(bounds.packageBytesMax, bounds.spoolBytesMax);
  if (bytes >= 1 && bytes <= bytesMax) return;
  throw new SallyportError('CHANNEL_FRAME', `expected 1 to ${bytesMax} bytes, got ${bytes}`);
}

export interface SpoolRoom {
  /** True, and counted, where a file of `bytes` fits. False: try again later. */
  take(bytes: number): Promise<boolean>;
}

/**
 * Measures `dir` seldom: others only remove, so what was measured plus what was taken since is
 * never less than what is there. Only when that reaches a bound is the directory measured again.
 */
export function createSpoolRoom(dir: string, bounds: SpoolBounds = limits): SpoolRoom {
  let packages = Number.POSITIVE_INFINITY;
  let bytes = 0;
  let measuring: Promise<void> | undefined;

  const fits = (more: number): boolean =>
    packages + 1 <= bounds.spoolPackagesMax && bytes + more <= bounds.spoolBytesMax;
  const measure = async (): Promise<void> => {
    const names = await readdir(dir);
    let found = 0;
    for (const name of names) found += (await statOrNothing(join(dir, name)))?.size ?? 0;
    packages = names.length;
    bytes = found;
  };
  return {
    async take(more) {
      if (!fits(more)) {
        measuring ??= measure().finally(() => {
          measuring = undefined;
        });
        await measuring;
      }
      if (!fits(more)) return false;
      packages += 1;
      bytes += more;
      return true;
    },
  };
}

async function statOrNothing(path: string): Promise<{ size: number } | undefined> {
  try {
    return await stat(path);
  } catch {
    return undefined;
  }
}
